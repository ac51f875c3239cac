"""The program under test: a bot that retries the failed jobs of a build. It knows nothing of any fake."""

import json
import urllib.request


class RetryBot:
    def __init__(self, api_url, token, organization):
        self._base = f"{api_url}organizations/{organization}/pipelines/"
        self._headers = {"Authorization": f"Bearer {token}"}

    def start_build(self, pipeline, branch):
        body = {"commit": "HEAD", "branch": branch}
        return self._send("POST", f"{pipeline}/builds", body)["number"]

    def tick(self, pipeline, number):
        """Looks at the build once, retries what failed, and says whether it is over."""
        build = self._send("GET", f"{pipeline}/builds/{number}")
        failed = [job for job in build["jobs"] if job.get("state") == "failed"]
        for job in failed:
            self._send("PUT", f"{pipeline}/builds/{number}/jobs/{job['id']}/retry")
        return build["state"] == "passed"

    def _send(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self._base + path, data=data, method=method, headers=self._headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)
