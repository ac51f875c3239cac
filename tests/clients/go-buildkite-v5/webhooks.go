package main

import (
	"fmt"
	"slices"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// What webhooks said of a build that failed is signed as the client checks it, and read as the client's types have it.
func webhooks(f *fake) {
	client := f.client()
	organization, _, err := client.Organizations.Get(ctx, f.Organization)
	must(err)
	seen := []string{}
	for _, delivery := range f.Deliveries {
		request := delivery.Request()
		check(buildkite.WebHookType(request), delivery.Event)
		payload, err := buildkite.ValidatePayload(request, []byte(f.WebhookSecret))
		must(err)
		check(string(payload), delivery.Body)
		_, err = buildkite.ValidatePayload(delivery.Request(), []byte("another secret"))
		check(fmt.Sprint(err), "payload signature check failed")
		event, err := buildkite.ParseWebHook(delivery.Event, payload)
		must(err)
		seen = append(seen, said(f, event))
	}
	slices.Sort(seen) // their order is not what this is about
	check(seen, []string{
		"agent.connected: porter connected",
		"agent.stopped: porter stopped",
		"agent.stopping: porter stopping",
		"build.finished: app#1 failed",
		"build.running: app#1 running",
		"build.scheduled: app#1 scheduled",
		"job.finished: test of app#1 failed, by porter",
		"job.scheduled: test of app#1 scheduled",
		"job.started: test of app#1 running, by porter",
		"ping: " + organization.Slug,
	})
}

func said(f *fake, event any) string {
	ofAgent := func(event buildkite.AgentEvent) string {
		isID(event.Agent.ID)
		isSet(event.Agent.CreatedAt)
		return fmt.Sprintf("%s: %s %s", event.Event, event.Agent.Name, event.Agent.ConnectedState)
	}
	ofBuild := func(event buildkite.BuildEvent) string {
		isSet(event.Build.CreatedAt)
		check(event.Build.Creator.Name, f.User.Name)
		return fmt.Sprintf("%s: %s#%d %s", event.Event, event.Pipeline.Slug, event.Build.Number, event.Build.State)
	}
	ofJob := func(event buildkite.JobEvent) string {
		isSet(event.Job.CreatedAt)
		job := fmt.Sprintf("%s: %s of %s#%d %s",
			event.Event, event.Job.StepKey, event.Pipeline.Slug, event.Build.Number, event.Job.State)
		if name := event.Job.Agent.Name; name != "" {
			job += ", by " + name
		}
		return job
	}
	switch event := event.(type) {
	case *buildkite.PingEvent:
		return fmt.Sprintf("%s: %s", event.Event, event.Organization.Slug)
	case *buildkite.AgentConnectedEvent:
		return ofAgent(event.AgentEvent)
	case *buildkite.AgentStoppingEvent:
		return ofAgent(event.AgentEvent)
	case *buildkite.AgentStoppedEvent:
		return ofAgent(event.AgentEvent)
	case *buildkite.BuildScheduledEvent:
		return ofBuild(event.BuildEvent)
	case *buildkite.BuildRunningEvent:
		return ofBuild(event.BuildEvent)
	case *buildkite.BuildFinishedEvent:
		isSet(event.Build.FinishedAt)
		return ofBuild(event.BuildEvent)
	case *buildkite.JobScheduledEvent:
		return ofJob(event.JobEvent)
	case *buildkite.JobStartedEvent:
		return ofJob(event.JobEvent)
	case *buildkite.JobFinishedEvent:
		check(*event.Job.ExitStatus, 1)
		return ofJob(event.JobEvent)
	}
	support.Fail("no event expected: %#v", event)
	return ""
}
