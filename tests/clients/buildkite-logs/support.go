package main

import (
	"context"
	"errors"
	"iter"
	"slices"

	"fake-buildkite/tests/clients/go-support"

	logs "github.com/buildkite/buildkite-logs"
	"github.com/buildkite/go-buildkite/v5"
)

var ctx = context.Background()

var (
	check = support.Check
	must  = support.Must
	fail  = support.Fail
)

// --- Builds ---

func (f *fake) build(api *buildkite.Client, pipeline string) buildkite.Build {
	made, _, err := api.Builds.Create(ctx, f.Organization, pipeline, buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	return made
}

// step is the job of a step.
func step(build buildkite.Build, key string) buildkite.Job {
	return build.Jobs[slices.IndexFunc(build.Jobs, func(job buildkite.Job) bool { return job.StepKey == key })]
}

// until polls build 1 of a pipeline until it is in that state, and returns the job of a step of it.
func (f *fake) until(api *buildkite.Client, pipeline, state, key string) buildkite.Job {
	for range support.MostPolls {
		build, _, err := api.Builds.Get(ctx, f.Organization, pipeline, "1", nil)
		must(err)
		if build.State == state {
			return step(build, key)
		}
	}
	fail("%s#1 was not %s after %d polls", pipeline, state, support.MostPolls)
	return buildkite.Job{}
}

// content is the log as the API has it.
func (f *fake) content(api *buildkite.Client, pipeline, job string) string {
	log, _, err := api.Jobs.GetJobLog(ctx, f.Organization, pipeline, "1", job)
	must(err)
	check(log.Size, len(log.Content))
	return log.Content
}

// --- Logs ---

// all are the entries of a sequence.
func all[T any](sequence iter.Seq2[T, error]) []T {
	entries := []T{}
	for entry, err := range sequence {
		must(err)
		entries = append(entries, entry)
	}
	return entries
}

func contents(entries []logs.ParquetLogEntry) []string {
	return support.Names(entries, func(entry logs.ParquetLogEntry) string { return entry.Content })
}

// closed are the entries of a reader, which removes its copy.
func closed(reader *logs.ParquetReader, err error) []logs.ParquetLogEntry {
	must(err)
	entries := all(reader.ReadEntriesIter(ctx))
	must(reader.Close())
	return entries
}

// steps are what a client did for its readers, one after the other.
type steps struct {
	stages    []logs.Stage
	status    logs.JobState
	exists    bool
	logSize   int64
	entries   int
	isLasting bool
}

// watch tells of what a client does from now on.
func watch(client *logs.Client) *steps {
	seen := &steps{}
	note := func(result logs.BaseResult) {
		must(result.Err)
		check(result.Success, true)
		seen.stages = append(seen.stages, result.Stage)
	}
	client.Hooks().AddAfterCacheCheck(func(_ context.Context, result *logs.CacheCheckResult) {
		note(result.BaseResult)
		seen.exists = result.Exists
	})
	client.Hooks().AddAfterJobStatus(func(_ context.Context, result *logs.JobStatusResult) {
		note(result.BaseResult)
		seen.status = result.JobStatus.State
	})
	client.Hooks().AddAfterLogDownload(func(_ context.Context, result *logs.LogDownloadResult) {
		note(result.BaseResult)
		seen.logSize = result.LogSize
	})
	client.Hooks().AddAfterLogParsing(func(_ context.Context, result *logs.LogParsingResult) {
		note(result.BaseResult)
		seen.entries = result.LogEntries
	})
	client.Hooks().AddAfterBlobStorage(func(_ context.Context, result *logs.BlobStorageResult) {
		note(result.BaseResult)
		seen.isLasting = result.IsTerminal
	})
	client.Hooks().AddAfterLocalCache(func(_ context.Context, result *logs.LocalCacheResult) { note(result.BaseResult) })
	return seen
}

// did are the stages since it was asked last.
func (s *steps) did() []logs.Stage {
	stages := s.stages
	s.stages = nil
	return stages
}

var (
	fetched = []logs.Stage{
		logs.StageCacheCheck, logs.StageJobStatus, logs.StageLogDownload, logs.StageLogParsing, logs.StageBlobStorage,
		logs.StageLocalCache,
	}
	// One that is kept for good is taken from the cache; of one that was not over it is asked whether it is over by now.
	kept  = []logs.Stage{logs.StageCacheCheck, logs.StageLocalCache}
	asked = []logs.Stage{logs.StageCacheCheck, logs.StageJobStatus, logs.StageLocalCache}
)

// refused checks the error of the API behind one of the library.
func refused(err error, status int, message string) {
	var response *buildkite.ErrorResponse
	if !errors.As(err, &response) {
		fail("expected %d %q, found %v", status, message, err)
	}
	check(response.Response.StatusCode, status)
	check(response.Message, message)
}
