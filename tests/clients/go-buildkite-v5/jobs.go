package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// listed asks for one page of the jobs of a build.
func (f *fake) listed(client *buildkite.Client, pipeline string, options *buildkite.JobsListOptions) buildkite.JobsList {
	list, response, err := client.Jobs.ListByBuild(ctx, f.Organization, pipeline, "1", options)
	must(err)
	check(response.StatusCode, 200)
	return list
}

func keys(jobs []buildkite.Job) []string {
	return support.Names(jobs, func(job buildkite.Job) string { return job.StepKey })
}

func ids(jobs []buildkite.Job) []string {
	return support.Names(jobs, func(job buildkite.Job) string { return job.ID })
}

// byID are the same jobs in an order of their own: a build shows steps behind the job that uploaded them, a list where they
// were made.
func byID(jobs []buildkite.Job) []buildkite.Job {
	return slices.SortedFunc(slices.Values(jobs), func(a, b buildkite.Job) int { return strings.Compare(a.ID, b.ID) })
}

// The jobs of a large build are read page by page, forth and back, and each link leads where it says.
func jobsByCursor(f *fake) {
	client, organization := f.ofFurnished(), f.Furnished.Organization
	pipeline, number := f.Furnished.Everything.Pipeline, strconv.Itoa(f.Furnished.Everything.Number)
	build, _, err := client.Builds.Get(ctx, organization, pipeline, number, nil)
	must(err)
	check(len(build.Jobs) > 10, true)
	earlierToo, latest := true, false
	page := func(options *buildkite.JobsListOptions) buildkite.JobsList {
		list, _, err := client.Jobs.ListByBuild(ctx, organization, pipeline, number, options)
		must(err)
		return list
	}
	follow := func(link buildkite.JobsListLink) buildkite.JobsList {
		prefix := f.Furnished.APIURL + "organizations/" + organization +
			"/pipelines/" + pipeline + "/builds/" + number + "/jobs?"
		check(strings.HasPrefix(string(link), prefix), true)
		options, err := link.ToOptions()
		must(err)
		check(options.PerPage, 4)
		check(*options.IncludeRetriedJobs, false)
		return page(options)
	}

	// What is on the pages is what the build shows, and nothing twice.
	pages := []buildkite.JobsList{page(&buildkite.JobsListOptions{PerPage: 4, IncludeRetriedJobs: &latest})}
	for last := pages[0]; last.Links.Next != ""; last = support.Last(pages) {
		check(len(last.Items), 4)
		check(len(pages) < support.MostPolls, true)
		pages = append(pages, follow(last.Links.Next))
	}
	check(len(pages), (len(build.Jobs)+3)/4)
	forth := []buildkite.Job{}
	for n, one := range pages {
		forth = append(forth, one.Items...)
		check(ids(follow(one.Links.Self).Items), ids(one.Items))
		check(one.Links.Previous == "", n == 0)
		check(one.Links.First == "", n == 0)
		if n > 0 {
			check(ids(follow(one.Links.First).Items), ids(pages[0].Items))
		}
	}
	check(byID(forth), byID(build.Jobs))
	back := support.Last(pages)
	for _, one := range slices.Backward(pages[:len(pages)-1]) {
		back = follow(back.Links.Previous)
		check(ids(back.Items), ids(one.Items))
	}
	check(back.Links.Previous == "", true)

	// Those in some states, and with what was retried, which is there if nothing is said.
	chosen := page(&buildkite.JobsListOptions{State: []string{"waiting", "blocked"}, IncludeRetriedJobs: &latest})
	check(ids(chosen.Items), ids(slices.DeleteFunc(slices.Clone(forth), func(job buildkite.Job) bool {
		return job.State != "waiting" && job.State != "blocked"
	})))
	check(len(chosen.Items) > 1, true)
	attempts := buildkite.JobsListOptions{State: []string{"failed"}, IncludeRetriedJobs: &earlierToo, PerPage: 2}
	failed := page(&attempts)
	self, err := failed.Links.Self.ToOptions()
	must(err)
	check(*self, attempts)
	check(keys(failed.Items), []string{"soft", "unlike"})
	check(len(page(nil).Items), len(forth)+1)
	unlike := failed.Items[1]
	check(unlike.Retried, true)
	check(unlike.RetryType, "automatic")
	check(slices.Contains(ids(forth), unlike.ID), false)
	check(slices.Contains(ids(forth), unlike.RetriedInJobID), true)

	// What only some of them have.
	matrices := []string{}
	for _, one := range build.Jobs {
		if one.StepKey == "systems" {
			matrices = append(matrices, fmt.Sprint(one.Matrix))
		} else {
			check(one.Matrix == nil, true)
		}
	}
	check(matrices, []string{"map[os:linux]", "map[os:mac]"})
	check(job(build, "test").GroupKey, "checks")
	check(*job(build, "test").ParallelGroupTotal, 2)
	check(job(build, "downstream").TriggeredBuild.URL != "", true)
}

