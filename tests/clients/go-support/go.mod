module fake-buildkite/tests/clients/go-support

go 1.25
