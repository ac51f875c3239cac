// What a program written with buildkite-logs does with the logs of jobs, against a fake: one function, one flow.
//
// The library is as published: the client of the API that it is given has its base URL set, and its cache is in a folder of
// the flow's own.
package main

import (
	"os"
	"path/filepath"

	"fake-buildkite/tests/clients/go-support"

	logs "github.com/buildkite/buildkite-logs"
	"github.com/buildkite/go-buildkite/v5"
)

func main() {
	support.Main("buildkite-logs", "github.com/buildkite/buildkite-logs", []support.Flow{
		flow("growing_log", growingLog),
		flow("running_job", runningJob),
		flow("finished_job", finishedJob),
		flow("failed_job", failedJob),
		flow("search", search),
		flow("by_job_id", byJobID),
		flow("without_cache", withoutCache),
		flow("deleted_log", deletedLog),
		flow("errors", errorsOfEveryKind),
	})
}

// fake is what the host said, and where a flow may write.
type fake struct {
	*support.Host
	folder string
}

func flow(name string, run func(*fake)) support.Flow {
	return support.Flow{Name: name, Run: func(host *support.Host) {
		// Beside the program, and so removed with it, be the flow's end what it may.
		program, err := os.Executable()
		must(err)
		folder, err := os.MkdirTemp(filepath.Dir(program), "logs-")
		must(err)
		// The library copies from its cache into temporary files.
		must(os.Setenv("TMPDIR", folder))
		run(&fake{host, folder})
	}}
}

// api is a client of the API with the token that has every scope.
func (f *fake) api() *buildkite.Client { return f.apiWith(f.Token) }

func (f *fake) apiWith(token string) *buildkite.Client {
	client, err := buildkite.NewOpts(buildkite.WithBaseURL(f.URL), buildkite.WithTokenAuth(token))
	must(err)
	return client
}

// storage is where the cache of that name is.
func (f *fake) storage(cache string) string {
	folder := filepath.Join(f.folder, cache)
	must(os.MkdirAll(folder, 0o755))
	return "file://" + folder
}

// client keeps what it fetches in the cache of that name.
func (f *fake) client(cache string, options ...logs.ClientOption) *logs.Client {
	return f.clientOf(f.api(), cache, options...)
}

func (f *fake) clientOf(api *buildkite.Client, cache string, options ...logs.ClientOption) *logs.Client {
	client, err := logs.NewClient(ctx, api, f.storage(cache), options...)
	must(err)
	return client
}
