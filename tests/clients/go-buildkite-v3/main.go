// What a program written with the older go-buildkite does, against a fake: one function, one flow. In its structs almost
// everything is a pointer; `of` is what it points to.
package main

import (
	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v3/buildkite"
)

func main() {
	support.Main("go-buildkite-v3", "github.com/buildkite/go-buildkite/v3", []support.Flow{
		flow("account", account),
		flow("revoked_token", revokedToken),
		flow("rate_limits", rateLimits),
		flow("create_and_poll", createAndPoll),
		flow("list_three_pages", listThreePages),
		flow("filters", filters),
		flow("cancel", cancel),
		flow("rebuild", rebuild),
		flow("retry", retry),
		flow("logs", logs),
		flow("unblock", unblock),
		flow("artifacts", artifacts),
		flow("annotations", annotations),
		flow("emojis", emojis),
		flow("agents", agents),
		flow("clusters", clusters),
		flow("cluster_queues", clusterQueues),
		flow("cluster_tokens", clusterTokens),
		flow("cluster_at_work", clusterAtWork),
		flow("teams", teams),
		flow("pipeline_life", pipelineLife),
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

func (f *fake) clientWith(token string) *buildkite.Client {
	client, err := buildkite.NewOpts(buildkite.WithBaseURL(f.URL), buildkite.WithTokenAuth(token))
	must(err)
	return client
}
