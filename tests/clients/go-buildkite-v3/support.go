package main

import (
	"errors"
	"fmt"
	"slices"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v3/buildkite"
)

// of is what a pointer points to; of none, nothing.
func of[T any](pointer *T) T {
	if pointer == nil {
		var none T
		return none
	}
	return *pointer
}

// --- Polling ---

// poll returns every answer until the build has an end or waits for a person.
func poll(f *fake, client *buildkite.Client, pipeline string, enough ...string) []*buildkite.Build {
	if len(enough) == 0 {
		enough = []string{"passed", "failed", "canceled", "blocked", "skipped", "not_run"}
	}
	seen := []*buildkite.Build{}
	for len(seen) < support.MostPolls {
		build, _, err := client.Builds.Get(f.Organization, pipeline, "1", nil)
		must(err)
		seen = append(seen, build)
		if slices.Contains(enough, of(build.State)) {
			return seen
		}
	}
	fail("%s#1 was %v after %d polls", pipeline, states(seen), support.MostPolls)
	return nil
}

func states(builds []*buildkite.Build) []string {
	state := func(build *buildkite.Build) string { return of(build.State) }
	return slices.Compact(support.Names(builds, state))
}

func job(build *buildkite.Build, key string) *buildkite.Job {
	is := func(job *buildkite.Job) bool { return of(job.StepKey) == key }
	n := slices.IndexFunc(build.Jobs, is)
	if n < 0 {
		fail("no job of the step %q in build %d", key, of(build.Number))
	}
	return build.Jobs[n]
}

// create makes a build of HEAD on main.
func (f *fake) create(client *buildkite.Client, pipeline string) *buildkite.Build {
	build, response, err := client.Builds.Create(f.Organization, pipeline,
		&buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	check(response.StatusCode, 201)
	return build
}

// known are the numbers of the past builds that fit, newest first.
func (f *fake) known(fits func(support.Past) bool) []int {
	all := []int{}
	for _, build := range slices.Backward(f.History) {
		if fits(build) {
			all = append(all, build.Number)
		}
	}
	return all
}

// --- Expectations ---

var (
	check = support.Check
	must  = support.Must
	fail  = support.Fail
	isID  = support.IsID
)

func last(builds []*buildkite.Build) *buildkite.Build { return support.Last(builds) }

func isSet(at *buildkite.Timestamp) {
	if at == nil || at.IsZero() {
		fail("no instant")
	}
}

func increasing(instants ...*buildkite.Timestamp) {
	for n, at := range instants {
		isSet(at)
		if n > 0 && at.Before(instants[n-1].Time) {
			fail("%v is before %v", at, instants[n-1])
		}
	}
}

// refused checks the error that the client makes of an answer.
func refused(err error, status int, message string) support.Refusal {
	var response *buildkite.ErrorResponse
	if !errors.As(err, &response) {
		fail("expected %d %q, found %v", status, message, err)
	}
	check(response.Response.StatusCode, status)
	check(response.Message, message)
	request := response.Response.Request
	check(response.Error(), fmt.Sprintf("%s %s: %d %s", request.Method, request.URL, status, message))
	return support.Refused(response.RawBody)
}

// answered checks the error and the status of an answer without a body.
func answered(status int) func(*buildkite.Response, error) {
	return func(response *buildkite.Response, err error) {
		must(err)
		check(response.StatusCode, status)
	}
}
