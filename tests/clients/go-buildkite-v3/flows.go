package main

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"slices"
	"strings"
	"time"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v3/buildkite"
)

const unauthorized = "Authentication required. Please supply a valid API Access Token: " +
	"https://buildkite.com/docs/apis/rest-api#authentication"

// The user, the organization and the token.
func account(f *fake) {
	client := f.client()
	user, response, err := client.User.Get()
	must(err)
	check(of(user.Name), f.User.Name)
	check(of(user.Email), f.User.Email)
	isID(of(user.ID))
	isSet(user.CreatedAt)
	check(response.Header.Get("Content-Type"), "application/json; charset=utf-8")

	organizations, _, err := client.Organizations.List(nil)
	must(err)
	check(len(organizations), 1)
	organization, _, err := client.Organizations.Get(f.Organization)
	must(err)
	check(*organization, organizations[0])
	check(of(organization.URL), f.OfOrganization(""))
	check(of(organization.PipelinesURL), f.OfOrganization("/pipelines"))

	token, _, err := f.clientWith(f.ReadOnlyToken).AccessTokens.Get()
	must(err)
	isID(of(token.UUID))
	check(*token.Scopes, f.ReadOnlyScopes)
}

// The emojis of the second fake, whose organization has one of its own.
func emojis(f *fake) {
	client, err := buildkite.NewOpts(
		buildkite.WithBaseURL(f.Furnished.URL), buildkite.WithTokenAuth(f.Furnished.Token))
	must(err)
	all, _, err := client.ListEmojis(f.Furnished.Organization)
	must(err)
	n := slices.IndexFunc(all, func(one buildkite.Emoji) bool { return of(one.Name) == "acme" })
	check(of(all[n].URL), "https://emoji.example.com/acme.png")
	_, _, err = client.ListEmojis("nobody")
	refused(err, 404, "No organization found")
}

// A token that revokes itself is none any more.
func revokedToken(f *fake) {
	client := f.clientWith(f.Colleague.Token)
	_, _, err := client.AccessTokens.Get()
	must(err)
	answered(204)(client.AccessTokens.Revoke())
	_, _, err = client.AccessTokens.Get()
	refused(err, 401, unauthorized)
}

