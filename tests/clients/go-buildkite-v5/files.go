package main

import (
	"bytes"
	"crypto/sha1"
	"fmt"
	"path"
	"strings"

	"fake-buildkite/tests/clients/go-support"

	"github.com/buildkite/go-buildkite/v5"
)

// passed makes a build of `app` and waits for it.
func (f *fake) passed(client *buildkite.Client) buildkite.Build {
	created, _, err := client.Builds.Create(ctx, f.Organization, "app",
		buildkite.CreateBuild{Commit: "HEAD", Branch: "main"})
	must(err)
	build := last(poll(f, client, "app", fmt.Sprint(created.Number)))
	check(build.State, "passed")
	return build
}

// What a job uploads is listed, described and fetched, byte for byte, until it is deleted.
func artifacts(f *fake) {
	client := f.client()
	service, build := client.Artifacts, f.passed(client)
	test := job(build, "test").ID
	list := func(page, perPage int) ([]buildkite.Artifact, *buildkite.Response) {
		all, response, err := service.ListByBuild(ctx, f.Organization, "app", "1",
			&buildkite.ArtifactListOptions{ListOptions: buildkite.ListOptions{Page: page, PerPage: perPage}})
		must(err)
		return all, response
	}
	all, _ := list(0, 0)
	check(len(all), len(f.Artifacts))
	for n, artifact := range all {
		content := f.Artifacts[n].Content()
		isID(artifact.ID)
		check(artifact.JobID, test)
		check(artifact.State, "finished")
		check(artifact.Path, f.Artifacts[n].Path)
		check(artifact.Dirname, path.Dir(artifact.Path))
		check(artifact.Filename, path.Base(artifact.Path))
		check(artifact.FileSize, int64(len(content)))
		check(artifact.SHA1, fmt.Sprintf("%x", sha1.Sum([]byte(content))))
		check(artifact.URL, build.URL+"/jobs/"+test+"/artifacts/"+artifact.ID)
		check(artifact.DownloadURL, artifact.URL+"/download")

		got, _, err := service.Get(ctx, f.Organization, "app", "1", test, artifact.ID)
		must(err)
		check(got, artifact)
		fetched := bytes.Buffer{}
		answered(200)(service.DownloadArtifactByURL(ctx, artifact.DownloadURL, &fetched))
		check(fetched.String(), content)
	}
	check(all[0].MimeType, "text/plain")
	check(all[1].MimeType, "application/octet-stream")

	ofJob, _, err := service.ListByJob(ctx, f.Organization, "app", "1", test, nil)
	must(err)
	check(ofJob, all)
	ofOther, _, err := service.ListByJob(ctx, f.Organization, "app", "1", job(build, "lint").ID, nil)
	must(err)
	check(len(ofOther), 0)
	second, response := list(2, 1)
	check(second, all[1:])
	check(response.FirstPage, 1)
	check(response.NextPage, 0)

	answered(204)(service.Delete(ctx, f.Organization, "app", "1", test, all[0].ID))
	_, _, err = service.Get(ctx, f.Organization, "app", "1", test, all[0].ID)
	refused(err, 404, "No artifact found")
	left, _ := list(0, 0)
	check(left, all[1:])
	response, err = service.DownloadArtifactByURL(ctx, all[0].DownloadURL, &bytes.Buffer{})
	refused(err, 404, "No artifact found")
	check(response.StatusCode, 404)
	_, _, err = service.Get(ctx, f.Organization, "app", "1", job(build, "lint").ID, all[1].ID)
	refused(err, 404, "No artifact found")
	reader := f.clientWith(f.ReadOnlyToken)
	_, _, err = reader.Artifacts.ListByBuild(ctx, f.Organization, "app", "1", nil)
	refused(err, 403, "Your access token doesn't have the read_artifacts scope")
}

