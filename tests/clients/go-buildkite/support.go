package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"slices"

	"github.com/buildkite/go-buildkite/v4"
)

// More polls than any build here needs: one that stands still fails the flow instead of hanging it.
const mostPolls = 30

var id = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// --- Polling ---

// poll returns every answer until the build has an end or waits for a person.
func poll(f *fake, client *buildkite.Client, pipeline, number string) []buildkite.Build {
	return answers(f, client, pipeline, number, "passed", "failed", "canceled", "blocked", "skipped", "not_run")
}

func pollUntil(f *fake, client *buildkite.Client, pipeline, number, state string) buildkite.Build {
	return last(answers(f, client, pipeline, number, state))
}

func answers(f *fake, client *buildkite.Client, pipeline, number string, enough ...string) []buildkite.Build {
	seen := []buildkite.Build{}
	for len(seen) < mostPolls {
		build, _, err := client.Builds.Get(ctx, f.Organization, pipeline, number, nil)
		must(err)
		seen = append(seen, build)
		if slices.Contains(enough, build.State) {
			return seen
		}
	}
	fail("%s#%s was %v after %d polls", pipeline, number, states(seen), mostPolls)
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

func last(builds []buildkite.Build) buildkite.Build { return builds[len(builds)-1] }

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
func (f *fake) known(fits func(past) bool) []int {
	all := []int{}
	for _, build := range slices.Backward(f.History) {
		if fits(build) {
			all = append(all, build.Number)
		}
	}
	return all
}

// --- Expectations ---

func check(found, expected any) {
	if !reflect.DeepEqual(found, expected) {
		fail("expected %#v, found %#v", expected, found)
	}
}

func isID(text string) {
	if !id.MatchString(text) {
		fail("no id: %q", text)
	}
}

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

// refusal is the body of an error, with what the client does not decode.
type refusal struct {
	Errors []struct {
		Field string `json:"field"`
		Code  string `json:"code"`
	} `json:"errors"`
}

// refused checks the error that the client makes of an answer.
func refused(err error, status int, message string) refusal {
	var response *buildkite.ErrorResponse
	if !errors.As(err, &response) {
		fail("expected %d %q, found %v", status, message, err)
	}
	check(response.Response.StatusCode, status)
	check(response.Message, message)
	body := refusal{}
	must(json.Unmarshal(response.RawBody, &body))
	return body
}

func fields(body refusal) []string {
	all := []string{}
	for _, entry := range body.Errors {
		all = append(all, entry.Field)
	}
	return all
}

func must(err error) {
	if err != nil {
		fail("%v", err)
	}
}

// fail ends the flow, and says where it was.
func fail(format string, details ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", details...)
	for skip := 1; ; skip++ {
		pc, file, line, ok := runtime.Caller(skip)
		if !ok {
			break
		}
		fmt.Fprintf(os.Stderr, "  %s %s:%d\n", runtime.FuncForPC(pc).Name(), file, line)
	}
	os.Exit(1)
}