// A client that is sent away asks again where nothing can go wrong by it, and elsewhere says so.
func rateLimits(f *fake) {
	hasty, err := buildkite.NewOpts(buildkite.WithBaseURL(f.URL), buildkite.WithTokenAuth(f.Token),
		buildkite.WithUserAgent(f.HastyUserAgent))
	must(err)
	user, _, err := hasty.User.Get()
	must(err)
	check(of(user.Email), f.User.Email)
	_, _, err = hasty.Builds.Create(f.Organization, "app", &buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	refused(err, 429, "You have exceeded your API rate limit. Please wait 0 seconds before making more requests.")
	check(of(f.create(hasty, "app").Number), 1)
}

// A build is made with everything there is to say, and watched until it has passed.
func createAndPoll(f *fake) {
	client := f.client()
	created, response, err := client.Builds.Create(f.Organization, "app", &buildkite.CreateBuild{
		Commit:                "1f2e3d4c5b6a79880716253443526170deadbeef",
		Branch:                "feature/login",
		Message:               "Try it :rocket:",
		Author:                buildkite.Author{Name: "Grace Example", Email: "grace@example.com"},
		CleanCheckout:         true,
		Env:                   map[string]string{"DEBUG": "1"},
		MetaData:              map[string]string{"release": "v9"},
		PullRequestBaseBranch: "main",
		PullRequestID:         42,
		PullRequestRepository: "https://github.com/acme/app.git",
	})
	must(err)
	check(response.StatusCode, 201)
	check(of(created.Number), 1)
	check(of(created.State), "scheduled")
	check(of(created.Blocked), false)
	check(of(created.Message), "Try it :rocket:")
	check(of(created.Source), "api")
	check(created.Env, map[string]any{"DEBUG": "1"})
	check(created.MetaData, map[string]string{"release": "v9"})
	check(created.Author.Email, "grace@example.com")
	check(created.Creator.Email, f.User.Email)
	check(of(created.PullRequest.ID), "42")
	check(of(created.PullRequest.Base), "main")
	check(created.RebuiltFrom == nil && created.TriggeredFrom == nil, true)
	check(of(created.URL), f.OfOrganization("/pipelines/app/builds/1"))

	polls := poll(f, client, "app")
	check(states(polls), []string{"scheduled", "running", "passed"})
	passed := last(polls)
	increasing(passed.CreatedAt, passed.ScheduledAt, passed.StartedAt, passed.FinishedAt)
	lint, test := job(passed, "lint"), job(passed, "test")
	check(of(lint.Name), ":mag: Lint")
	check(of(lint.Command), "make lint")
	check(of(lint.State), "passed")
	check(*lint.ExitStatus, 0)
	check(of(lint.Priority.Number), 0)
	increasing(lint.CreatedAt, lint.ScheduledAt, lint.RunnableAt, lint.StartedAt, lint.FinishedAt)
	increasing(lint.FinishedAt, test.StartedAt)
	isID(of(test.Agent.ID))
	check(test.AgentQueryRules, []string{"queue=linux"})
	check(of(passed.Pipeline.Slug), "app")
	check(passed.Pipeline.Provider.Settings.(*buildkite.GitHubSettings).Repository != nil, true)
}

// Filters, page by page, in each of the three lists.
func listThreePages(f *fake) {
	client := f.client()
	since := f.History[7].CreatedAt
	wanted := f.known(func(build support.Past) bool {
		return strings.HasPrefix(build.Branch, "feature/") &&
			(build.State == "passed" || build.State == "failed") && !build.CreatedAt.Before(since)
	})
	check(18 < len(wanted) && len(wanted) <= 27, true)
	type list = func(*buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error)
	for _, list := range []list{
		client.Builds.List,
		func(options *buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error) {
			return client.Builds.ListByOrg(f.Organization, options)
		},
		func(options *buildkite.BuildsListOptions) ([]buildkite.Build, *buildkite.Response, error) {
			return client.Builds.ListByPipeline(f.Organization, "history", options)
		},
	} {
		seen, pages := []int{}, 0
		options := &buildkite.BuildsListOptions{
			Branch: []string{"feature/*"}, State: []string{"passed", "failed"}, CreatedFrom: since,
			ListOptions: buildkite.ListOptions{PerPage: 9},
		}
		for more := true; more; pages++ {
			builds, response, err := list(options)
			must(err)
			for _, build := range builds {
				seen = append(seen, of(build.Number))
			}
			options.Page = response.NextPage
			more = response.NextPage != 0
		}
		check(pages, 3)
		check(seen, wanted)
	}
}

// Every filter of a list.
func filters(f *fake) {
	client := f.client()
	type options = buildkite.BuildsListOptions
	found := func(options options) []int {
		options.PerPage = 100
		builds, _, err := client.Builds.ListByPipeline(f.Organization, "history", &options)
		must(err)
		return support.Names(builds, func(build buildkite.Build) int { return of(build.Number) })
	}
	user, _, err := client.User.Get()
	must(err)
	everything := f.known(func(support.Past) bool { return true })
	check(found(options{}), everything)
	check(found(options{Creator: of(user.ID)}), everything)
	check(found(options{Creator: support.NoOnes}), []int{})
	check(found(options{Branch: []string{"main"}}),
		f.known(func(build support.Past) bool { return build.Branch == "main" }))
	check(found(options{State: []string{"failed", "canceled"}}),
		f.known(func(build support.Past) bool { return build.State != "passed" }))
	check(found(options{Commit: f.History[6].Commit, IncludeRetriedJobs: true}), []int{7})
	release := buildkite.MetaDataFilters{MetaData: map[string]string{"release": "v1"}}
	check(found(options{MetaData: release}),
		f.known(func(build support.Past) bool { return build.Release == "v1" }))
	at := func(n int) time.Time { return f.History[n].CreatedAt }
	check(found(options{CreatedFrom: at(20), CreatedTo: at(22)}), []int{22, 21})
	check(found(options{FinishedFrom: at(40)}), []int{45, 44, 43, 42, 41})
}

// A build is canceled while it runs.
func cancel(f *fake) {
	client := f.client()
	f.create(client, "slow")
	poll(f, client, "slow", "running")
	canceling, err := client.Builds.Cancel(f.Organization, "slow", "1")
	must(err)
	check(of(canceling.State), "canceling")
	canceled := last(poll(f, client, "slow"))
	check(of(canceled.State), "canceled")
	check(of(job(canceled, "soak").State), "canceled")
	check(of(job(canceled, "report").State), "canceled")
	_, err = client.Builds.Cancel(f.Organization, "slow", "1")
	refused(err, 422, "Build has already been canceled.")
}

// A build is made once more.
func rebuild(f *fake) {
	client := f.client()
	original := f.create(client, "app")
	poll(f, client, "app")
	again, err := client.Builds.Rebuild(f.Organization, "app", "1")
	must(err)
	check(of(again.Number), 2)
	check(*again.RebuiltFrom, buildkite.RebuiltFrom{ID: of(original.ID), Number: 1, URL: of(original.URL)})
}

// A failed job is retried, and the build passes.
func retry(f *fake) {
	client := f.client()
	f.create(client, "flaky")
	failed := job(last(poll(f, client, "flaky")), "test")
	check(of(failed.State), "failed")
	check(*failed.ExitStatus, 1)
	again, _, err := client.Jobs.RetryJob(f.Organization, "flaky", "1", of(failed.ID))
	must(err)
	check(again.RetriesCount, 1)
	check(*again.RetrySource, buildkite.JobRetrySource{JobID: of(failed.ID), RetryType: "manual"})
	check(of(last(poll(f, client, "flaky")).State), "passed")
	every, _, err := client.Builds.Get(f.Organization, "flaky", "1", &buildkite.BuildsListOptions{IncludeRetriedJobs: true})
	must(err)
	check(len(every.Jobs), 2)
	check(every.Jobs[0].Retried, true)
	check(every.Jobs[0].RetriedInJobID, of(again.ID))
	check(of(every.Jobs[0].RetryType), "manual")
	_, _, err = client.Jobs.RetryJob(f.Organization, "flaky", "1", of(failed.ID))
	refused(err, 422, "Jobs can only be retried once")
}

// What a job printed, a long log whole, and its environment.
func logs(f *fake) {
	client := f.client()
	lint := of(job(f.create(client, "app"), "lint").ID)
	poll(f, client, "app")
	log, _, err := client.Jobs.GetJobLog(f.Organization, "app", "1", lint)
	must(err)
	check(of(log.Size), len(of(log.Content)))
	check(strings.Count(of(log.Content), "\r\n"), 2)
	check(len(log.HeaderTimes), 0)
	check(strings.HasPrefix(of(log.URL), f.OfOrganization("/")), true)
	environment, _, err := client.Jobs.GetJobEnvironmentVariables(f.Organization, "app", "1", lint)
	must(err)
	check((*environment.EnvironmentVariables)["BUILDKITE_JOB_ID"], lint)

	build, _, err := client.Builds.Get(f.Organization, "history", "1", nil)
	must(err)
	long, _, err := client.Jobs.GetJobLog(f.Organization, "history", "1", of(build.Jobs[0].ID))
	must(err)
	check(strings.Count(of(long.Content), "\r\n"), f.LongLogLines)
}

// A person lets a build go on, and says why.
func unblock(f *fake) {
	client := f.client()
	f.create(client, "gate")
	blocked := last(poll(f, client, "gate"))
	check(of(blocked.Blocked), true)
	gate := job(blocked, "release")
	check(of(gate.Type), "manual")
	check(of(gate.Label), "Release?")
	check(of(gate.Unblockable), true)
	opened, _, err := client.Jobs.UnblockJob(f.Organization, "gate", "1", of(gate.ID),
		&buildkite.JobUnblockOptions{Fields: map[string]string{"reason": "It is time"}})
	must(err)
	check(of(opened.State), "unblocked")
	check(opened.UnblockedBy.Email, f.User.Email)
	isSet(opened.UnblockedAt)
	passed := last(poll(f, client, "gate"))
	check(of(passed.State), "passed")
	check(passed.MetaData, map[string]string{"reason": "It is time"})
	_, _, err = client.Jobs.UnblockJob(f.Organization, "gate", "1", of(gate.ID), nil)
	refused(err, 422, "The job's state must be blocked")
}

// What a job uploads is listed and fetched, byte for byte.
func artifacts(f *fake) {
	client := f.client()
	f.create(client, "app")
	test := of(job(last(poll(f, client, "app")), "test").ID)
	all, _, err := client.Artifacts.ListByBuild(f.Organization, "app", "1", nil)
	must(err)
	check(len(all), len(f.Artifacts))
	for n, artifact := range all {
		content := f.Artifacts[n].Content()
		check(of(artifact.Path), f.Artifacts[n].Path)
		check(of(artifact.JobID), test)
		check(of(artifact.State), "finished")
		check(of(artifact.FileSize), int64(len(content)))
		check(of(artifact.SHA1), fmt.Sprintf("%x", sha1.Sum([]byte(content))))
		fetched := bytes.Buffer{}
		answered(200)(client.Artifacts.DownloadArtifactByURL(of(artifact.DownloadURL), &fetched))
		check(fetched.String(), content)
	}
	ofJob, _, err := client.Artifacts.ListByJob(f.Organization, "app", "1", test,
		&buildkite.ArtifactListOptions{ListOptions: buildkite.ListOptions{Page: 2, PerPage: 1}})
	must(err)
	check(ofJob, all[1:])
}

// What is said of a build: listed, made, added to.
func annotations(f *fake) {
	client := f.client()
	f.create(client, "app")
	poll(f, client, "app")
	list := func() []string {
		all, _, err := client.Annotations.ListByBuild(f.Organization, "app", "1", nil)
		must(err)
		return support.Names(all, func(one buildkite.Annotation) string { return of(one.Context) })
	}
	check(list(), []string{"default", "summary"})
	create := func(wanted buildkite.AnnotationCreate) *buildkite.Annotation {
		made, response, err := client.Annotations.Create(f.Organization, "app", "1", &wanted)
		must(err)
		check(response.StatusCode, 201)
		return made
	}
	made := create(buildkite.AnnotationCreate{
		Body: buildkite.String("Deployed"), Context: buildkite.String("deploy"), Style: buildkite.String("info"),
	})
	check(of(made.Style), "info")
	longer := create(buildkite.AnnotationCreate{
		Body: buildkite.String("twice"), Context: buildkite.String("deploy"), Append: buildkite.Bool(true),
	})
	check(of(longer.ID), of(made.ID))
	check(strings.Contains(of(longer.BodyHTML), "Deployed\ntwice"), true)
	increasing(longer.CreatedAt, longer.UpdatedAt)
	check(list(), []string{"default", "summary", "deploy"})
}

// An agent is found with its job, and stops, dropping it.
func agents(f *fake) {
	client := f.client()
	f.create(client, "slow")
	soak := job(last(poll(f, client, "slow", "running")), "soak")
	agent, _, err := client.Agents.Get(f.Organization, of(soak.Agent.ID))
	must(err)
	check(of(agent.Name), of(soak.Agent.Name))
	check(of(agent.ConnectedState), "connected")
	check(of(agent.Job.ID), of(soak.ID))
	found, _, err := client.Agents.List(f.Organization, &buildkite.AgentListOptions{
		Name: of(agent.Name), Hostname: of(agent.Hostname), Version: of(agent.Version),
	})
	must(err)
	check(len(found), 1)
	check(found[0], *agent)

	answered(204)(client.Agents.Stop(f.Organization, of(agent.ID), true))
	check(of(last(poll(f, client, "slow")).State), "canceled")
	agent, _, err = client.Agents.Get(f.Organization, of(agent.ID))
	must(err)
	check(of(agent.ConnectedState), "stopped")
	_, err = client.Agents.Stop(f.Organization, of(agent.ID), false)
	refused(err, 400, "Can only stop connected agents")
}

// cluster makes one with a queue.
func (f *fake) cluster(client *buildkite.Client) (cluster, queue string) {
	made, _, err := client.Clusters.Create(f.Organization, &buildkite.ClusterCreate{Name: "Builders"})
	must(err)
	linux, _, err := client.ClusterQueues.Create(f.Organization, of(made.ID),
		&buildkite.ClusterQueueCreate{Key: buildkite.String("linux"), Description: buildkite.String("Linux")})
	must(err)
	return of(made.ID), of(linux.ID)
}

// Everything that can become of a cluster.
func clusters(f *fake) {
	client := f.client()
	cluster, queue := f.cluster(client)
	answered(200)(client.Clusters.Update(f.Organization, cluster, &buildkite.ClusterUpdate{
		Description: buildkite.String("What builds"), Emoji: buildkite.String(":hammer:"),
		Color: buildkite.String("#A9CCE3"), DefaultQueueID: &queue,
	}))
	got, _, err := client.Clusters.Get(f.Organization, cluster)
	must(err)
	check(of(got.Name), "Builders")
	check(of(got.Description), "What builds")
	check(of(got.DefaultQueueID), queue)
	check(of(got.CreatedBy.Email), f.User.Email)
	all, _, err := client.Clusters.List(f.Organization, nil)
	must(err)
	check(all, []buildkite.Cluster{*got})
	_, _, err = client.Clusters.Create(f.Organization, &buildkite.ClusterCreate{})
	refused(err, 422, "Validation failed: Name can't be blank")
	answered(204)(client.Clusters.Delete(f.Organization, cluster))
	_, _, err = client.Clusters.Get(f.Organization, cluster)
	refused(err, 404, "No cluster found")
}

// Everything that can become of a queue.
func clusterQueues(f *fake) {
	client := f.client()
	service := client.ClusterQueues
	cluster, queue := f.cluster(client)
	get := func() *buildkite.ClusterQueue {
		got, _, err := service.Get(f.Organization, cluster, queue)
		must(err)
		return got
	}
	answered(200)(service.Update(f.Organization, cluster, queue,
		&buildkite.ClusterQueueUpdate{Description: buildkite.String("All of Linux")}))
	check(of(get().Description), "All of Linux")
	answered(200)(service.Pause(f.Organization, cluster, queue,
		&buildkite.ClusterQueuePause{Note: buildkite.String("Moving house")}))
	check(of(get().DispatchPaused), true)
	check(of(get().DispatchPausedNote), "Moving house")
	check(of(get().DispatchPausedBy.Email), f.User.Email)
	isSet(get().DispatchPausedAt)
	_, err := service.Pause(f.Organization, cluster, queue, &buildkite.ClusterQueuePause{})
	refused(err, 422, "Cluster queue is already paused")
	answered(200)(service.Resume(f.Organization, cluster, queue))
	check(of(get().DispatchPaused), false)
	all, _, err := service.List(f.Organization, cluster, nil)
	must(err)
	check(all, []buildkite.ClusterQueue{*get()})
	answered(204)(service.Delete(f.Organization, cluster, queue))
	_, _, err = service.Get(f.Organization, cluster, queue)
	refused(err, 404, "No cluster queue found")
}

// A token for agents is told once.
func clusterTokens(f *fake) {
	client := f.client()
	service := client.ClusterTokens
	cluster, _ := f.cluster(client)
	made, _, err := service.Create(f.Organization, cluster,
		&buildkite.ClusterTokenCreateUpdate{Description: buildkite.String("Linux")})
	must(err)
	check(of(made.Token) != "", true)
	answered(200)(service.Update(f.Organization, cluster, of(made.ID), &buildkite.ClusterTokenCreateUpdate{
		Description: buildkite.String("All"), AllowedIPAddresses: buildkite.String("10.0.0.0/8"),
	}))
	got, _, err := service.Get(f.Organization, cluster, of(made.ID))
	must(err)
	check(of(got.Description), "All")
	check(of(got.AllowedIPAddresses), "10.0.0.0/8")
	check(got.Token == nil, true)
	all, _, err := service.List(f.Organization, cluster, nil)
	must(err)
	check(all, []buildkite.ClusterToken{*got})
	answered(204)(service.Delete(f.Organization, cluster, of(made.ID)))
	_, _, err = service.Get(f.Organization, cluster, of(made.ID))
	refused(err, 404, "No cluster token found")
}

// A job of a pipeline in a cluster knows its queue.
func clusterAtWork(f *fake) {
	client := f.client()
	cluster, queue := f.cluster(client)
	pipeline, _, err := client.Pipelines.Create(f.Organization, &buildkite.CreatePipeline{
		Name: "Clustered", Repository: "git@github.com:acme/clustered.git", ClusterID: cluster,
		Configuration: "steps: [{command: make, key: make, agents: {queue: linux}}]",
	})
	must(err)
	check(of(pipeline.ClusterID), cluster)
	f.create(client, "clustered")
	made := job(last(poll(f, client, "clustered")), "make")
	check(of(made.State), "passed")
	check(of(made.ClusterID), cluster)
	check(of(made.ClusterQueueID), queue)
}

// The teams, and those of somebody.
func teams(f *fake) {
	client := f.client()
	all, _, err := client.Teams.List(f.Organization, nil)
	must(err)
	check(len(all), 1)
	check(of(all[0].ID), f.Colleague.Team.ID)
	check(of(all[0].Slug), f.Colleague.Team.Slug)
	check(of(all[0].Privacy), "visible")
	hers, _, err := client.Teams.List(f.Organization, &buildkite.TeamsListOptions{UserID: f.Colleague.ID})
	must(err)
	check(hers, all)
	none, _, err := client.Teams.List(f.Organization, &buildkite.TeamsListOptions{UserID: support.NoOnes})
	must(err)
	check(len(none), 0)
}

// Everything that can become of a pipeline.
func pipelineLife(f *fake) {
	client := f.client()
	service := client.Pipelines
	get := func(slug string) *buildkite.Pipeline {
		pipeline, _, err := service.Get(f.Organization, slug)
		must(err)
		return pipeline
	}
	made, response, err := service.Create(f.Organization, &buildkite.CreatePipeline{
		Name: "Tidy Up", Repository: "git@github.com:acme/tidy.git",
		Configuration:    "env:\n  A: one\nsteps:\n  - command: make tidy\n",
		ProviderSettings: &buildkite.GitHubSettings{TriggerMode: buildkite.String("code")},
		Tags:             []string{"tidy"},
	})
	must(err)
	check(response.StatusCode, 201)
	check(of(made.Slug), "tidy-up")
	check(made.Env["A"], "one")
	check(*get("tidy-up"), *made)
	slugs := []string{}
	for page := 1; page != 0; {
		some, response, err := service.List(f.Organization,
			&buildkite.PipelineListOptions{ListOptions: buildkite.ListOptions{Page: page, PerPage: 2}})
		must(err)
		slugs = append(slugs, support.Names(some, func(one buildkite.Pipeline) string { return of(one.Slug) })...)
		page = response.NextPage
	}
	check(slices.Contains(slugs, "tidy-up") && slices.Contains(slugs, "app"), true)

	// The client sends back all it got: the YAML, and the steps read from it.
	made.Description = buildkite.String("Once more")
	made.Name = buildkite.String("Spotless")
	answered(200)(service.Update(f.Organization, made))
	check(of(made.Slug), "spotless")
	check(of(made.Description), "Once more")
	check(made.Configuration, "env:\n  A: one\nsteps:\n  - command: make tidy\n")
	check(*get("spotless"), *made)

	// Of visual steps.
	visual, _, err := service.Create(f.Organization, &buildkite.CreatePipeline{
		Name: "Old Style", Repository: "git@bitbucket.org:acme/old.git", Env: map[string]string{"B": "two"},
		Steps: []buildkite.Step{{
			Type: buildkite.String("script"), Name: buildkite.String("Build"), Command: buildkite.String("make"),
			TimeoutInMinutes: buildkite.Int(10), AgentQueryRules: []string{"queue=linux"},
		}},
	})
	must(err)
	check(*visual.Steps[0].TimeoutInMinutes, 10)
	visual.Steps[0].Command = buildkite.String("make all")
	answered(200)(service.Update(f.Organization, visual))
	check(of(get("old-style").Steps[0].Command), "make all")

	answered(201)(service.AddWebhook(f.Organization, "spotless"))
	_, err = service.AddWebhook(f.Organization, "spotless")
	refused(err, 422, "Webhooks could not be created for your repository.")
	answered(200)(service.Archive(f.Organization, "spotless"))
	isSet(get("spotless").ArchivedAt)
	answered(200)(service.Unarchive(f.Organization, "spotless"))
	check(get("spotless").ArchivedAt == nil, true)
	answered(204)(service.Delete(f.Organization, "spotless"))
	_, _, err = service.Get(f.Organization, "spotless")
	refused(err, 404, "No pipeline found")
}

// What is refused, and in which words.
func errorsOfEveryKind(f *fake) {
	client := f.client()
	_, _, err := f.clientWith("no-such-token").Builds.List(nil)
	refused(err, 401, unauthorized)
	reader := f.clientWith(f.ReadOnlyToken)
	_, _, err = reader.Builds.Create(f.Organization, "app", &buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	refused(err, 403, "Your access token doesn't have the write_builds scope")
	_, _, err = client.Builds.Get(f.Organization, "app", "1", nil)
	refused(err, 404, "No build found")
	_, _, err = client.Jobs.RetryJob(f.Organization, "history", "1", support.NoOnes)
	refused(err, 404, "No job found")
	_, _, err = client.Builds.Create(f.Organization, "app", &buildkite.CreateBuild{})
	body := refused(err, 422, "Validation Failed")
	check(body.Fields(), []string{"commit", "branch"})
	check(body.Errors[0].Code, "missing")
}
