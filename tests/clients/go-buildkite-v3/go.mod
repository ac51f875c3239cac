module fake-buildkite/tests/clients/go-buildkite-v3

go 1.25

require (
	fake-buildkite/tests/clients/go-support v0.0.0
	github.com/buildkite/go-buildkite/v3 v3.13.0
)

require (
	github.com/cenkalti/backoff v1.1.1-0.20171020064038-309aa717adbf // indirect
	github.com/google/go-querystring v1.0.0 // indirect
	golang.org/x/net v0.23.0 // indirect
)

replace fake-buildkite/tests/clients/go-support => ../go-support
