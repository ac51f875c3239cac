package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"time"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

const (
	sha     = "1f2e3d4c5b6a79880716253443526170deadbeef"
	noOnes  = support.NoOnes
	webhook = "https://webhook.buildkite.com/deliver/"
)

var ctx = context.Background()

// The user, the organization, and what two tokens may do.
func account(f *fake) {
	client := f.client()
	user, response, err := client.User.CurrentUser(ctx)
	must(err)
	check(user.Name, f.User.Name)
	check(user.Email, f.User.Email)
	isID(user.ID)
	isSet(user.CreatedAt)
	check(response.Header.Get("Content-Type"), "application/json; charset=utf-8")

	organizations, response, err := client.Organizations.List(ctx, nil)
	must(err)
	check(len(organizations), 1)
	check(response.LastPage, 0)
	organization, _, err := client.Organizations.Get(ctx, f.Organization)
	must(err)
	check(organization, organizations[0])
	check(organization.Slug, f.Organization)
	check(organization.URL, f.At("organizations/"+f.Organization))
	check(organization.PipelinesURL, organization.URL+"/pipelines")
	isSet(organization.CreatedAt)

	token, _, err := client.AccessTokens.Get(ctx)
	must(err)
	isID(token.UUID)
	check(token.User.Email, user.Email)
	for _, scope := range []string{"read_builds", "write_builds", "read_user", "graphql"} {
		check(slices.Contains(token.Scopes, scope), true)
	}
	readOnly, _, err := f.clientWith(f.ReadOnlyToken).AccessTokens.Get(ctx)
	must(err)
	check(readOnly.Scopes, f.ReadOnlyScopes)
	check(readOnly.UUID != token.UUID, true)
}

// A build is made with everything there is to say, and watched until it has passed.
func createAndPoll(f *fake) {
	client := f.client()
	created, response, err := client.Builds.Create(ctx, f.Organization, "app", buildkite.CreateBuild{
		Commit:                sha,
		Branch:                "feature/login",
		Message:               "Try it :rocket:",
		Author:                buildkite.Author{Name: "Grace Example", Email: "grace@example.com"},
		Env:                   map[string]string{"DEBUG": "1"},
		MetaData:              map[string]string{"release": "v9"},
		PullRequestBaseBranch: "main",
		PullRequestID:         42,
		PullRequestRepository: "https://github.com/acme/app.git",
	})
	must(err)
	check(response.StatusCode, 201)
	check(created.Number, 1)
	check(created.State, "scheduled")
	check(created.Blocked, false)
	check(created.Message, "Try it :rocket:")
	check(created.Commit, sha)
	check(created.Branch, "feature/login")
	check(created.Env, map[string]any{"DEBUG": "1"})
	check(created.MetaData, map[string]string{"release": "v9"})
	check(created.Source, "api")
	check(created.Author.Email, "grace@example.com")
	check(created.Creator.Email, f.User.Email)
	isID(created.Creator.ID)
	isSet(created.Creator.CreatedAt)
	check(*created.PullRequest, buildkite.PullRequest{
		ID: "42", Base: "main", Repository: "https://github.com/acme/app.git",
	})
	check(created.RebuiltFrom == nil, true)
	check(created.StartedAt == nil && created.FinishedAt == nil, true)
	check(created.URL, f.At("organizations/"+f.Organization+"/pipelines/app/builds/1"))
	isID(created.ID)
	types := []string{}
	for _, job := range created.Jobs {
		types = append(types, job.Type)
	}
	check(types, []string{"script", "waiter", "script"})
	check(job(created, "lint").State, "scheduled")
	check(job(created, "test").State, "waiting")

	polls := poll(f, client, "app", "1")
	check(states(polls), []string{"scheduled", "running", "passed"})
	check(jobStates(polls, "lint"), []string{"scheduled", "running", "passed"})
	check(jobStates(polls, "test"), []string{"waiting", "scheduled", "running", "passed"})

	passed := last(polls)
	check(passed.ID, created.ID)
	increasing(passed.CreatedAt, passed.StartedAt, passed.FinishedAt)
	for _, key := range []string{"lint", "test"} {
		ended := job(passed, key)
		check(ended.ID, job(created, key).ID)
		check(*ended.ExitStatus, 0)
		check(ended.SoftFailed, false)
		check(ended.Retried, false)
		increasing(ended.CreatedAt, ended.RunnableAt, ended.StartedAt, ended.FinishedAt)
		isID(ended.Agent.ID)
		check(ended.Agent.Name != "", true)
	}
	check(job(passed, "lint").Name, ":mag: Lint")
	check(job(passed, "lint").Command, "make lint")
	check(job(passed, "lint").BuildURL, created.URL)
	check(job(passed, "lint").LogURL, created.URL+"/jobs/"+job(passed, "lint").ID+"/log")
	check(job(passed, "test").AgentQueryRules, []string{"queue=linux"})
	increasing(job(passed, "lint").FinishedAt, job(passed, "test").StartedAt)

	check(passed.Pipeline.Slug, "app")
	check(passed.Pipeline.Provider.ID, "github")
	settings := passed.Pipeline.Provider.Settings.(*buildkite.GitHubSettings)
	check(settings.Repository, f.Organization+"/app")
	check(settings.TriggerMode, "code")

	// What can be left out is left out, and jobs can be chosen by state.
	bare, _, err := client.Builds.Get(ctx, f.Organization, "app", "1", &buildkite.BuildGetOptions{
		BuildsListOptions: buildkite.BuildsListOptions{ExcludeJobs: true, ExcludePipeline: true},
	})
	must(err)
	check(bare.ID, created.ID)
	check(len(bare.Jobs), 0)
	check(bare.Pipeline == nil, true)
	chosen, _, err := client.Builds.Get(ctx, f.Organization, "app", "1", &buildkite.BuildGetOptions{
		JobStates: []string{"failed"}, IncludeTestEngine: true,
	})
	must(err)
	check(len(chosen.Jobs), 0)
	check(chosen.Pipeline.Slug, "app")
}