// What jobs and people say of a build: listed, made, replaced, added to, deleted.
func annotations(f *fake) {
	client := f.client()
	service := client.Annotations
	f.passed(client)
	list := func(options *buildkite.AnnotationListOptions) []buildkite.Annotation {
		all, _, err := service.ListByBuild(ctx, f.Organization, "app", "1", options)
		must(err)
		return all
	}
	create := func(wanted buildkite.AnnotationCreate) buildkite.Annotation {
		made, response, err := service.Create(ctx, f.Organization, "app", "1", wanted)
		must(err)
		check(response.StatusCode, 201)
		return made
	}
	contexts := func(all []buildkite.Annotation) []string {
		return support.Names(all, func(one buildkite.Annotation) string { return one.Context })
	}

	// Those of the job's script.
	all := list(nil)
	check(contexts(all), []string{"default", "summary"})
	check(strings.Contains(all[0].BodyHTML, "Read <strong>this</strong>"), true)
	check(all[0].Priority, 7)
	check(all[0].Style, "")
	check(all[0].Scope, "build")
	check(all[1].Style, "success")
	check(all[1].Priority, 3)
	check(strings.Contains(all[1].BodyHTML, "<li>linux passed</li>"), true)
	check(strings.Contains(all[1].BodyHTML, "<li>macos passed</li>"), true)
	increasing(all[1].CreatedAt, all[1].UpdatedAt)

	// One more, which another of the same context replaces and a third adds to.
	made := create(buildkite.AnnotationCreate{Body: "Deployed", Context: "deploy", Style: "info", Priority: 9})
	isID(made.ID)
	check(made.Priority, 9)
	check(contexts(list(nil)), []string{"default", "summary", "deploy"})
	replaced := create(buildkite.AnnotationCreate{Body: "Rolled back", Context: "deploy", Style: "warning"})
	check(replaced.ID, made.ID)
	check(replaced.Style, "warning")
	check(strings.Contains(replaced.BodyHTML, "Deployed"), false)
	longer := create(buildkite.AnnotationCreate{Body: "by hand", Context: "deploy", Append: true})
	check(longer.ID, made.ID)
	check(strings.Contains(longer.BodyHTML, "Rolled back\nby hand"), true)
	check(contexts(list(&buildkite.AnnotationListOptions{
		ListOptions: buildkite.ListOptions{Page: 2, PerPage: 2},
	})), []string{"deploy"})

	_, _, err := service.Create(ctx, f.Organization, "app", "1", buildkite.AnnotationCreate{Body: "x", Style: "loud"})
	check(refused(err, 422, "Validation Failed").Fields(), []string{"style"})
	_, _, err = service.Create(ctx, f.Organization, "app", "1", buildkite.AnnotationCreate{})
	check(refused(err, 422, "Validation Failed").Fields(), []string{"body"})

	answered(204)(service.Delete(ctx, f.Organization, "app", "1", made.ID))
	check(contexts(list(nil)), []string{"default", "summary"})
	_, err = service.Delete(ctx, f.Organization, "app", "1", made.ID)
	refused(err, 404, "No annotation found")
}

// A job has annotations of its own, which are none of its build.
func annotationsOfJobs(f *fake) {
	client := f.client()
	service, test := client.Annotations, job(f.passed(client), "test").ID
	list := func() []buildkite.Annotation {
		all, _, err := service.ListByJob(ctx, f.Organization, "app", "1", test, &buildkite.AnnotationListOptions{})
		must(err)
		return all
	}
	check(len(list()), 0)
	made, response, err := service.CreateForJob(ctx, f.Organization, "app", "1", test,
		buildkite.AnnotationCreate{Body: "Flaky", Context: "tests", Style: "error"})
	must(err)
	check(response.StatusCode, 201)
	check(made.Scope, "job")
	check(made.JobID, test)
	check(list(), []buildkite.Annotation{made})
	ofBuild, _, err := service.ListByBuild(ctx, f.Organization, "app", "1", nil)
	must(err)
	check(len(ofBuild), 2)
	check(ofBuild[0].JobID, "")

	// Those of jobs are found below the build by their scope, with and without what they say.
	scoped := func(scope string, isShort bool) []buildkite.Annotation {
		all, _, err := service.ListByBuild(ctx, f.Organization, "app", "1",
			&buildkite.AnnotationListOptions{Scope: scope, OmitBody: &isShort})
		must(err)
		return all
	}
	check(scoped("build", false), ofBuild)
	check(scoped("job", false), []buildkite.Annotation{made})
	check(scoped("all", false), append(ofBuild, made))
	short := scoped("all", true)
	check(len(short), 3)
	for n, whole := range append(ofBuild, made) {
		check(whole.BodyHTML != "", true)
		whole.BodyHTML = ""
		check(short[n], whole)
	}

	_, err = service.Delete(ctx, f.Organization, "app", "1", made.ID)
	refused(err, 404, "No annotation found")
	answered(204)(service.DeleteForJob(ctx, f.Organization, "app", "1", test, made.ID))
	check(len(list()), 0)
	_, _, err = service.ListByJob(ctx, f.Organization, "app", "1", noOnes, nil)
	refused(err, 404, "No job found")
}

// A log of many lines comes whole.
func longLog(f *fake) {
	client := f.client()
	build, _, err := client.Builds.Get(ctx, f.Organization, "history", "1", nil)
	must(err)
	log, _, err := client.Jobs.GetJobLog(ctx, f.Organization, "history", "1", build.Jobs[0].ID)
	must(err)
	check(log.Size, len(log.Content))
	lines := strings.Split(strings.TrimSuffix(log.Content, "\r\n"), "\r\n")
	check(len(lines), f.LongLogLines)
	end := fmt.Sprintf("\x07line %d of %d", f.LongLogLines, f.LongLogLines)
	check(strings.HasSuffix(support.Last(lines), end), true)
}
