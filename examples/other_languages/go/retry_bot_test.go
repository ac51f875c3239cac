package retrybot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"testing"
)

// fake is the server as a process, and its levers.
type fake struct {
	t            *testing.T
	APIURL       string `json:"api_url"`
	Levers       string `json:"levers_url"`
	Token        string `json:"token"`
	Organization string `json:"organization"`
}

// start runs a server of the test's own. It stops when its standard input is closed, and so with this process, however that ends.
func start(t *testing.T) *fake {
	t.Helper()
	program := os.Getenv("FAKE_BUILDKITE")
	if program == "" {
		program = "fake-buildkite"
	}
	command := exec.Command(program, "serve", "--stop-with-stdin")
	command.Stderr = os.Stderr
	in, err := command.StdinPipe()
	check(t, err)
	out, err := command.StdoutPipe()
	check(t, err)
	check(t, command.Start())
	t.Cleanup(func() {
		in.Close()
		check(t, command.Wait())
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	check(t, err)
	f := &fake{t: t}
	check(t, json.Unmarshal(line, f))
	return f
}

// pull pulls a lever; what it answers goes into `answer`, unless that is nil.
func (f *fake) pull(method, path string, body, answer any) {
	f.t.Helper()
	text, err := json.Marshal(body)
	check(f.t, err)
	if body == nil {
		text = nil
	}
	request, err := http.NewRequest(method, f.Levers+path, bytes.NewReader(text))
	check(f.t, err)
	response, err := http.DefaultClient.Do(request)
	check(f.t, err)
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		var refused struct{ Message string }
		check(f.t, json.NewDecoder(response.Body).Decode(&refused))
		f.t.Fatalf("%s %s: %s", method, path, refused.Message)
	}
	if answer != nil {
		check(f.t, json.NewDecoder(response.Body).Decode(answer))
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

type object = map[string]any

func TestAFailedJobIsRetriedOnce(t *testing.T) {
	// Given a pipeline whose test fails on its first attempt
	f := start(t)
	f.pull("POST", "pipelines", object{"name": "app", "steps": "steps: [{command: make test, key: test}]"}, nil)
	attempts := []object{{"takes": "3m", "exits": 1}, {"takes": "2m"}}
	f.pull("POST", "pipelines/app/scripts", object{"job": "test", "attempts": attempts}, nil)
	bot := &Bot{APIURL: f.APIURL, Token: f.Token, Organization: f.Organization}
	number, err := bot.StartBuild("app", "main")
	check(t, err)
	// When it has failed and the bot looks
	f.pull("POST", "clock/advance", object{"by": "4m"}, nil)
	over, err := bot.Tick("app", number)
	check(t, err)
	if over {
		t.Fatal("the build is over before it was retried")
	}
	// Then the second attempt passes
	f.pull("POST", "clock/run_until_idle", nil, nil)
	over, err = bot.Tick("app", number)
	check(t, err)
	if !over {
		t.Fatal("the build did not pass")
	}
	var retries struct{ Count int }
	f.pull("GET", "requests?route=RetryJob", nil, &retries)
	if retries.Count != 1 {
		t.Fatalf("%d retries", retries.Count)
	}
}