// Filters, page by page, in each of the three lists.
func listThreePages(f *fake) {
	client := f.client()
	// Branches with `*`, two states, and an instant: between 19 and 27 of the 45.
	since := f.History[7].CreatedAt
	wanted := f.known(func(build support.Past) bool {
		return strings.HasPrefix(build.Branch, "feature/") &&
			(build.State == "passed" || build.State == "failed") &&
			!build.CreatedAt.Before(since)
	})
	check(18 < len(wanted) && len(wanted) <= 27, true)
	options := func(page int) *buildkite.BuildsListOptions {
		return &buildkite.BuildsListOptions{
			Branch:      []string{"feature/*"},
			State:       []string{"passed", "failed"},
			CreatedFrom: since,
			ListOptions: buildkite.ListOptions{Page: page, PerPage: 9},
		}
	}
	lists := map[string]func(*buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error){
		"of a pipeline": func(o *buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error) {
			return client.Builds.ListByPipeline(ctx, f.Organization, "history", o)
		},
		"of an organization": func(o *buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error) {
			return client.Builds.ListByOrg(ctx, f.Organization, o)
		},
		"of all": func(o *buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error) {
			return client.Builds.List(ctx, o)
		},
	}
	for _, list := range lists {
		seen, turns := [][]int{}, [][4]int{}
		page := 0
		for {
			builds, response, err := list(options(page))
			must(err)
			seen = append(seen, numbers(builds))
			turns = append(turns, [4]int{
				response.FirstPage, response.PrevPage, response.NextPage, response.LastPage,
			})
			page = response.NextPage
			if page == 0 {
				break
			}
		}
		check(seen, [][]int{wanted[:9], wanted[9:18], wanted[18:]})
		check(turns, [][4]int{{0, 0, 2, 3}, {1, 1, 3, 3}, {1, 2, 0, 0}})
	}
	beyond, _, err := client.Builds.ListByPipeline(ctx, f.Organization, "history", options(4))
	must(err)
	check(len(beyond), 0)
}

// Every filter of a list.
func filters(f *fake) {
	client := f.client()
	user, _, err := client.User.CurrentUser(ctx)
	must(err)
	found := func(options buildkite.BuildsListOptions) []int {
		options.PerPage = 100
		builds, _, err := client.Builds.ListByPipeline(ctx, f.Organization, "history", &options)
		must(err)
		return numbers(builds)
	}
	type options = buildkite.BuildsListOptions
	metaData := func(pairs map[string]string) options {
		return options{MetaData: buildkite.MetaDataFilters{MetaData: pairs}}
	}
	everything := f.known(func(support.Past) bool { return true })
	check(len(everything), 45)
	check(found(options{}), everything)

	check(found(options{Branch: []string{"main"}}),
		f.known(func(build support.Past) bool { return build.Branch == "main" }))
	check(found(options{Branch: []string{"main", "feature/login"}}),
		f.known(func(build support.Past) bool { return build.Branch != "feature/logout" }))
	check(found(options{Branch: []string{"*log*t"}}),
		f.known(func(build support.Past) bool { return build.Branch == "feature/logout" }))
	check(found(options{Branch: []string{"mai"}}), []int{})

	for _, state := range []string{"passed", "failed", "canceled"} {
		check(found(options{State: []string{state}}),
			f.known(func(build support.Past) bool { return build.State == state }))
	}
	check(found(options{State: []string{"failed", "canceled"}}),
		f.known(func(build support.Past) bool { return build.State != "passed" }))
	check(found(options{State: []string{"finished"}}), everything)
	check(found(options{State: []string{"running", "scheduled"}}), []int{})

	check(found(options{Commit: f.History[6].Commit}), []int{7})
	check(found(options{Commit: f.History[6].Commit[:12]}), []int{})

	check(found(metaData(map[string]string{"release": "v1"})),
		f.known(func(build support.Past) bool { return build.Release == "v1" }))
	check(found(metaData(map[string]string{"release": "v1", "parity": "odd"})),
		f.known(func(build support.Past) bool { return build.Release == "v1" && build.Number%2 == 0 }))

	check(found(options{Creator: user.ID}), everything)
	check(found(options{Creator: noOnes}), []int{})

	at := func(n int) time.Time { return f.History[n].CreatedAt }
	check(found(options{CreatedFrom: at(20)}),
		f.known(func(build support.Past) bool { return build.Number >= 21 }))
	check(found(options{CreatedTo: at(20)}),
		f.known(func(build support.Past) bool { return build.Number < 21 }))
	elsewhere := at(20).In(time.FixedZone("elsewhere", 2*60*60))
	check(found(options{CreatedFrom: elsewhere, CreatedTo: at(22)}), []int{22, 21})
	// They were moved by hand, each at the instant it was created.
	check(found(options{FinishedFrom: at(40)}), []int{45, 44, 43, 42, 41})

	bare, _, err := client.Builds.ListByPipeline(ctx, f.Organization, "history", &options{
		Commit: f.History[0].Commit, ExcludeJobs: true, ExcludePipeline: true,
	})
	must(err)
	check(len(bare), 1)
	check(bare[0].ID, f.History[0].ID)
	check(bare[0].MetaData, map[string]string{"release": "v0", "parity": "even"})
	check(len(bare[0].Jobs), 0)
	check(bare[0].Pipeline == nil, true)
}

