"""What the programs that drive a binary share: how they are called, which version the binary has, expectations."""

import datetime
import json
import os
import pathlib
import re
import subprocess
import sys

SHA = "1f2e3d4c5b6a79880716253443526170deadbeef"
# More polls than any build here needs: one that stands still fails the flow instead of hanging it.
MOST_POLLS = 30
# Real seconds for one answer. It guards against hanging, and is far more than anything here takes.
ANSWER_LIMIT = 60


def main(client, flows, run):
    """Answers `BINARY about` and `BINARY run FLOW`; `run` is given the binary, what the host said, and the flow."""
    match sys.argv[1:]:
        case [binary, "about"]:
            print(json.dumps({"client": client, "version": version(binary), "flows": list(flows)}))
        case [binary, "run", name]:
            run(pathlib.Path(binary), json.loads(os.environ["FAKE_BUILDKITE"]), flows[name])
        case _:
            sys.exit("usage: flows.py BINARY about | BINARY run FLOW")


def version(binary):
    """As the module system stamped it: what the programs say of themselves is put in by who releases them, and is a word
    for "unknown" when they are installed by name. `(devel)` is a binary that was built from a folder."""
    told = subprocess.run(
        ["go", "version", "-m", binary], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True
    ).stdout
    return re.search(r"^\s+mod\s+\S+\s+v?(\S+)", told, re.MULTILINE)[1]


def clean_environment(home, **more):
    """Nothing of who runs this: no settings of theirs, no tokens, no proxies."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "NO_COLOR": "1", **more}


def check(actual, expected):
    if actual != expected:
        raise AssertionError(f"expected {expected!r}, got {actual!r}")


def contains(text, *parts):
    for part in parts:
        if part not in text:
            raise AssertionError(f"expected {part!r} in {text!r}")


def states(polls):
    """The states of a build, each once, in the order in which they were seen."""
    return list(dict.fromkeys(poll["state"] for poll in polls))


def the(rows, **wanted):
    """The only one of the rows with these values."""
    found = [row for row in rows if all(row.get(key) == value for key, value in wanted.items())]
    check(len(found), 1)
    return found[0]


def instant(text):
    """Both print times without parts of a second."""
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")


def increasing(*texts):
    instants = [instant(text) for text in texts]
    check(instants, sorted(instants))
