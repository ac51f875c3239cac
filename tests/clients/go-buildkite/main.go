// What a program written with go-buildkite does, against a fake: one function, one flow.
//
// `about` prints the client, its version and its flows as JSON; `run FLOW` runs one, and expects the JSON line of the host
// in FAKE_BUILDKITE. The library is as published: only its base URL is set.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/buildkite/go-buildkite/v4"
)

const module = "github.com/buildkite/go-buildkite/"

var flows = []struct {
	name string
	run  func(*fake)
}{
	{"account", account},
	{"create_and_poll", createAndPoll},
	{"list_three_pages", listThreePages},
	{"filters", filters},
	{"cancel", cancel},
	{"rebuild", rebuild},
	{"retry", retry},
	{"logs", logs},
	{"unblock", unblock},
	{"pipelines", pipelines},
	{"pipeline_life", pipelineLife},
	{"schedule_life", scheduleLife},
	{"errors", errorsOfEveryKind},
}

// fake is what the host said.
type fake struct {
	URL            string   `json:"url"`
	APIURL         string   `json:"api_url"`
	Token          string   `json:"token"`
	ReadOnlyToken  string   `json:"read_only_token"`
	ReadOnlyScopes []string `json:"read_only_scopes"`
	Organization   string   `json:"organization"`
	User           struct {
		Name  string `json:"name"`
		Email string `json:"email"`
	} `json:"user"`
	History []past `json:"history"`
}

// past is a build of the pipeline `history`.
type past struct {
	Number    int       `json:"number"`
	ID        string    `json:"id"`
	Branch    string    `json:"branch"`
	Commit    string    `json:"commit"`
	Release   string    `json:"release"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

func main() {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "about":
		about()
	case len(os.Args) == 3 && os.Args[1] == "run":
		run(os.Args[2])
	default:
		fail("usage: go-buildkite about | run FLOW")
	}
}

func about() {
	names := []string{}
	for _, flow := range flows {
		names = append(names, flow.name)
	}
	version := "?"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if strings.HasPrefix(dependency.Path, module) {
				version = strings.TrimPrefix(dependency.Version, "v")
			}
		}
	}
	text, err := json.Marshal(map[string]any{"client": "go-buildkite", "version": version, "flows": names})
	must(err)
	fmt.Println(string(text))
}

func run(name string) {
	host := &fake{}
	must(json.Unmarshal([]byte(os.Getenv("FAKE_BUILDKITE")), host))
	for _, flow := range flows {
		if flow.name == name {
			flow.run(host)
			return
		}
	}
	fail("no flow %q", name)
}

// client uses the token with every scope.
func (f *fake) client() *buildkite.Client { return f.clientWith(f.Token) }

func (f *fake) clientWith(token string) *buildkite.Client {
	client, err := buildkite.NewOpts(buildkite.WithBaseURL(f.URL), buildkite.WithTokenAuth(token))
	must(err)
	return client
}

// at is the address of a resource.
func (f *fake) at(path string) string { return f.APIURL + path }
