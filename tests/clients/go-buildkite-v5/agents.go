package main

import (
	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// atWork makes a build whose job never ends by itself, and returns the job once an agent runs it.
func (f *fake) atWork(client *buildkite.Client) buildkite.Job {
	_, _, err := client.Builds.Create(ctx, f.Organization, "slow",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	return job(pollUntil(f, client, "slow", "1", "running"), "soak")
}

// Agents are listed and found while they are here, with the job they have; and rest when they are told to.
func agents(f *fake) {
	client := f.client()
	service := client.Agents
	soak := f.atWork(client)
	get := func() buildkite.Agent {
		agent, _, err := service.Get(ctx, f.Organization, soak.Agent.ID)
		must(err)
		return agent
	}
	agent := get()
	check(agent.Name, soak.Agent.Name)
	check(agent.ConnectedState, "connected")
	check(agent.Job.ID, soak.ID)
	check(agent.Job.State, "running")
	check(agent.URL, f.OfOrganization("/agents/"+agent.ID))
	check(*agent.Paused, false)
	check(agent.PausedAt == nil && agent.PausedBy == nil && agent.PausedNote == nil, true)
	check(agent.Hostname != "" && agent.Version != "" && agent.UserAgent != "" && agent.IPAddress != "", true)
	increasing(agent.CreatedAt, agent.ConnectedAt)
	check(agent.DisconnectedAt == nil && agent.StoppedAt == nil && agent.LostAt == nil, true)
	check(agent.OSID != "" && agent.Arch != "", true)
	check(agent.Queue, "default")

	find := func(options buildkite.AgentListOptions) []string {
		all, _, err := service.List(ctx, f.Organization, &options)
		must(err)
		return support.Names(all, func(agent buildkite.Agent) string { return agent.ID })
	}
	name := buildkite.AgentListOptions{Name: agent.Name}
	check(find(name), []string{agent.ID})
	check(find(buildkite.AgentListOptions{Name: agent.Name, Hostname: agent.Hostname, Version: agent.Version}),
		[]string{agent.ID})
	check(find(buildkite.AgentListOptions{Name: "nobody"}), []string{})
	check(find(buildkite.AgentListOptions{Hostname: "nowhere"}), []string{})
	check(find(buildkite.AgentListOptions{Version: "0.0.0"}), []string{})
	check(find(buildkite.AgentListOptions{ListOptions: buildkite.ListOptions{Page: 9}}), []string{})

	// Paused by somebody for an hour, and with what the service takes if nothing is said.
	answered(204)(service.Pause(ctx, f.Organization, agent.ID,
		&buildkite.AgentPauseOptions{Note: "Its disk is full", TimeoutInMinutes: 60}))
	paused := get()
	check(*paused.Paused, true)
	isSet(paused.PausedAt)
	check(paused.PausedBy.Email, f.User.Email)
	check(*paused.PausedNote, "Its disk is full")
	check(*paused.PausedTimeoutInMinutes, 60)
	check(paused.ConnectedState, "connected")
	check(paused.Job.ID, soak.ID)
	_, err := service.Pause(ctx, f.Organization, agent.ID, nil)
	refused(err, 422, "Agent is already paused")
	answered(204)(service.Resume(ctx, f.Organization, agent.ID))
	check(*get().Paused, false)
	_, err = service.Resume(ctx, f.Organization, agent.ID)
	refused(err, 422, "Agent is not paused")
	answered(204)(service.Pause(ctx, f.Organization, agent.ID, nil))
	check(*get().PausedTimeoutInMinutes, 5)

	_, _, err = service.Get(ctx, f.Organization, noOnes)
	refused(err, 404, "No agent found")
	_, _, err = service.List(ctx, "nobody", nil)
	refused(err, 404, "No organization found")
	_, err = f.clientWith(f.ReadOnlyToken).Agents.Stop(ctx, f.Organization, agent.ID, true)
	refused(err, 403, "Your access token doesn't have the write_agents scope")
}

// An agent that is stopped finishes its job first, and takes no other.
func stopAgents(f *fake) {
	client := f.client()
	service := client.Agents
	soak := f.atWork(client)
	get := func() buildkite.Agent {
		agent, _, err := service.Get(ctx, f.Organization, soak.Agent.ID)
		must(err)
		return agent
	}
	answered(204)(service.Stop(ctx, f.Organization, soak.Agent.ID, false))
	check(get().ConnectedState, "stopping")
	check(get().Job.ID, soak.ID)
	_, err := service.Stop(ctx, f.Organization, soak.Agent.ID, false)
	refused(err, 400, "Can only stop connected agents")
	_, err = service.Pause(ctx, f.Organization, soak.Agent.ID, nil)
	refused(err, 422, "Only connected agents may be paused")

	_, err = client.Builds.Cancel(ctx, f.Organization, "slow", "1")
	must(err)
	check(last(poll(f, client, "slow", "1")).State, "canceled")
	gone := get()
	check(gone.ConnectedState, "stopped")
	check(gone.Job == nil, true)
	increasing(gone.ConnectedAt, gone.LastJobFinishedAt, gone.StoppedAt)
	isSet(gone.DisconnectedAt)
	here, _, err := service.List(ctx, f.Organization, &buildkite.AgentListOptions{Name: gone.Name})
	must(err)
	check(len(here), 0)
}

// An agent that is forced to stop cancels its job, and the build with it.
func forceAgentsToStop(f *fake) {
	client := f.client()
	soak := f.atWork(client)
	answered(204)(client.Agents.Stop(ctx, f.Organization, soak.Agent.ID, true))
	dropped := last(poll(f, client, "slow", "1"))
	check(dropped.State, "canceled")
	check(job(dropped, "soak").State, "canceled")
	check(job(dropped, "soak").SignalReason, "cancel")
	agent, _, err := client.Agents.Get(ctx, f.Organization, soak.Agent.ID)
	must(err)
	check(agent.ConnectedState, "stopped")
}