// A job is found below its build and below its organization, and tells more of itself than where it is.
func oneJob(f *fake) {
	client := f.client()
	service, build := client.Jobs, f.passed(client)
	check(f.listed(client, "app", nil).Items, build.Jobs)
	for _, one := range build.Jobs {
		below, response, err := service.GetJob(ctx, f.Organization, "app", "1", one.ID)
		must(err)
		check(response.StatusCode, 200)
		check(below, one)
		anywhere, _, err := service.GetJobByOrg(ctx, f.Organization, one.ID)
		must(err)
		check(anywhere, one)
		if one.Type != "script" {
			continue
		}
		isID(one.Step.ID)
		check(one.Priority.Number, 0)
		check(one.BuildURL, build.URL)
		check(one.LogURL, build.URL+"/jobs/"+one.ID+"/log")
		check(one.RawLogsURL, one.LogURL+".txt")
		check(one.ArtifactsURL, build.URL+"/jobs/"+one.ID+"/artifacts")
		check(one.SignalReason, "")
		check(one.Signal == nil && one.ExpiredAt == nil && one.Matrix == nil && one.RetriedBy == nil, true)
		check(one.PromisedExitStatus == nil && one.PromisedExitStatusAt == nil, true)
	}

	_, _, err := service.GetJob(ctx, f.Organization, "app", "1", noOnes)
	refused(err, 404, "No job found")
	_, _, err = service.GetJob(ctx, f.Organization, "history", "1", build.Jobs[0].ID)
	refused(err, 404, "No job found")
	_, _, err = service.GetJobByOrg(ctx, f.Organization, noOnes)
	refused(err, 404, "No job found")
	_, _, err = service.GetJobByOrg(ctx, "nobody", build.Jobs[0].ID)
	refused(err, 404, "No organization found")
	_, _, err = service.ListByBuild(ctx, f.Organization, "app", "2", nil)
	refused(err, 404, "No build found")
	for _, wrong := range []struct {
		options buildkite.JobsListOptions
		message string
	}{
		{buildkite.JobsListOptions{PerPage: 101}, "per_page must be between 1 and 100"},
		{buildkite.JobsListOptions{After: "here"}, "Invalid after cursor"},
		{buildkite.JobsListOptions{Before: "here"}, "Invalid before cursor"},
		{buildkite.JobsListOptions{After: "a", Before: "b"}, "after and before cannot be used together"},
	} {
		_, _, err = service.ListByBuild(ctx, f.Organization, "app", "1", &wrong.options)
		refused(err, 400, wrong.message)
	}
}

// A job that nobody took says when it expired, and one that is going to fail with what, and since when that is known.
func expiredAndPromised(f *fake) {
	client := f.ofFurnished()
	get := func(pipeline, number string) buildkite.Build {
		build, _, err := client.Builds.Get(ctx, f.Furnished.Organization, pipeline, number, nil)
		must(err)
		return build
	}
	park := job(get("parked", "2"), "park")
	check(park.State, "expired")
	increasing(park.CreatedAt, park.ExpiredAt)
	check(park.StartedAt == nil, true)

	hang := job(get("stuck", "1"), "hang")
	check(hang.State, "running")
	check(*hang.PromisedExitStatus, 3)
	increasing(hang.StartedAt, hang.PromisedExitStatusAt)
	check(hang.ExitStatus == nil && hang.FinishedAt == nil, true)
}

// The emojis of the service and of the organization.
func emojis(f *fake) {
	client := f.ofFurnished()
	all, response, err := client.Emojis.List(ctx, f.Furnished.Organization)
	must(err)
	check(response.NextPage, 0)
	n := slices.IndexFunc(all, func(one buildkite.Emoji) bool { return one.Name == "acme" })
	check(all[n], buildkite.Emoji{
		Name: "acme", URL: "https://emoji.example.com/acme.png", Aliases: []string{"anvil"},
	})
	older, _, err := client.ListEmojis(ctx, f.Furnished.Organization)
	must(err)
	check(older, all)
	_, _, err = client.Emojis.List(ctx, "nobody")
	refused(err, 404, "No organization found")
}

// A log is asked about before it is fetched: whether it is there, and how large it is.
func logExists(f *fake) {
	client := f.client()
	service, build := client.Jobs, f.passed(client)
	lint := job(build, "lint")
	size := func() string {
		exists, response, err := service.JobLogExists(ctx, f.Organization, "app", "1", lint.ID)
		must(err)
		check(exists, true)
		check(response.StatusCode, 200)
		check(response.Header.Get("Accept-Ranges"), "bytes")
		return response.Header.Get("Content-Length")
	}
	log, _, err := service.GetJobLog(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(strings.Contains(log.Content, "all <well>"), true)
	check(size(), strconv.Itoa(len(log.Content)))
	answered(204)(service.DeleteJobLog(ctx, f.Organization, "app", "1", lint.ID))
	check(size(), "0")

	// Only command steps have one, and those only who may see it are told of.
	waiter := slices.IndexFunc(build.Jobs, func(job buildkite.Job) bool { return job.Type == "waiter" })
	for _, none := range []string{build.Jobs[waiter].ID, noOnes} {
		exists, response, err := service.JobLogExists(ctx, f.Organization, "app", "1", none)
		must(err)
		check(exists, false)
		check(response.StatusCode, 404)
	}
	reader := f.clientWith(f.ReadOnlyToken)
	exists, response, err := reader.Jobs.JobLogExists(ctx, f.Organization, "app", "1", lint.ID)
	check(exists, false)
	check(response.StatusCode, 403)
	check(err != nil, true)
}