// A build is canceled while it runs, and another before anything runs of it.
func cancel(f *fake) {
	client := f.client()
	start := func() {
		_, _, err := client.Builds.Create(ctx, f.Organization, "slow",
			buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
		must(err)
	}
	start()
	running := pollUntil(f, client, "slow", "1", "running")
	check(job(running, "soak").State, "running")
	canceling, err := client.Builds.Cancel(ctx, f.Organization, "slow", "1")
	must(err)
	check(canceling.State, "canceling")
	check(job(canceling, "soak").State, "canceling")
	check(job(canceling, "report").State, "canceled")
	check(canceling.FinishedAt == nil, true)
	_, err = client.Builds.Cancel(ctx, f.Organization, "slow", "1")
	refused(err, 422, "Build is already being canceled.")

	polls := poll(f, client, "slow", "1")
	check(states(polls), []string{"canceling", "canceled"})
	canceled := last(polls)
	check(job(canceled, "soak").State, "canceled")
	increasing(canceled.StartedAt, canceled.FinishedAt)
	increasing(job(canceled, "soak").StartedAt, job(canceled, "soak").FinishedAt)
	check(job(canceled, "report").StartedAt == nil, true)
	_, err = client.Builds.Cancel(ctx, f.Organization, "slow", "1")
	refused(err, 422, "Build has already been canceled.")

	// One that nothing runs of yet is canceled at once.
	start()
	canceled, err = client.Builds.Cancel(ctx, f.Organization, "slow", "2")
	must(err)
	check(canceled.State, "canceled")
}

// A build is made once more.
func rebuild(f *fake) {
	client := f.client()
	original, _, err := client.Builds.Create(ctx, f.Organization, "app", buildkite.CreateBuild{
		Commit:   sha,
		Branch:   "main",
		Message:  "Once more",
		Env:      map[string]string{"DEBUG": "1"},
		MetaData: map[string]string{"release": "v9"},
	})
	must(err)
	// The client always sends an author; an empty one is none.
	check(original.Author, buildkite.Author{})
	check(last(poll(f, client, "app", "1")).State, "passed")

	again, err := client.Builds.Rebuild(ctx, f.Organization, "app", "1")
	must(err)
	check(again.Number, 2)
	check(again.ID != original.ID, true)
	check(again.State, "scheduled")
	check(*again.RebuiltFrom, buildkite.RebuiltFrom{ID: original.ID, Number: 1, URL: original.URL})
	check(again.Commit, original.Commit)
	check(again.Branch, original.Branch)
	check(again.Message, original.Message)
	check(again.Env, original.Env)
	check(len(again.MetaData), 0)
	check(again.Source, "api")
	check(again.Creator.Email, f.User.Email)

	polls := poll(f, client, "app", "2")
	check(states(polls), []string{"scheduled", "running", "passed"})
	check(last(polls).RebuiltFrom.Number, 1)
	first, _, err := client.Builds.Get(ctx, f.Organization, "app", "1", nil)
	must(err)
	check(first.State, "passed")
	check(first.RebuiltFrom == nil, true)
}

// A failed job is retried, once, and the build passes.
func retry(f *fake) {
	client := f.client()
	_, _, err := client.Builds.Create(ctx, f.Organization, "flaky",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	polls := poll(f, client, "flaky", "1")
	check(states(polls), []string{"scheduled", "running", "failed"})
	failed := job(last(polls), "test")
	check(failed.State, "failed")
	check(*failed.ExitStatus, 1)

	retried, _, err := client.Jobs.RetryJob(ctx, f.Organization, "flaky", "1", failed.ID)
	must(err)
	check(retried.ID != failed.ID, true)
	check(retried.State, "scheduled")
	check(retried.ExitStatus == nil, true)
	check(retried.RetriesCount, 1)
	check(*retried.RetrySource, buildkite.JobRetrySource{JobID: failed.ID, RetryType: "manual"})

	polls = poll(f, client, "flaky", "1")
	check(states(polls), []string{"running", "passed"})
	check(len(last(polls).Jobs), 1)
	check(last(polls).Jobs[0].ID, retried.ID)
	check(*last(polls).Jobs[0].ExitStatus, 0)

	every, _, err := client.Builds.Get(ctx, f.Organization, "flaky", "1", &buildkite.BuildGetOptions{
		BuildsListOptions: buildkite.BuildsListOptions{IncludeRetriedJobs: true},
	})
	must(err)
	check(len(every.Jobs), 2)
	first, second := every.Jobs[0], every.Jobs[1]
	check(first.ID, failed.ID)
	check(first.State, "failed")
	check(first.Retried, true)
	check(first.RetriedInJobID, retried.ID)
	check(first.RetryType, "manual")
	check(first.RetriedBy.Email, f.User.Email)
	check(second.ID, retried.ID)
	check(second.State, "passed")
	check(second.Retried, false)

	_, _, err = client.Jobs.RetryJob(ctx, f.Organization, "flaky", "1", failed.ID)
	refused(err, 422, "Jobs can only be retried once")
	_, _, err = client.Jobs.RetryJob(ctx, f.Organization, "flaky", "1", retried.ID)
	refused(err, 400, "Only failed, timed out or canceled jobs can be retried")
}

// What can be asked about a build that had to be retried, and what can be said when one is made.
func buildOptions(f *fake) {
	client := f.client()
	_, _, err := client.Builds.Create(ctx, f.Organization, "flaky", buildkite.CreateBuild{
		Commit: "HEAD", Branch: "main", CleanCheckout: true, IgnorePipelineBranchFilters: true,
		Author: buildkite.Author{Username: "grace", Name: "Grace Example", Email: "grace@example.com"},
		Env:    map[string]string{"DEPLOY": "no"},
	})
	must(err)
	failed := last(poll(f, client, "flaky", "1"))
	check(failed.State, "failed")
	check(failed.Author.Name, "Grace Example")
	first := job(failed, "test")
	second, _, err := client.Jobs.RetryJob(ctx, f.Organization, "flaky", "1", first.ID)
	must(err)
	check(last(poll(f, client, "flaky", "1")).State, "passed")
	environment, _, err := client.Jobs.GetJobEnvironmentVariables(ctx, f.Organization, "flaky", "1", second.ID)
	must(err)
	check(environment.EnvironmentVariables["DEPLOY"], "no")
	check(environment.EnvironmentVariables["BUILDKITE_CLEAN_CHECKOUT"], "true")

	jobs := func(build buildkite.Build) []string {
		return support.Names(build.Jobs, func(job buildkite.Job) string { return job.ID })
	}
	get := func(options buildkite.BuildGetOptions) buildkite.Build {
		build, _, err := client.Builds.Get(ctx, f.Organization, "flaky", "1", &options)
		must(err)
		return build
	}
	retried := buildkite.BuildsListOptions{IncludeRetriedJobs: true}
	check(jobs(get(buildkite.BuildGetOptions{})), []string{second.ID})
	check(jobs(get(buildkite.BuildGetOptions{BuildsListOptions: retried})), []string{first.ID, second.ID})
	check(jobs(get(buildkite.BuildGetOptions{BuildsListOptions: retried, JobStates: []string{"failed", "canceled"}})),
		[]string{first.ID})
	check(jobs(get(buildkite.BuildGetOptions{JobStates: []string{"passed"}})), []string{second.ID})
	check(get(buildkite.BuildGetOptions{IncludeTestEngine: true}).State, "passed")

	retried.Branch, retried.State, retried.ExcludePipeline = []string{"main"}, []string{"passed"}, true
	retried.CreatedFrom, retried.FinishedFrom = failed.CreatedAt.Time, failed.CreatedAt.Time
	isThisBuild := func(builds []buildkite.Build, _ *buildkite.Response, err error) {
		must(err)
		check(len(builds), 1)
		check(builds[0].ID, failed.ID)
		check(builds[0].Pipeline == nil, true)
		check(jobs(builds[0]), []string{first.ID, second.ID})
	}
	isThisBuild(client.Builds.ListByPipeline(ctx, f.Organization, "flaky", &retried))
	isThisBuild(client.Builds.ListByOrg(ctx, f.Organization, &retried))
	isThisBuild(client.Builds.List(ctx, &retried))
}

// A job that waits goes further to the front, and one that does not wait keeps its place.
func reprioritize(f *fake) {
	client := f.client()
	created, _, err := client.Builds.Create(ctx, f.Organization, "app",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	test := job(created, "test")
	check(test.Priority.Number, 0)
	urgent, response, err := client.Jobs.ReprioritizeJob(ctx, f.Organization, "app", "1", test.ID,
		&buildkite.JobReprioritizationOptions{Priority: 5})
	must(err)
	check(response.StatusCode, 200)
	check(urgent.ID, test.ID)
	check(urgent.Priority.Number, 5)
	build, _, err := client.Builds.Get(ctx, f.Organization, "app", "1", nil)
	must(err)
	check(job(build, "test").Priority.Number, 5)
	check(job(build, "lint").Priority.Number, 0)
	waiter := slices.IndexFunc(build.Jobs, func(job buildkite.Job) bool { return job.Type == "waiter" })
	_, _, err = client.Jobs.ReprioritizeJob(ctx, f.Organization, "app", "1", build.Jobs[waiter].ID,
		&buildkite.JobReprioritizationOptions{Priority: 1})
	refused(err, 400, "This job type cannot be reprioritized")
	_, _, err = client.Jobs.ReprioritizeJob(ctx, f.Organization, "app", "1", noOnes,
		&buildkite.JobReprioritizationOptions{Priority: 1})
	refused(err, 404, "No job found")
}

// What a job prints is seen while it runs, until it is deleted; and its environment.
func logs(f *fake) {
	client := f.client()
	created, _, err := client.Builds.Create(ctx, f.Organization, "app",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	lint := job(created, "lint")
	lines := []int{}
	var log buildkite.JobLog
	for range 3 {
		log, _, err = client.Jobs.GetJobLog(ctx, f.Organization, "app", "1", lint.ID)
		must(err)
		// The client looks for `logs_url`, which no answer has.
		check(log.URL+".txt", lint.RawLogsURL)
		check(log.Size, len(log.Content))
		check(len(log.HeaderTimes), 0)
		lines = append(lines, strings.Count(log.Content, "\n"))
	}
	check(lines, []int{0, 1, 2})
	expected := regexp.MustCompile("^\x1b_bk;t=[0-9]{13}\x07--- Linting\r\n" +
		"\x1b_bk;t=[0-9]{13}\x07\x1b\\[32mall <well>\x1b\\[0m\r\n$")
	check(expected.MatchString(log.Content), true)

	envs, _, err := client.Jobs.GetJobEnvironmentVariables(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(envs.EnvironmentVariables["BUILDKITE_JOB_ID"], lint.ID)
	check(envs.EnvironmentVariables["BUILDKITE_BUILD_NUMBER"], "1")

	response, err := client.Jobs.DeleteJobLog(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(response.StatusCode, 204)
	log, _, err = client.Jobs.GetJobLog(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(log.Content, "")
}

// A person lets a build go on, and says why.
func unblock(f *fake) {
	client := f.client()
	_, _, err := client.Builds.Create(ctx, f.Organization, "gate",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	polls := poll(f, client, "gate", "1")
	check(states(polls), []string{"scheduled", "running", "passed"})
	blocked := last(polls)
	check(blocked.Blocked, true)
	check(job(blocked, "deploy").State, "waiting")
	gate := job(blocked, "release")
	check(gate.Type, "manual")
	check(gate.State, "blocked")
	check(gate.Label, "Release?")
	check(gate.Unblockable, true)
	check(gate.UnblockURL, blocked.URL+"/jobs/"+gate.ID+"/unblock")
	waiting, _, err := client.Builds.ListByPipeline(ctx, f.Organization, "gate",
		&buildkite.BuildsListOptions{State: []string{"blocked"}})
	must(err)
	check(numbers(waiting), []int{1})

	opened, _, err := client.Jobs.UnblockJob(ctx, f.Organization, "gate", "1", gate.ID,
		&buildkite.JobUnblockOptions{Fields: map[string]string{"reason": "It is time"}})
	must(err)
	check(opened.State, "unblocked")
	check(opened.Unblockable, false)
	check(opened.UnblockedBy.Email, f.User.Email)
	isSet(opened.UnblockedAt)

	polls = poll(f, client, "gate", "1")
	check(jobStates(polls, "deploy"), []string{"scheduled", "running", "passed"})
	check(last(polls).State, "passed")
	check(last(polls).Blocked, false)
	check(last(polls).MetaData, map[string]string{"reason": "It is time"})

	_, _, err = client.Jobs.UnblockJob(ctx, f.Organization, "gate", "1", gate.ID, nil)
	refused(err, 422, "The job's state must be blocked")
	_, _, err = client.Jobs.UnblockJob(ctx, f.Organization, "gate", "1", job(blocked, "deploy").ID, nil)
	refused(err, 400, "This job type cannot be unblocked")
}

// Pipelines are listed, described, made and deleted.
func pipelines(f *fake) {
	client := f.client()
	// There may be more than this flow knows of.
	known := []string{"app", "flaky", "gate", "slow", "history"}
	slugs, pages := []string{}, 1
	options := &buildkite.PipelineListOptions{ListOptions: buildkite.ListOptions{PerPage: 2}}
	for ; ; pages++ {
		page, response, err := client.Pipelines.List(ctx, f.Organization, options)
		must(err)
		slugs = append(slugs, slugsOf(page)...)
		check(response.PrevPage, pages-1)
		if response.NextPage == 0 {
			break
		}
		check(len(page), 2)
		options.Page = response.NextPage
	}
	check(pages, (len(slugs)+1)/2)
	check(slices.DeleteFunc(slugs, func(slug string) bool { return !slices.Contains(known, slug) }), known)
	named, _, err := client.Pipelines.List(ctx, f.Organization, &buildkite.PipelineListOptions{Name: "LO"})
	must(err)
	check(slugsOf(named), []string{"slow"})

	app, _, err := client.Pipelines.Get(ctx, f.Organization, "app")
	must(err)
	check(app.Name, "app")
	check(app.DefaultBranch, "main")
	check(app.Repository, "https://github.com/"+f.Organization+"/app.git")
	check(app.URL, f.At("organizations/"+f.Organization+"/pipelines/app"))
	check(app.BuildsURL, app.URL+"/builds")
	check(app.Visibility, "private")
	isID(app.ID)
	isSet(app.CreatedAt)
	check(app.ArchivedAt == nil, true)
	check(len(app.Steps), 3)
	check(app.Steps[2].AgentQueryRules, []string{"queue=linux"})
	check(app.Provider.ID, "github")
	check(strings.HasPrefix(app.Provider.WebhookURL, webhook), true)
	settings := app.Provider.Settings.(*buildkite.GitHubSettings)
	check(settings.TriggerMode, "code")
	check(settings.BuildPullRequests, true)
	check(settings.BuildBranches, true)
	check(settings.PublishCommitStatus, true)

	configuration := "steps:\n  - label: Say\n    command: echo hi\n"
	made, response, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name:          "My New  Site",
		Repository:    "git@github.com:acme/site.git",
		Configuration: configuration,
		DefaultBranch: "trunk",
		Description:   "What people see",
		Tags:          []string{"web"},
	})
	must(err)
	check(response.StatusCode, 201)
	check(made.Slug, "my-new-site")
	check(made.DefaultBranch, "trunk")
	check(made.Description, "What people see")
	check(made.Configuration, configuration)
	check(made.Tags, []string{"web"})
	check(made.Steps[0].Command, "echo hi")
	check(made.Provider.Settings.(*buildkite.GitHubSettings).Repository, "acme/site")
	got, _, err := client.Pipelines.Get(ctx, f.Organization, "my-new-site")
	must(err)
	check(got, made)
	_, _, err = client.Builds.Create(ctx, f.Organization, "my-new-site",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "trunk"})
	must(err)
	check(last(poll(f, client, "my-new-site", "1")).State, "passed")

	response, err = client.Pipelines.Delete(ctx, f.Organization, "my-new-site")
	must(err)
	check(response.StatusCode, 204)
	_, _, err = client.Pipelines.Get(ctx, f.Organization, "my-new-site")
	refused(err, 404, "No pipeline found")
	_, _, err = client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name: "Empty", Repository: "git@github.com:acme/empty.git",
	})
	check(refused(err, 422, "Validation Failed").Fields(), []string{"configuration"})

	// The settings of another provider decode into another type.
	elsewhere, _, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name: "Elsewhere", Repository: "git@bitbucket.org:acme/elsewhere.git", Configuration: configuration,
	})
	must(err)
	check(elsewhere.Provider.Settings.(*buildkite.BitbucketSettings).Repository, "acme/elsewhere")
}

// Everything that can become of a pipeline, of both kinds.
func pipelineLife(f *fake) {
	client := f.client()
	get := func(slug string) buildkite.Pipeline {
		pipeline, _, err := client.Pipelines.Get(ctx, f.Organization, slug)
		must(err)
		return pipeline
	}
	update := func(slug string, changes buildkite.UpdatePipeline) buildkite.Pipeline {
		changed, response, err := client.Pipelines.Update(ctx, f.Organization, slug, changes)
		must(err)
		check(response.StatusCode, 200)
		check(get(changed.Slug), changed)
		return changed
	}
	build := func(slug, branch string) error {
		_, _, err := client.Builds.Create(ctx, f.Organization, slug,
			buildkite.CreateBuild{Commit: "HEAD", Branch: branch})
		return err
	}

	// From YAML, with settings of its provider.
	yaml, response, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name:                "Tidy Up",
		Repository:          "git@github.com:acme/tidy.git",
		Configuration:       "env:\n  A: one\nsteps:\n  - command: make tidy\n",
		BranchConfiguration: "main",
		Tags:                []string{"tidy"},
		ProviderSettings:    &buildkite.GitHubSettings{TriggerMode: "code", BuildBranches: true, BuildTags: true},
	})
	must(err)
	check(response.StatusCode, 201)
	check(yaml.Env["A"], "one")
	settings := yaml.Provider.Settings.(*buildkite.GitHubSettings)
	check(settings.BuildTags, true)
	check(settings.BuildPullRequests, false)
	check(settings.Repository, "acme/tidy")

	// From visual steps.
	ten := 10
	visual, _, err := client.Pipelines.Create(ctx, f.Organization, buildkite.CreatePipeline{
		Name:       "Old Style",
		Repository: "git@bitbucket.org:acme/old.git",
		Env:        map[string]string{"B": "two"},
		Steps: []buildkite.Step{
			{Type: "script", Name: "Build", Command: "make", TimeoutInMinutes: &ten, AgentQueryRules: []string{"queue=linux"}},
			{Type: "waiter"},
			{Type: "script", Name: "Ship", Command: "make ship", Env: map[string]string{"C": "three"}},
		},
	})
	must(err)
	check(visual.Configuration, "")
	check(visual.Env["B"], "two")
	check(len(visual.Steps), 3)
	check(*visual.Steps[0].TimeoutInMinutes, 10)
	check(visual.Steps[2].Env, map[string]string{"C": "three"})
	must(build("old-style", "main"))
	check(last(poll(f, client, "old-style", "1")).State, "passed")

	// Found by their names and repositories.
	for _, wanted := range []struct {
		name, repository string
		slugs            []string
	}{
		{"tidy", "", []string{"tidy-up"}},
		{"", "BITBUCKET", []string{"old-style"}},
		{"", "acme/", []string{"old-style", "tidy-up", "app", "flaky", "gate", "slow", "history"}},
		{"tidy", "bitbucket", []string{}},
	} {
		found, _, err := client.Pipelines.List(ctx, f.Organization,
			&buildkite.PipelineListOptions{Name: wanted.name, Repository: wanted.repository})
		must(err)
		check(slugsOf(found), wanted.slugs)
	}

	// Changed: what is not sent stays.
	refused(build("tidy-up", "feature"), 422, "Branch does not match the pipeline's branch filter")
	changed := update("tidy-up", buildkite.UpdatePipeline{
		Description:         some("Once more"),
		BranchConfiguration: some("main feature"),
		Configuration:       some("steps:\n  - command: make tidier\n"),
	})
	check(changed.Description, "Once more")
	check(changed.Tags, []string{"tidy"})
	check(changed.Steps[0].Command, "make tidier")
	must(build("tidy-up", "feature"))
	check(last(poll(f, client, "tidy-up", "1")).State, "passed")
	_, _, err = client.Pipelines.Update(ctx, f.Organization, "tidy-up",
		buildkite.UpdatePipeline{Steps: some([]buildkite.Step{{Type: "waiter"}})})
	check(refused(err, 422, "Validation Failed").Fields(), []string{"steps"})
	_, _, err = client.Pipelines.Update(ctx, f.Organization, "tidy-up", buildkite.UpdatePipeline{Name: some("app")})
	check(refused(err, 422, "Validation Failed").Fields(), []string{"name"})

	// Emptied: what is sent empty is empty, and switches go both ways.
	limited := update("tidy-up", buildkite.UpdatePipeline{
		DefaultCommandStepTimeout: some(30), MaximumCommandStepTimeout: some(60),
		SkipQueuedBranchBuilds: some(true), SkipQueuedBranchBuildsFilter: some("!main"),
		CancelRunningBranchBuilds: some(true), DefaultBranch: some("trunk"), Visibility: some("public"),
	})
	check(limited.DefaultCommandStepTimeout, 30)
	check(limited.MaximumCommandStepTimeout, 60)
	check(limited.SkipQueuedBranchBuilds && limited.CancelRunningBranchBuilds, true)
	check(limited.SkipQueuedBranchBuildsFilter, "!main")
	check(limited.DefaultBranch, "trunk")
	check(limited.Visibility, "public")
	emptied := update("tidy-up", buildkite.UpdatePipeline{
		Description: some(""), Tags: some([]string{}), BranchConfiguration: some(""),
		DefaultCommandStepTimeout: some(0), MaximumCommandStepTimeout: some(0),
		SkipQueuedBranchBuilds: some(false), SkipQueuedBranchBuildsFilter: some(""), Visibility: some("private"),
	})
	check(emptied.Description+emptied.BranchConfiguration+emptied.SkipQueuedBranchBuildsFilter, "")
	check(len(emptied.Tags), 0)
	check(emptied.DefaultCommandStepTimeout+emptied.MaximumCommandStepTimeout, 0)
	check(emptied.SkipQueuedBranchBuilds, false)
	check(emptied.CancelRunningBranchBuilds, true)
	check(emptied.DefaultBranch, "trunk")
	check(emptied.Visibility, "private")
	check(emptied.Configuration, changed.Configuration)

	// Renamed: every address follows.
	moved := update("tidy-up", buildkite.UpdatePipeline{Name: some("Spotless")})
	check(moved.Slug, "spotless")
	check(moved.URL, f.At("organizations/"+f.Organization+"/pipelines/spotless"))
	_, _, err = client.Pipelines.Get(ctx, f.Organization, "tidy-up")
	refused(err, 404, "No pipeline found")

	// Its webhook, and its provider.
	response, err = client.Pipelines.AddWebhook(ctx, f.Organization, "spotless")
	must(err)
	check(response.StatusCode, 201)
	_, err = client.Pipelines.AddWebhook(ctx, f.Organization, "spotless")
	refused(err, 422, "Webhooks could not be created for your repository.")
	_, err = client.Pipelines.AddWebhook(ctx, f.Organization, "old-style")
	refused(err, 422, "Auto-creating webhooks is not supported for your repository.")
	moved = update("spotless", buildkite.UpdatePipeline{
		ProviderSettings: some[buildkite.ProviderSettings](&buildkite.GitHubSettings{TriggerMode: "none"}),
	})
	check(moved.Provider.Settings.(*buildkite.GitHubSettings).TriggerMode, "none")
	refused(build("spotless", "main"), 422, "Branches have been disabled for this pipeline")
	moved = update("spotless", buildkite.UpdatePipeline{Repository: some("git@gitlab.com:acme/spotless.git")})
	check(moved.Provider.ID, "gitlab")
	check(moved.Provider.Settings.(*buildkite.GitLabSettings).Repository, "acme/spotless")

	// Archived, and taken back.
	response, err = client.Pipelines.Archive(ctx, f.Organization, "spotless")
	must(err)
	check(response.StatusCode, 200)
	isSet(get("spotless").ArchivedAt)
	_, err = client.Pipelines.Archive(ctx, f.Organization, "spotless")
	refused(err, 422, "Pipeline could not be archived.")
	_, _, err = client.Pipelines.Update(ctx, f.Organization, "spotless", buildkite.UpdatePipeline{})
	refused(err, 422, "Cannot update an archived pipeline")
	refused(build("spotless", "main"), 422, "Cannot create builds on an archived pipeline")
	response, err = client.Pipelines.Unarchive(ctx, f.Organization, "spotless")
	must(err)
	check(response.StatusCode, 200)
	check(get("spotless").ArchivedAt == nil, true)
	_, err = client.Pipelines.Unarchive(ctx, f.Organization, "spotless")
	refused(err, 422, "Pipeline could not be unarchived.")

	for _, slug := range []string{"spotless", "old-style"} {
		response, err = client.Pipelines.Delete(ctx, f.Organization, slug)
		must(err)
		check(response.StatusCode, 204)
		_, _, err = client.Pipelines.Get(ctx, f.Organization, slug)
		refused(err, 404, "No pipeline found")
	}
}

