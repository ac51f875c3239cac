"""A Chromium without a window, told what to do through its debugging pipe: JSON, a zero byte after each message."""

import json
import os
import select
import subprocess
import time

# Real seconds, against hanging.
ANSWER_LIMIT = 60

# A page of a large build is higher than any screen; this much of it is worth a picture.
MOST_HEIGHT = 6000


class Chromium:
    def __init__(self, program, profile):
        self.program, self.profile = program, profile
        self.number, self.events, self.rest = 0, [], b""

    def __enter__(self):
        # Chromium reads from descriptor 3 and writes to 4.
        theirs_in, self.ours_out = os.pipe()
        self.ours_in, theirs_out = os.pipe()
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--hide-scrollbars", "--force-color-profile=srgb", "--no-proxy-server", "--remote-debugging-pipe",
            f"--user-data-dir={self.profile}",
        ]  # fmt: skip
        # The shell puts the pipes where Chromium looks for them.
        shell = ["sh", "-c", f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}', self.program, *flags, "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(
            shell, pass_fds=(theirs_in, theirs_out), stdin=quiet, stdout=quiet, stderr=quiet
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attached = self.send("Target.attachToTarget", {"targetId": target, "flatten": True})
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network", "Accessibility"):
            self.tell(f"{domain}.enable")
        self.tell("Network.setCacheDisabled", cacheDisabled=True)
        return self

    def __exit__(self, *_):
        try:
            self.send("Browser.close")
            self.process.wait(ANSWER_LIMIT)
        except (OSError, TimeoutError, RuntimeError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.wait()
        os.close(self.ours_in)
        os.close(self.ours_out)

    def open(self, url, width, scheme, status=200):
        """Goes to a page, and waits until it is there."""
        self.tell("Page.navigate", url="about:blank")
        self.tell(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 700
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.tell("Emulation.setEmulatedMedia", features=features)
        self.events.clear()
        self.tell("Page.navigate", url=url)
        self.wait_for("Page.loadEventFired")
        return Page(self, url, width, status)

    def wait_for(self, method):
        until = time.monotonic() + ANSWER_LIMIT
        while not any(event["method"] == method for event in self.events):
            self.events.append(self.receive(until))

    def tell(self, method, **params):
        return self.send(method, params, self.session)

    def send(self, method, params=None, session=None):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params or {}}
        if session:
            message["sessionId"] = session
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self.ours_out, left) :]
        until = time.monotonic() + ANSWER_LIMIT
        while True:
            answer = self.receive(until)
            if "method" in answer:
                self.events.append(answer)
                if answer["method"] == "Page.javascriptDialogOpening":
                    # Until somebody answers it, everything stands still.
                    self.number += 1
                    close = {"id": self.number, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
                    os.write(self.ours_out, json.dumps({**close, "sessionId": self.session}).encode() + b"\0")
            elif answer["id"] == message["id"]:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def receive(self, until):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.ours_in], [], [], max(0, until - time.monotonic()))
            piece = os.read(self.ours_in, 1 << 20) if ready else b""
            if not piece:
                raise TimeoutError("chromium does not answer")
            self.rest += piece
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)


class Page:
    def __init__(self, chromium, url, width, status):
        self.chromium, self.url, self.width, self.status = chromium, url, width, status

    def evaluate(self, expression):
        answer = self.chromium.tell("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self):
        size = self.chromium.tell("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": self.width, "height": min(size["height"], MOST_HEIGHT), "scale": 1}
        shot = self.chromium.tell("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        return shot["data"]

    def accessible(self):
        """What assistive technology sees: (role, name, description, text inside) of everything, in order."""
        nodes = self.chromium.tell("Accessibility.getFullAXTree")["nodes"]
        by_id = {node["nodeId"]: node for node in nodes}

        def said(node, key):
            return node.get(key, {}).get("value", "")

        def text(node):
            if said(node, "role") == "StaticText":
                return said(node, "name")
            children = (by_id[child] for child in node.get("childIds", []) if child in by_id)
            return " ".join(filter(None, map(text, children)))

        return [
            (said(node, "role"), said(node, "name"), said(node, "description"), text(node))
            for node in nodes
            if not node.get("ignored")
        ]

    def trouble(self):
        """What the browser complained about, and what it asked for besides the page."""
        trouble = []
        for event in self.chromium.events:
            method, params = event["method"], event["params"]
            if method == "Page.javascriptDialogOpening":
                trouble.append(f"a dialog opened: {params['message']}")
            elif method == "Runtime.consoleAPICalled":
                trouble.append(f"the console says {params['args']}")
            elif method == "Runtime.exceptionThrown":
                trouble.append(f"an exception: {params['exceptionDetails']['text']}")
            elif method == "Log.entryAdded":
                entry = params["entry"]
                # A page that is not there is expected to be reported.
                if not (self.status == 404 and "404" in entry["text"]):
                    trouble.append(f"the log says {entry['text']}")
            elif method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                if url != self.url.partition("#")[0] and not url.startswith("data:"):
                    trouble.append(f"it loads {url}")
            elif method == "Network.responseReceived" and params["type"] == "Document":
                status = params["response"]["status"]
                if status != self.status:
                    trouble.append(f"it answers {status}")
        return trouble
