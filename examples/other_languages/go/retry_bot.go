// Package retrybot is the program under test: a bot that retries the failed jobs of a build. It knows nothing of any fake.
package retrybot

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// Bot talks to Buildkite.
type Bot struct {
	APIURL, Token, Organization string
}

type build struct {
	Number int
	State  string
	Jobs   []struct{ ID, State string }
}

// StartBuild makes a build and returns its number.
func (b *Bot) StartBuild(pipeline, branch string) (int, error) {
	var made build
	body := map[string]string{"commit": "HEAD", "branch": branch}
	err := b.send(http.MethodPost, pipeline+"/builds", body, &made)
	return made.Number, err
}

// Tick looks at the build once, retries what failed, and says whether it is over.
func (b *Bot) Tick(pipeline string, number int) (bool, error) {
	var seen build
	path := fmt.Sprintf("%s/builds/%d", pipeline, number)
	if err := b.send(http.MethodGet, path, nil, &seen); err != nil {
		return false, err
	}
	for _, job := range seen.Jobs {
		if job.State != "failed" {
			continue
		}
		if err := b.send(http.MethodPut, path+"/jobs/"+job.ID+"/retry", nil, nil); err != nil {
			return false, err
		}
	}
	return seen.State == "passed", nil
}

func (b *Bot) send(method, path string, body, answer any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	if body == nil {
		text = nil
	}
	url := b.APIURL + "organizations/" + b.Organization + "/pipelines/" + path
	request, err := http.NewRequest(method, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+b.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
