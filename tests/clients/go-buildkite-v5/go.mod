module fake-buildkite/tests/clients/go-buildkite-v5

go 1.25

require (
	fake-buildkite/tests/clients/go-support v0.0.0
	github.com/buildkite/go-buildkite/v5 v5.6.0
)

require (
	github.com/buildkite/roko v1.4.0 // indirect
	github.com/google/go-querystring v1.2.0 // indirect
)

replace fake-buildkite/tests/clients/go-support => ../go-support
