// What a program written with go-buildkite does, against a fake: one function, one flow.
//
// The library is as published: only its base URL is set.
package main

import (
	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v4"
)

func main() {
	support.Main("go-buildkite", "github.com/buildkite/go-buildkite/v4", []support.Flow{
		flow("account", account),
		flow("people", people),
		flow("revoked_token", revokedToken),
		flow("rate_limits", rateLimits),
		flow("create_and_poll", createAndPoll),
		flow("build_options", buildOptions),
		flow("list_three_pages", listThreePages),
		flow("filters", filters),
		flow("cancel", cancel),
		flow("rebuild", rebuild),
		flow("retry", retry),
		flow("reprioritize", reprioritize),
		flow("logs", logs),
		flow("long_log", longLog),
		flow("unblock", unblock),
		flow("artifacts", artifacts),
		flow("annotations", annotations),
		flow("annotations_of_jobs", annotationsOfJobs),
		flow("emojis", emojis),
		flow("agents", agents),
		flow("stop_agents", stopAgents),
		flow("force_agents_to_stop", forceAgentsToStop),
		flow("clusters", clusters),
		flow("cluster_queues", clusterQueues),
		flow("cluster_tokens", clusterTokens),
		flow("cluster_maintainers", clusterMaintainers),
		flow("cluster_at_work", clusterAtWork),
		flow("teams", teams),
		flow("team_members", teamMembers),
		flow("team_pipelines", teamPipelines),
		flow("pipelines", pipelines),
		flow("pipeline_life", pipelineLife),
		flow("schedule_life", scheduleLife),
		flow("webhooks", webhooks),
		flow("errors", errorsOfEveryKind),
	})
}

// fake is what the host said, and clients of it.
type fake struct{ *support.Host }

func flow(name string, run func(*fake)) support.Flow {
	return support.Flow{Name: name, Run: func(host *support.Host) { run(&fake{host}) }}
}

// client uses the token with every scope.
func (f *fake) client() *buildkite.Client { return f.clientWith(f.Token) }

func (f *fake) clientWith(token string, options ...buildkite.ClientOpt) *buildkite.Client {
	options = append(options, buildkite.WithBaseURL(f.URL), buildkite.WithTokenAuth(token))
	client, err := buildkite.NewOpts(options...)
	must(err)
	return client
}