// Everything that can become of a schedule. The client changes one with PATCH, where the documentation has PUT.
func scheduleLife(f *fake) {
	client := f.client()
	service := client.PipelineSchedules
	list := func(options buildkite.ListOptions) ([]buildkite.PipelineSchedule, *buildkite.Response) {
		schedules, response, err := service.List(ctx, f.Organization, "app",
			&buildkite.PipelineScheduleListOptions{ListOptions: options})
		must(err)
		return schedules, response
	}
	get := func(id string) buildkite.PipelineSchedule {
		schedule, _, err := service.Get(ctx, f.Organization, "app", id)
		must(err)
		return schedule
	}
	create := func(wanted buildkite.CreatePipelineSchedule) buildkite.PipelineSchedule {
		made, response, err := service.Create(ctx, f.Organization, "app", wanted)
		must(err)
		check(response.StatusCode, 201)
		check(get(made.ID), made)
		return made
	}
	update := func(id string, changes buildkite.UpdatePipelineSchedule) buildkite.PipelineSchedule {
		changed, response, err := service.Update(ctx, f.Organization, "app", id, changes)
		must(err)
		check(response.StatusCode, 200)
		check(get(id), changed)
		return changed
	}
	none, _ := list(buildkite.ListOptions{})
	check(len(none), 0)
	off := false

	// One that says everything, and two that say little.
	nightly := create(buildkite.CreatePipelineSchedule{
		Cronline: "30 2 * * 1-5 Europe/Berlin",
		Label:    "Nightly",
		Message:  "Build it",
		Commit:   sha,
		Branch:   "release",
		Env:      map[string]string{"DEPLOY_ENV": "staging"},
	})
	isID(nightly.ID)
	check(nightly.Cronline, "30 2 * * 1-5 Europe/Berlin")
	check(nightly.Message, "Build it")
	check(nightly.Commit, sha)
	check(nightly.Branch, "release")
	check(nightly.Env, map[string]string{"DEPLOY_ENV": "staging"})
	check(nightly.Enabled, true)
	check(nightly.URL, f.At("organizations/"+f.Organization+"/pipelines/app/schedules/"+nightly.ID))
	check(nightly.CreatedBy.Email, f.User.Email)
	check(nightly.Pipeline.Slug, "app")
	check(nightly.FailedMessage, "")
	check(nightly.FailedAt == nil, true)
	increasing(nightly.CreatedAt, nightly.NextBuildAt)
	daily := create(buildkite.CreatePipelineSchedule{Cronline: "@daily"})
	check(daily.Commit, "HEAD")
	check(daily.Branch, "main")
	check(len(daily.Env), 0)
	weekly := create(buildkite.CreatePipelineSchedule{Cronline: "@weekly", Enabled: &off})
	check(weekly.Enabled, false)
	check(weekly.NextBuildAt == nil, true)

	// Newest first, page by page.
	first, response := list(buildkite.ListOptions{PerPage: 2})
	check(first, []buildkite.PipelineSchedule{weekly, daily})
	check(response.NextPage, 2)
	second, response := list(buildkite.ListOptions{PerPage: 2, Page: 2})
	check(second, []buildkite.PipelineSchedule{nightly})
	check(response.NextPage, 0)

	// Changed: what is not sent stays.
	changed := update(nightly.ID, buildkite.UpdatePipelineSchedule{
		Cronline: some("@hourly"),
		Env:      some(map[string]string{"A": "1"}),
	})
	check(changed.Label, "Nightly")
	check(changed.Env, map[string]string{"A": "1"})
	check(changed.NextBuildAt.Before(nightly.NextBuildAt.Time), true)

	// Emptied: an empty mapping and none are the same, and a blank text is none.
	for _, none := range []map[string]string{{}, nil} {
		update(nightly.ID, buildkite.UpdatePipelineSchedule{Label: some("Nightly"), Env: some(map[string]string{"A": "1"})})
		emptied := update(nightly.ID, buildkite.UpdatePipelineSchedule{Label: some(""), Env: some(none)})
		check(emptied.Label, "")
		check(len(emptied.Env), 0)
		check(emptied.Message, "Build it")
	}
	changed = update(nightly.ID, buildkite.UpdatePipelineSchedule{Label: some("Hourly")})

	// Switched off, and on again.
	disabled := update(nightly.ID, buildkite.UpdatePipelineSchedule{Enabled: some(false)})
	check(disabled.Enabled, false)
	check(disabled.NextBuildAt == nil, true)
	check(update(nightly.ID, buildkite.UpdatePipelineSchedule{Enabled: some(true)}), changed)

	// Refused.
	_, _, err := service.Create(ctx, f.Organization, "app", buildkite.CreatePipelineSchedule{})
	refused(err, 422, "Validation failed: Cronline can't be blank")
	_, _, err = service.Update(ctx, f.Organization, "app", daily.ID,
		buildkite.UpdatePipelineSchedule{Cronline: some("* * * * *")})
	refused(err, 422, "Validation failed: Cronline is too frequent: intervals under 10 minutes are not supported")
	check(get(daily.ID), daily)
	reader := f.clientWith(f.ReadOnlyToken)
	_, _, err = reader.PipelineSchedules.Get(ctx, f.Organization, "app", daily.ID)
	must(err)
	_, err = reader.PipelineSchedules.Delete(ctx, f.Organization, "app", daily.ID)
	refused(err, 403, "Your access token doesn't have the write_pipelines scope")

	// Deleted.
	for _, id := range []string{nightly.ID, daily.ID, weekly.ID} {
		response, err := service.Delete(ctx, f.Organization, "app", id)
		must(err)
		check(response.StatusCode, 204)
		_, _, err = service.Get(ctx, f.Organization, "app", id)
		refused(err, 404, "No pipeline schedule found")
	}
	_, err = service.Delete(ctx, f.Organization, "app", noOnes)
	refused(err, 404, "No pipeline schedule found")
	none, _ = list(buildkite.ListOptions{})
	check(len(none), 0)
}

