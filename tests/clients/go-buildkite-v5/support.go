package main

import (
	"errors"
	"fmt"
	"slices"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// --- Polling ---

// poll returns every answer until the build has an end or waits for a person.
func poll(f *fake, client *buildkite.Client, pipeline, number string) []buildkite.Build {
	return answers(f, client, pipeline, number, "passed", "failed", "canceled", "blocked", "skipped", "not_run")
}

func pollUntil(f *fake, client *buildkite.Client, pipeline, number, state string) buildkite.Build {
	return support.Last(answers(f, client, pipeline, number, state))
}

func answers(f *fake, client *buildkite.Client, pipeline, number string, enough ...string) []buildkite.Build {
	seen := []buildkite.Build{}
	for len(seen) < support.MostPolls {
		build, _, err := client.Builds.Get(ctx, f.Organization, pipeline, number, nil)
		must(err)
		seen = append(seen, build)
		if slices.Contains(enough, build.State) {
			return seen
		}
	}
	fail("%s#%s was %v after %d polls", pipeline, number, states(seen), support.MostPolls)
	return nil
}

func states(builds []buildkite.Build) []string {
	words := []string{}
	for _, build := range builds {
		words = append(words, build.State)
	}
	return slices.Compact(words)
}

func jobStates(builds []buildkite.Build, key string) []string {
	words := []string{}
	for _, build := range builds {
		words = append(words, job(build, key).State)
	}
	return slices.Compact(words)
}

func job(build buildkite.Build, key string) buildkite.Job {
	n := slices.IndexFunc(build.Jobs, func(job buildkite.Job) bool { return job.StepKey == key })
	if n < 0 {
		fail("no job of the step %q in build %d", key, build.Number)
	}
	return build.Jobs[n]
}

func numbers(builds []buildkite.Build) []int {
	all := []int{}
	for _, build := range builds {
		all = append(all, build.Number)
	}
	return all
}

func slugsOf(pipelines []buildkite.Pipeline) []string {
	all := []string{}
	for _, pipeline := range pipelines {
		all = append(all, pipeline.Slug)
	}
	return all
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

// some sends a field, be it empty.
func some[T any](value T) buildkite.Optional[T] { return buildkite.Some(value) }

func last(builds []buildkite.Build) buildkite.Build { return support.Last(builds) }

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
