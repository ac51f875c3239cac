module retrybot

go 1.22
