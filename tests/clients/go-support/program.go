// Package support is what the programs written in Go share: how they are called, what the host says, and how they fail. It
// knows nothing of the clients.
package support

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"time"
)

// Flow is what a program written with the client does, against a fake of its own.
type Flow struct {
	Name string
	Run  func(*Host)
}

// Host is what the host said: where the fake is, and what is in it.
type Host struct {
	URL            string     `json:"url"`
	APIURL         string     `json:"api_url"`
	Token          string     `json:"token"`
	ReadOnlyToken  string     `json:"read_only_token"`
	ReadOnlyScopes []string   `json:"read_only_scopes"`
	Organization   string     `json:"organization"`
	User           Person     `json:"user"`
	History        []Past     `json:"history"`
	Colleague      Colleague  `json:"colleague"`
	HastyUserAgent string     `json:"hasty_user_agent"`
	LongLogLines   int        `json:"long_log_lines"`
	Artifacts      []Artifact `json:"artifacts"`
	WebhookSecret  string     `json:"webhook_secret"`
	Deliveries     []Delivery `json:"deliveries"`
	Furnished      Furnished  `json:"furnished"`
}

// Person is a user.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// Past is a build of the pipeline `history`.
type Past struct {
	Number    int       `json:"number"`
	ID        string    `json:"id"`
	Branch    string    `json:"branch"`
	Commit    string    `json:"commit"`
	Release   string    `json:"release"`
	State     string    `json:"state"`
	CreatedAt time.Time `json:"created_at"`
}

// Colleague is another member, with a token that nobody else needs, and a team of both.
type Colleague struct {
	Person
	ID        string    `json:"id"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Team      struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Slug string `json:"slug"`
	} `json:"team"`
}

// Artifact is what the job `test` of the pipeline `app` uploads.
type Artifact struct {
	Path string `json:"path"`
	Hex  string `json:"hex"`
}

// Delivery is what a webhook said of one event.
type Delivery struct {
	Event     string `json:"event"`
	Signature string `json:"signature"`
	Body      string `json:"body"`
}

// Request is the request that said so.
func (d Delivery) Request() *http.Request {
	request, err := http.NewRequest("POST", "http://program.test/hooks", strings.NewReader(d.Body))
	Must(err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("X-Buildkite-Event", d.Event)
	request.Header.Set("X-Buildkite-Signature", d.Signature)
	return request
}

// Furnished is where a second fake is, in which one of everything stands still.
type Furnished struct {
	URL          string `json:"url"`
	APIURL       string `json:"api_url"`
	Token        string `json:"token"`
	Organization string `json:"organization"`
	Everything   struct {
		Pipeline string `json:"pipeline"`
		Number   int    `json:"number"`
	} `json:"everything"`
}

// Content is its bytes.
func (a Artifact) Content() string {
	content, err := hex.DecodeString(a.Hex)
	Must(err)
	return string(content)
}

// At is the address of a resource.
func (h *Host) At(path string) string { return h.APIURL + path }

// OfOrganization is the address of a resource of the organization.
func (h *Host) OfOrganization(path string) string {
	return h.At("organizations/" + h.Organization + path)
}

// Main answers `about` with the client, the version of the module it is, and its flows as JSON; `run FLOW` runs one, and
// expects the JSON line of the host in FAKE_BUILDKITE.
func Main(client, module string, flows []Flow) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "about":
		about(client, module, flows)
	case len(os.Args) == 3 && os.Args[1] == "run":
		run(os.Args[2], flows)
	default:
		Fail("usage: %s about | run FLOW", client)
	}
}

func about(client, module string, flows []Flow) {
	names := []string{}
	for _, flow := range flows {
		names = append(names, flow.Name)
	}
	version := "?"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == module {
				version = strings.TrimPrefix(dependency.Version, "v")
			}
		}
	}
	text, err := json.Marshal(map[string]any{"client": client, "version": version, "flows": names})
	Must(err)
	fmt.Println(string(text))
}

func run(name string, flows []Flow) {
	host := &Host{}
	Must(json.Unmarshal([]byte(os.Getenv("FAKE_BUILDKITE")), host))
	for _, flow := range flows {
		if flow.Name == name {
			flow.Run(host)
			return
		}
	}
	Fail("no flow %q", name)
}
