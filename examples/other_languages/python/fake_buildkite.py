"""The fake as a process, and its levers: everything a test needs, in the standard library."""

import json
import os
import subprocess
import urllib.error
import urllib.request


class Fake:
    """A running server. It stops when its standard input is closed, and so with this process, however that ends."""

    def __init__(self, *arguments):
        program = os.environ.get("FAKE_BUILDKITE", "fake-buildkite")
        command = [program, "serve", "--stop-with-stdin", *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self._process.stdout.readline()
        assert line, "the server did not start; what it said is above"
        self.about = json.loads(line)

    def __getattr__(self, name):
        """`url`, `api_url`, `token`, `organization` and the rest of the ready line."""
        try:
            return self.about[name]
        except KeyError:
            raise AttributeError(name) from None

    def pull(self, path, body=None, method=None):
        """Pulls a lever: with a body, or none, it is POST; `method` says otherwise."""
        data = None if method == "GET" else json.dumps(body or {}).encode()
        request = urllib.request.Request(self.levers_url + path, data=data, method=method or "POST")
        try:
            with urllib.request.urlopen(request) as answer:
                text = answer.read()
        except urllib.error.HTTPError as refused:
            raise AssertionError(json.load(refused)["message"]) from None
        return json.loads(text) if text else None

    def look(self, path):
        """Pulls a lever that shows something."""
        return self.pull(path, method="GET")

    def close(self):
        self._process.stdin.close()
        self._process.wait()
