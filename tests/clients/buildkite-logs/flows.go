package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"fake-buildkite/tests/clients/go-support"

	logs "github.com/buildkite/buildkite-logs"
	"github.com/buildkite/buildkite-logs/logparser"
	"github.com/buildkite/go-buildkite/v5"
)

// An hour is more than a flow takes, a nanosecond less than anything does.
const (
	long  = time.Hour
	short = time.Nanosecond
)

// The log of a job that runs grows from one look to the next, each time by a line, until the job ends.
func growingLog(f *fake) {
	api := f.api()
	lint := step(f.build(api, "app"), "lint")
	provider := logs.NewBuildkiteAPIExistingClient(api)
	seen := [][]string{}
	for range 3 {
		log, err := provider.GetJobLog(ctx, f.Organization, "app", "1", lint.ID)
		must(err)
		entries := all(logparser.New().All(log))
		must(log.Close())
		seen = append(seen, support.Names(entries, func(entry *logparser.Entry) string { return entry.Content }))
	}
	whole := []string{"--- Linting", "\x1b[32mall <well>\x1b[0m"}
	check(seen, [][]string{whole[:0], whole[:1], whole})
	status, err := provider.GetJobStatus(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(status.State, logs.JobStatePassed)
	check(*status.ExitStatus, 0)
}

// While a job runs what was fetched of its log is good for a while; once the job has ended it is fetched once more, and kept.
func runningJob(f *fake) {
	api := f.api()
	f.build(api, "slow")
	soak := f.until(api, "slow", "running", "soak")
	client := f.client("cache")
	seen := watch(client)
	read := func(ttl time.Duration, force bool) []logs.ParquetLogEntry {
		return closed(client.NewReader(ctx, f.Organization, "slow", "1", soak.ID, ttl, force))
	}
	entries := read(long, false)
	check(seen.status, logs.JobStateRunning)
	check(seen.isLasting, false)
	check(contents(entries), []string{"--- Soaking", "still dry"})
	check(entries[0].IsGroup() && !entries[1].IsGroup(), true)
	since := soak.StartedAt.UnixMilli()
	for n, entry := range entries {
		check(entry.RowNumber, int64(n))
		check(entry.Group, "--- Soaking")
		check(entry.HasTime(), true)
		check(since <= entry.Timestamp, true)
		since = entry.Timestamp
	}
	check(seen.did(), fetched)

	// Young enough, so taken from the cache, after the job was asked whether it still runs; or fetched if that is wanted.
	check(read(long, false), entries)
	check(seen.did(), asked)
	check(read(long, true), entries)
	check(seen.did(), fetched)

	// Its end makes what is in the cache too old, whatever its age; and what is fetched then is asked for no more.
	_, err := api.Builds.Cancel(ctx, f.Organization, "slow", "1")
	must(err)
	f.until(api, "slow", "canceled", "soak")
	content := f.content(api, "slow", soak.ID)
	ended := read(long, false)
	check(seen.did(), fetched)
	check(seen.status, logs.JobStateCanceled)
	check(seen.isLasting, true)
	check(seen.logSize, int64(len(content)))
	check(ended[:2], entries)
	check(read(short, false), ended)
	check(seen.did(), kept)
	must(client.Close())
}

// The log of a job that has passed is fetched once, by whoever comes first.
func finishedJob(f *fake) {
	api := f.api()
	f.build(api, "app")
	lint := f.until(api, "app", "passed", "lint")
	content := f.content(api, "app", lint.ID)
	first, second := f.client("cache"), f.client("cache")
	ofFirst, ofSecond := watch(first), watch(second)
	reader, err := first.NewReader(ctx, f.Organization, "app", "1", lint.ID, 0, false)
	must(err)
	check(ofFirst.did(), fetched)
	check(ofFirst.exists, false)
	check(ofFirst.status, logs.JobStatePassed)
	check(ofFirst.logSize, int64(len(content)))
	check(ofFirst.entries, strings.Count(content, "\n"))

	// What the script of the job printed, with its colours and without them.
	entries := all(reader.ReadEntriesIter(ctx))
	check(contents(entries), []string{"--- Linting", "\x1b[32mall <well>\x1b[0m"})
	check(entries[1].CleanContent(true), "all <well>")
	check(entries[1].CleanGroup(true), "--- Linting")
	for _, entry := range entries {
		at := time.UnixMilli(entry.Timestamp)
		check(!at.Before(lint.StartedAt.Time) && !at.After(lint.FinishedAt.Time), true)
	}
	about, err := reader.GetFileInfo()
	must(err)
	check(about.RowCount, int64(2))
	check(about.ColumnCount, 4)
	must(reader.Close())
	_, err = reader.GetFileInfo()
	check(errors.Is(err, os.ErrNotExist), true)

	check(closed(second.NewReader(ctx, f.Organization, "app", "1", lint.ID, short, false)), entries)
	check(ofSecond.did(), kept)
	check(ofSecond.exists, true)

	// What the cache knows of it.
	storage, err := logs.NewBlobStorage(ctx, f.storage("cache"), nil)
	must(err)
	known, err := storage.ReadWithMetadata(ctx, logs.GenerateBlobKey(f.Organization, "app", "1", lint.ID))
	must(err)
	check(known.JobID, lint.ID)
	check(known.JobState, "passed")
	check(known.IsTerminal, true)
	check([]string{known.Organization, known.Pipeline, known.Build}, []string{f.Organization, "app", "1"})
	check(known.LogSize, int64(len(content)))
	check(known.RowCount, 2)
	must(storage.Close())
	must(first.Close())
	must(second.Close())
}

// A job that failed and printed nothing is over, too: with what it ended, and without an entry.
func failedJob(f *fake) {
	api := f.api()
	f.build(api, "flaky")
	test := f.until(api, "flaky", "failed", "test")
	status, err := logs.NewBuildkiteAPIExistingClient(api).GetJobStatus(ctx, f.Organization, "flaky", "1", test.ID)
	must(err)
	check(*status.ExitStatus, 1)
	check(status.FinishedAt.Equal(test.FinishedAt.Time), true)
	check(*status, logs.JobStatus{
		ID: test.ID, State: logs.JobStateFailed, IsTerminal: true, WebURL: test.WebURL,
		ExitStatus: status.ExitStatus, FinishedAt: status.FinishedAt,
	})
	check(status.ShouldRefreshCache(test.FinishedAt.Time, short), false)
	client := f.client("cache")
	check(f.content(api, "flaky", test.ID), "")
	check(closed(client.NewReader(ctx, f.Organization, "flaky", "1", test.ID, 0, false)), []logs.ParquetLogEntry{})
	must(client.Close())
}

// A log of many lines is searched from both ends, and read from where one likes; not if it is larger than was allowed.
func search(f *fake) {
	api := f.api()
	build, _, err := api.Builds.Get(ctx, f.Organization, "history", "1", nil)
	must(err)
	job, lines := build.Jobs[0].ID, f.LongLogLines
	line := func(n int) string { return fmt.Sprintf("line %d of %d", n, lines) }
	client := f.client("cache")
	reader, err := client.NewReader(ctx, f.Organization, "history", "1", job, 0, false)
	must(err)
	about, err := reader.GetFileInfo()
	must(err)
	check(about.RowCount, int64(lines))
	whole := all(reader.ReadEntriesIter(ctx))
	check(len(whole), lines)
	for n, entry := range whole {
		check(entry.RowNumber, int64(n))
		check(entry.Content, line(n+1))
		check(entry.Group, "")
	}

	// Its end.
	tail := all(reader.SeekToRow(ctx, int64(lines-3)))
	check(contents(tail), []string{line(lines - 2), line(lines - 1), line(lines)})
	check(support.Last(tail).RowNumber, int64(lines-1))
	beyond := []string{}
	for _, err := range reader.SeekToRow(ctx, int64(lines)) {
		beyond = append(beyond, fmt.Sprint(err))
	}
	check(beyond, []string{fmt.Sprintf("start row %d is beyond file bounds (total rows: %d)", lines, lines)})

	// Lines that match, with those around them.
	find := func(options logs.SearchOptions) []logs.SearchResult {
		return all(reader.SearchEntriesIter(ctx, options))
	}
	matches := func(options logs.SearchOptions) []string {
		return support.Names(find(options), func(found logs.SearchResult) string { return found.Match.Content })
	}
	found := find(logs.SearchOptions{Pattern: "^LINE 777 ", Context: 2})
	check(len(found), 1)
	check(found[0].Match.Content, line(777))
	check(contents(found[0].BeforeContext), []string{line(775), line(776)})
	check(contents(found[0].AfterContext), []string{line(778), line(779)})
	check(matches(logs.SearchOptions{Pattern: "^LINE 777 ", CaseSensitive: true}), []string{})
	check(matches(logs.SearchOptions{Pattern: "line 1999[89] "}), []string{line(19_998), line(19_999)})
	check(matches(logs.SearchOptions{Pattern: "line 1999[89] ", Reverse: true}), []string{line(19_999), line(19_998)})
	check(matches(logs.SearchOptions{Pattern: "line 1999[89] ", SeekStart: 19_998}), []string{line(19_999)})
	without := []string{}
	for n := range lines {
		if !strings.Contains(line(n+1), "7") {
			without = append(without, line(n+1))
		}
	}
	check(matches(logs.SearchOptions{Pattern: "7", InvertMatch: true}), without)
	check(len(all(reader.FilterByGroupIter(ctx, "no group"))), lines)
	check(len(all(reader.FilterByGroupIter(ctx, "linting"))), 0)
	must(reader.Close())
	must(client.Close())

	small := f.client("small", logs.WithMaxLogBytes(1000))
	_, err = small.NewReader(ctx, f.Organization, "history", "1", job, 0, false)
	check(errors.Is(err, logs.ErrLogTooLarge), true)
	must(small.Close())
	cut := f.client("cut", logs.WithParserOptions(logparser.WithMaxLineBytes(32), logparser.WithTruncationSuffix("~")))
	entries := closed(cut.NewReader(ctx, f.Organization, "history", "1", job, 0, false))
	check(len(entries), lines)
	for _, entry := range entries {
		check(strings.HasSuffix(entry.Content, "~"), true)
	}
	must(cut.Close())
}

// Who knows of a job only its id finds its log, and shares the cache with those who know where it is.
func byJobID(f *fake) {
	api := f.api()
	f.build(api, "app")
	lint := f.until(api, "app", "passed", "lint")
	ofOrganization := logs.NewBuildkiteAPIExistingClient(api)
	place, err := logs.ResolveJobLocation(ctx, ofOrganization, f.Organization, lint.ID)
	must(err)
	check(place, logs.JobLocation{Org: f.Organization, Pipeline: "app", Build: "1", Job: lint.ID})
	job, err := ofOrganization.GetJobByOrg(ctx, f.Organization, lint.ID)
	must(err)
	// The library reads this address for itself, and so takes it from the job.
	check(job.BuildURL, "")
	job.BuildURL = lint.BuildURL
	check(job, lint)

	client := f.client("cache")
	seen := watch(client)
	entries := closed(client.NewReaderByJobID(ctx, f.Organization, lint.ID, 0, false))
	check(contents(entries), []string{"--- Linting", "\x1b[32mall <well>\x1b[0m"})
	check(seen.did(), fetched)
	check(seen.logSize, int64(len(f.content(api, "app", lint.ID))))
	check(closed(client.NewReader(ctx, f.Organization, "app", "1", lint.ID, 0, false)), entries)
	check(seen.did(), kept)
	check(closed(client.NewReaderByJobID(ctx, f.Organization, lint.ID, 0, true)), entries)
	check(seen.did(), fetched)
	must(client.Close())
}

// The log as it comes, and taken apart without being kept.
func withoutCache(f *fake) {
	api := f.api()
	f.build(api, "app")
	lint := f.until(api, "app", "passed", "lint")
	content := f.content(api, "app", lint.ID)
	provider := logs.NewBuildkiteAPIExistingClient(api)
	exists, err := provider.JobLogExists(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(exists, true)
	open := func() io.ReadCloser {
		log, err := provider.GetJobLog(ctx, f.Organization, "app", "1", lint.ID)
		must(err)
		return log
	}
	log := open()
	raw, err := io.ReadAll(log)
	must(err)
	must(log.Close())
	check(string(raw), content)
	below, err := provider.GetJobLogByOrg(ctx, f.Organization, lint.ID)
	must(err)
	raw, err = io.ReadAll(below)
	must(err)
	check(string(raw), content)

	log = open()
	entries := all(logparser.New().All(log))
	must(log.Close())
	check(support.Names(entries, func(entry *logparser.Entry) string { return entry.Content }),
		[]string{"--- Linting", "\x1b[32mall <well>\x1b[0m"})
	check(entries[0].IsSection(), true)
	check(entries[1].HasTimestamp(), true)
	raws := support.Names(entries, func(entry *logparser.Entry) string { return string(entry.RawLine) })
	check(strings.Join(raws, "\r\n")+"\r\n", content)

	// Written to a file of one's own, which stays when its reader is closed.
	path := f.folder + "/own.parquet"
	log = open()
	must(logs.ExportSeq2ToParquetWithFilter(logparser.New().All(log), path,
		func(entry *logparser.Entry) bool { return !entry.IsGroup() }))
	must(log.Close())
	own := logs.NewParquetReader(path)
	check(contents(closed(own, nil)), []string{"\x1b[32mall <well>\x1b[0m"})
	check(len(all(logs.ReadParquetFileIter(ctx, path))), 1)
}

// A log that was deleted stays where it is kept, and is empty for whoever fetches it again.
func deletedLog(f *fake) {
	api := f.api()
	f.build(api, "app")
	lint := f.until(api, "app", "passed", "lint")
	client := f.client("cache")
	read := func(force bool) []string {
		return contents(closed(client.NewReader(ctx, f.Organization, "app", "1", lint.ID, short, force)))
	}
	check(len(read(false)), 2)
	_, err := api.Jobs.DeleteJobLog(ctx, f.Organization, "app", "1", lint.ID)
	must(err)
	check(len(read(false)), 2)
	check(read(true), []string{})
	must(client.Close())
}

// Who may not see a log is told so before anything is fetched, be it in the cache or not.
func errorsOfEveryKind(f *fake) {
	api := f.api()
	f.build(api, "app")
	lint := f.until(api, "app", "passed", "lint")
	client := f.client("cache")
	closed(client.NewReader(ctx, f.Organization, "app", "1", lint.ID, 0, false))
	unavailable := func(pipeline, build, job string) {
		_, err := client.NewReader(ctx, f.Organization, pipeline, build, job, 0, false)
		check(errors.Is(err, logs.ErrJobLogUnavailable), true)
	}
	unavailable("app", "1", support.NoOnes)
	unavailable("app", "2", lint.ID)
	unavailable("history", "1", lint.ID)
	unavailable("nothing", "1", lint.ID)
	_, err := client.NewReaderByJobID(ctx, f.Organization, support.NoOnes, 0, false)
	refused(err, 404, "No job found")
	_, err = client.NewReaderByJobID(ctx, "nobody", lint.ID, 0, false)
	refused(err, 404, "No organization found")
	_, err = client.NewReader(ctx, f.Organization, "app", "", lint.ID, 0, false)
	check(fmt.Sprint(err), "missing required API parameters: build")

	// A token without the scope, and none at all. What HEAD is answered has no body to say why.
	for _, stranger := range []struct {
		token  string
		status int
	}{{f.ReadOnlyToken, 403}, {"no-such-token", 401}} {
		other := f.clientOf(f.apiWith(stranger.token), "cache")
		_, err = other.NewReader(ctx, f.Organization, "app", "1", lint.ID, long, false)
		refused(err, stranger.status, "")
		must(other.Close())
	}
	_, err = logs.NewBuildkiteAPIExistingClient(f.apiWith(f.ReadOnlyToken)).GetJobLogByOrg(ctx, f.Organization, lint.ID)
	refused(err, 403, "Your access token doesn't have the read_build_logs scope")
	var missing *buildkite.ErrorResponse
	_, err = logs.NewBuildkiteAPIExistingClient(api).GetJobStatus(ctx, f.Organization, "app", "1", support.NoOnes)
	check(errors.As(err, &missing), true)
	check(missing.Response.StatusCode, 404)
	must(client.Close())
}