// What is refused, and in which words.
func errorsOfEveryKind(f *fake) {
	client := f.client()
	create := func(client *buildkite.Client, build buildkite.CreateBuild) error {
		_, _, err := client.Builds.Create(ctx, f.Organization, "app", build)
		return err
	}
	plain := buildkite.CreateBuild{Commit: "HEAD", Branch: "main"}

	// 401
	stranger := f.clientWith("no-such-token")
	text := "Authentication required. Please supply a valid API Access Token: " +
		"https://buildkite.com/docs/apis/rest-api#authentication"
	_, _, err := stranger.Builds.List(ctx, nil)
	refused(err, 401, text)
	refused(create(stranger, plain), 401, text)
	nobody, err := buildkite.NewOpts(buildkite.WithBaseURL(f.URL))
	must(err)
	_, _, err = nobody.User.CurrentUser(ctx)
	refused(err, 401, text)

	// 403
	reader := f.clientWith(f.ReadOnlyToken)
	builds, _, err := reader.Builds.ListByPipeline(ctx, f.Organization, "app", nil)
	must(err)
	check(len(builds), 0)
	lacks := "Your access token doesn't have the write_builds scope"
	refused(create(reader, plain), 403, lacks)
	_, err = reader.Builds.Cancel(ctx, f.Organization, "history", "1")
	refused(err, 403, lacks)
	_, _, err = reader.User.CurrentUser(ctx)
	refused(err, 403, "Your access token doesn't have the read_user scope")

	// 404
	_, _, err = client.Builds.Get(ctx, f.Organization, "app", "1", nil)
	refused(err, 404, "No build found")
	_, _, err = client.Pipelines.Get(ctx, f.Organization, "nothing")
	refused(err, 404, "No pipeline found")
	_, _, err = client.Builds.Get(ctx, f.Organization, "nothing", "1", nil)
	refused(err, 404, "No pipeline found")
	_, _, err = client.Organizations.Get(ctx, "nobody")
	refused(err, 404, "No organization found")
	_, _, err = client.Builds.ListByOrg(ctx, "nobody", nil)
	refused(err, 404, "No organization found")
	_, _, err = client.Jobs.RetryJob(ctx, f.Organization, "history", "1", noOnes)
	refused(err, 404, "No job found")

	// 422
	body := refused(create(client, buildkite.CreateBuild{Branch: "main"}), 422, "Validation Failed")
	check(body.Fields(), []string{"commit"})
	check(body.Errors[0].Code, "missing")
	body = refused(create(client, buildkite.CreateBuild{}), 422, "Validation Failed")
	check(body.Fields(), []string{"commit", "branch"})
	_, err = client.Builds.Cancel(ctx, f.Organization, "history", "1")
	refused(err, 422, "Build can't be canceled because it's already finished.")
	builds, _, err = client.Builds.ListByPipeline(ctx, f.Organization, "app", nil)
	must(err)
	check(len(builds), 0)
}
