"""What people and scripts do with the command `bk`, against a fake: one function, one flow.

`flows.py BINARY about` prints the client, its version and its flows as JSON; `flows.py BINARY run FLOW` runs one, and
expects the JSON line of the host in FAKE_BUILDKITE. The binary is as published: only variables that it documents are set.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "python-support"))

from program import (
    ANSWER_LIMIT,
    MOST_POLLS,
    SHA,
    check,
    clean_environment,
    contains,
    increasing,
    instant,
    main,
    states,
    the,
)

FLOWS = {}


def flow(function):
    FLOWS[function.__name__] = function
    return function


class Bk:
    """The command, in an empty repository below a home of its own."""

    def __init__(self, binary, about, home):
        self.binary = binary
        self.about = about
        self.organization = about["organization"]
        self.history = about["history"]
        self.folder = home / "repository"
        self.env = clean_environment(
            home,
            CI="1",
            BUILDKITE_REST_API_ENDPOINT=about["url"],
            BUILDKITE_GRAPHQL_ENDPOINT=about["graphql_url"],
            BUILDKITE_API_TOKEN=about["token"],
            BUILDKITE_ORGANIZATION_SLUG=self.organization,
            BUILDKITE_NO_KEYRING="1",
            BK_TELEMETRY="0",
            BUILDKITE_NO_PAGER="1",
        )
        subprocess.run(["git", "init", "--quiet", self.folder], env=self.env, check=True)

    def run(self, *arguments, stdin=None, token=None):
        """What it exits with, and what it prints."""
        # Without anything on standard input it has to be something else than a pipe: it reads those before its arguments.
        given = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        return subprocess.run(
            [self.binary, *map(str, arguments)],
            cwd=self.folder,
            env={**self.env, **({"BUILDKITE_API_TOKEN": token} if token else {})},
            capture_output=True,
            text=True,
            timeout=ANSWER_LIMIT,
            **given,
        )

    def text(self, *arguments, **options):
        """What it prints, if it succeeds."""
        ended = self.run(*arguments, **options)
        if ended.returncode != 0:
            raise AssertionError(f"bk {arguments} exits with {ended.returncode}: {ended.stderr}{ended.stdout}")
        return ended.stdout

    def json(self, *arguments, **options):
        return json.loads(self.text(*arguments, **options))

    def refused(self, code, *parts, call, **options):
        """It exits with this, says these on standard error, and prints no answer."""
        ended = self.run(*call, **options)
        check((ended.returncode, ended.stdout), (code, ""))
        contains(ended.stderr, *parts)

    def page(self, path):
        """The page for people about something of the organization."""
        return f"{self.about['url'].rstrip('/')}/{self.organization}/{path}"

    def create(self, pipeline, *more):
        """A new build; it has to be the first of its pipeline."""
        printed = self.text("build", "create", "--pipeline", pipeline, "--branch", "main", "--yes", *more)
        check(printed.strip(), f"Build created: {self.page(f'{pipeline}/builds/1')}")

    def view(self, pipeline, number=1):
        return self.json("build", "view", number, "--pipeline", pipeline)

    def jobs(self, pipeline, number=1):
        return self.json("job", "list", "--pipeline", pipeline, "--build", number)

    def poll(self, pipeline, number=1, until=lambda build: build.get("finished_at")):
        """Views a build until it has finished, or until something else is so."""
        polls = []
        for _ in range(MOST_POLLS):
            polls.append(self.view(pipeline, number))
            if until(polls[-1]):
                return polls
        raise AssertionError(f"no end in sight after {MOST_POLLS} polls, the build is {states(polls)}")


def has_running_job(build):
    return any(job.get("state") == "running" for job in build["jobs"])


# --- Flows ---------------------------------------------------------------------------------------------------------------


@flow
def whoami(bk):
    session = bk.json("whoami")
    check(session["organization_slug"], bk.organization)
    check(session["token"]["user"], bk.about["user"])
    check({"read_builds", "write_builds", "graphql"} <= set(session["token"]["scopes"]), True)
    check(bk.json("auth", "status"), session)
    read_only = bk.json("whoami", token=bk.about["read_only_token"])
    check(read_only["token"]["scopes"], bk.about["read_only_scopes"])
    check(bk.json("organization", "list"), [{"slug": bk.organization, "selected": True}])


@flow
def create_and_watch(bk):
    bk.create(
        "app",
        *("--commit", SHA, "--message", "Try it :rocket:", "--author", "Grace Example <grace@example.com>"),
        *("--env", "DEBUG=1", "--metadata", "release=v9"),
    )
    created = bk.view("app")
    check((created["number"], created["state"], created["blocked"]), (1, "scheduled", False))
    check((created["message"], created["commit"], created["branch"]), ("Try it :rocket:", SHA, "main"))
    check(created["author"], {"name": "Grace Example", "email": "grace@example.com"})
    check((created["env"], created["meta_data"], created["source"]), ({"DEBUG": "1"}, {"release": "v9"}, "api"))
    check(created["creator"]["email"], bk.about["user"]["email"])
    check([job["type"] for job in created["jobs"]], ["script", "waiter", "script"])
    check([job.get("state") for job in created["jobs"]], ["scheduled", None, "waiting"])

    # It asks every second until the build has finished, and prints what it sees.
    watched = bk.text("build", "watch", 1, "--pipeline", "app")
    contains(watched, "Watching build 1 on acme/app", "Try it :rocket:", ":mag: Lint", ":test_tube: Test")
    contains(watched, "Build acme/app #1 (running)", "Build acme/app #1 (passed)")
    check(watched.count("(passed)\n"), 1)

    passed = bk.view("app")
    check((passed["id"], passed["state"]), (created["id"], "passed"))
    increasing(passed["created_at"], passed["started_at"], passed["finished_at"])
    for job in (passed["jobs"][0], passed["jobs"][2]):
        check((job["state"], job["exit_status"]), ("passed", 0))
        increasing(job["created_at"], job["started_at"], job["finished_at"])
    check([one["path"] for one in passed["artifacts"]], [one["path"] for one in bk.about["artifacts"]])
    check([one["context"] for one in passed["annotations"]], ["default", "summary"])

    shown = bk.text("build", "view", 1, "--pipeline", "app", "--text")
    contains(shown, "Build acme/app #1 (passed)", bk.page("app/builds/1"), "Artifacts (2)", "log/test.log", "Annotations (2)")
    summary = bk.json("build", "view", 1, "--pipeline", "app", "--summary")
    check((summary["state"], summary["number"]), ("passed", 1))


@flow
def list_builds(bk):
    def listed(*filters, pipeline=("--pipeline", "history")):
        return [build["number"] for build in bk.json("build", "list", *pipeline, *filters)]

    newest_first = list(range(45, 0, -1))
    check(listed("--limit", 3), newest_first[:3])
    check(listed("--no-limit"), newest_first)
    numbers = lambda **wanted: [
        build["number"] for build in reversed(bk.history) if all(build[key] == wanted[key] for key in wanted)
    ]
    check(listed("--state", "failed"), numbers(state="failed"))
    check(listed("--branch", "main"), numbers(branch="main"))
    check(listed("--branch", "main", "--state", "passed"), numbers(branch="main", state="passed"))
    check(listed("--meta-data", "release=v1"), numbers(release="v1"))
    check(listed("--commit", bk.history[6]["commit"]), [7])
    check(listed("--message", "Change 44"), [45])
    creator = bk.view("history")["creator"]["id"]  # what has an @ is looked up over GraphQL, which is not modelled
    check(listed("--creator", creator, "--limit", 2), newest_first[:2])
    check(listed("--limit", 2, pipeline=()), newest_first[:2])  # of the whole organization
    summary = bk.json("build", "list", "--pipeline", "history", "--limit", 1, "--summary")[0]
    check((summary["organization"], summary["pipeline"], summary["state"]), ("acme", "history", "canceled"))


@flow
def cancel_and_rebuild(bk):
    bk.create("slow", "--commit", SHA)
    bk.poll("slow", until=has_running_job)
    cancel = ("build", "cancel", 1, "--pipeline", "slow", "--yes")
    check(bk.text(*cancel).strip(), f"Build canceled: {bk.page('slow/builds/1')}")
    polls = bk.poll("slow")
    check(polls[-1]["state"], "canceled")
    check(polls[-1]["jobs"][0]["state"], "canceled")
    bk.refused(1, "422", call=cancel)

    rebuilt = bk.text("build", "rebuild", 1, "--pipeline", "slow")
    check(rebuilt.strip(), f"Build created: {bk.page('slow/builds/2')}")
    again = bk.view("slow", 2)
    check((again["commit"], again["rebuilt_from"]["number"]), (SHA, 1))
    check(again["rebuilt_from"]["id"], polls[-1]["id"])


@flow
def jobs_and_logs(bk):
    bk.create("app")
    bk.poll("app")
    jobs = bk.jobs("app")
    check([job.get("step_key") for job in jobs], ["lint", None, "test"])
    lint, _, test = jobs
    check(bk.json("job", "list", "--pipeline", "app", "--build", 1, "--step-key", "test"), [test])
    check(bk.json("job", "list", "--pipeline", "app", "--build", 1, "--state", "passed"), [lint, test])
    across = bk.json("job", "list", "--pipeline", "app", "--state", "passed")  # of all builds
    check([job["id"] for job in across], [lint["id"], test["id"]])

    # A time stands before every line, as agents write it, and is taken away on demand.
    stamped = bk.text("job", "log", lint["id"])
    contains(stamped, "\x1b_bk;t=", "--- Linting\n", "\x1b[32mall <well>\x1b[0m\n")
    check(bk.text("job", "log", lint["id"], "--no-timestamps").strip(), "--- Linting\n\x1b[32mall <well>\x1b[0m")
    check(bk.text("job", "log", lint["id"], "--agent").strip(), "--- Linting\nall <well>")
    long = bk.view("history")["jobs"][0]["id"]
    lines = bk.text("job", "log", long, "--no-timestamps").splitlines()
    printed = [line for line in lines if line]
    check((len(printed), printed[-1]), (bk.about["long_log_lines"], "line 20000 of 20000"))


@flow
def retry(bk):
    bk.create("flaky")
    check(bk.poll("flaky")[-1]["state"], "failed")
    (failed,) = bk.jobs("flaky")
    check((failed["state"], failed["exit_status"], failed["retried"]), ("failed", 1, False))
    printed = bk.text("job", "retry", failed["id"])
    contains(printed, f"Successfully retried job: {bk.page('flaky/builds/1')}#")
    new = printed.strip().rpartition("#")[2]
    check(bk.poll("flaky")[-1]["state"], "passed")
    check(the(bk.jobs("flaky"), id=new)["state"], "passed")
    bk.refused(1, "422 Jobs can only be retried once", call=("job", "retry", failed["id"]))


@flow
def unblock(bk):
    bk.create("gate")
    blocked = bk.poll("gate", until=lambda build: build["blocked"])[-1]
    gate = the(blocked["jobs"], type="manual")
    check((gate["state"], gate["unblockable"]), ("blocked", True))
    bk.refused(1, "422 The field `reason` is required", call=("job", "unblock", gate["id"]))
    unblocked = bk.text("job", "unblock", gate["id"], stdin='{"reason": "it is Friday"}')
    contains(unblocked, "Successfully unblocked job")
    contains(bk.text("job", "unblock", gate["id"], stdin='{"reason": "still"}'), "This job is already unblocked")
    passed = bk.poll("gate", until=lambda build: build["jobs"][2]["state"] == "passed")[-1]
    check((passed["state"], passed["blocked"]), ("passed", False))
    opened = the(passed["jobs"], type="manual")
    check((opened["state"], opened["unblocked_by"]["email"]), ("unblocked", bk.about["user"]["email"]))


@flow
def reprioritize(bk):
    bk.create("slow")
    report = bk.view("slow")["jobs"][2]["id"]
    printed = bk.text("job", "reprioritize", report, 7)
    check(printed.strip(), f"Job reprioritized to 7: {bk.page('slow/builds/1')}#{report}")
    check(the(bk.jobs("slow"), id=report)["priority"], {"number": 7})


@flow
def cancel_job(bk):
    bk.create("slow")
    soak = bk.poll("slow", until=has_running_job)[-1]["jobs"][0]["id"]
    # The one thing here that it asks for over GraphQL.
    printed = bk.text("job", "cancel", soak, "--yes")
    check(printed.strip(), f"Job canceled: {bk.page('slow/builds/1')}#{soak}")
    check(bk.poll("slow")[-1]["state"], "failed")
    check(the(bk.jobs("slow"), id=soak)["state"], "canceled")
    bk.refused(1, "Job can't be canceled", call=("job", "cancel", soak, "--yes"))


@flow
def artifacts(bk):
    bk.create("app")
    build = bk.poll("app")[-1]
    of_build = ("--pipeline", "app", "--build", 1)
    contents = {one["path"]: bytes.fromhex(one["hex"]) for one in bk.about["artifacts"]}
    listed = bk.json("artifacts", "list", 1, "--pipeline", "app")
    check({one["path"]: one["file_size"] for one in listed}, {path: len(contents[path]) for path in contents})
    test = build["jobs"][2]["id"]
    check(bk.json("artifacts", "list", 1, "--pipeline", "app", "--job-uuid", test), listed)
    check(bk.json("artifacts", "list", 1, "--pipeline", "app", "--path", "log/*"), [the(listed, path="log/test.log")])

    log = the(listed, path="log/test.log")
    check(bk.text("artifacts", "download", log["id"], *of_build).strip(), "Downloaded: log/test.log")
    check((bk.folder / "log/test.log").read_bytes(), contents["log/test.log"])
    contains(bk.text("artifacts", "download", *of_build), "Downloaded 2 artifacts to: artifacts-build-1")
    for path, content in contents.items():
        check((bk.folder / "artifacts-build-1" / path).read_bytes(), content)

    # Everything of a build: the log of every job, and all files, in one folder.
    told = bk.text("build", "download", 1, "--pipeline", "app")
    check(told.strip(), f"Downloaded build to: build-{build['id']}")
    folder = bk.folder / f"build-{build['id']}"
    for one in listed:
        name = pathlib.PurePath(one["path"]).name
        check((folder / f"artifact-{one['id']}-{name}").read_bytes(), contents[one["path"]])
    contains((folder / build["jobs"][0]["id"]).read_text(), "all <well>")
    check(len(list(folder.iterdir())), 4)


@flow
def pipelines(bk):
    slugs = lambda *filters: [pipeline["slug"] for pipeline in bk.json("pipeline", "list", *filters)]
    check(sorted(slugs()), ["app", "flaky", "gate", "history", "slow"])
    check(slugs("--name", "FLAK"), ["flaky"])
    check(slugs("--repository", "acme/gate"), ["gate"])
    app = bk.json("pipeline", "view", "app")
    check((app["name"], app["repository"]), ("app", "https://github.com/acme/app.git"))
    check(app["web_url"], bk.page("app"))
    instant(app["created_at"])

    cluster = bk.json("cluster", "create", "--name", "Linux")
    new = ("pipeline", "create", "Tidy up", "--description", "Sweeps", "--repository", "git@github.com:acme/tidy.git")
    check(bk.json(*new, "--dry-run")["name"], "Tidy up")
    bk.refused(1, "404 No pipeline found", call=("pipeline", "view", "tidy-up"))
    created = bk.json(*new, "--cluster-name", "Linux")
    check((created["slug"], created["description"], created["cluster_id"]), ("tidy-up", "Sweeps", cluster["id"]))
    check(bk.json("pipeline", "view", "tidy-up")["id"], created["id"])
    copied = bk.json("pipeline", "copy", "tidy-up", "--target", "Tidy again")
    check((copied["slug"], copied["repository"]), ("tidy-again", created["repository"]))
    check(copied["configuration"], created["configuration"])


@flow
def agents(bk):
    bk.create("slow")
    soak = bk.poll("slow", until=has_running_job)[-1]["jobs"][0]
    agent = the(bk.json("agent", "list", "--state", "running"), id=soak["agent"]["id"])
    check((agent["connection_state"], agent["job"]["id"]), ("connected", soak["id"]))
    check(agent["meta_data"], ["queue=default"])
    check(bk.json("agent", "list", "--name", agent["name"]), [agent])
    check(bk.json("agent", "list", "--tags", "queue=nowhere"), [])
    check(bk.json("agent", "view", agent["id"]), agent)

    told = bk.text("agent", "pause", agent["id"], "--note", "maintenance", "--timeout-in-minutes", 7)
    contains(told, f"Agent {agent['id']} paused successfully", "maintenance", "7 minutes")
    paused = bk.json("agent", "view", agent["id"])
    check((paused["paused"], paused["paused_note"], paused["paused_timeout_in_minutes"]), (True, "maintenance", 7))
    check([one["id"] for one in bk.json("agent", "list", "--state", "paused")], [agent["id"]])
    contains(bk.text("agent", "resume", agent["id"]), "resumed successfully")
    bk.refused(1, "422 Agent is not paused", call=("agent", "resume", agent["id"]))

    # It reads names from standard input if that is no terminal.
    contains(bk.text("agent", "stop", "--force", stdin=f"{agent['id']}\n"), "Successfully stopped 1 of 1 agent")
    bk.poll("slow")
    check(agent["id"] in [one["id"] for one in bk.json("agent", "list")], False)


@flow
def clusters(bk):
    told = ("--description", "Runs most", "--emoji", ":linux:", "--color", "#00FF00")
    cluster = bk.json("cluster", "create", "--name", "Linux", *told)
    check((cluster["name"], cluster["description"]), ("Linux", "Runs most"))
    check((cluster["emoji"], cluster["color"]), (":linux:", "#00FF00"))
    check(cluster["created_by"]["email"], bk.about["user"]["email"])
    check(bk.json("cluster", "view", cluster["id"]), cluster)
    check(bk.json("cluster", "list"), [cluster])
    renamed = bk.json("cluster", "update", cluster["id"], "--name", "Penguins")
    check((renamed["name"], renamed["description"]), ("Penguins", "Runs most"))

    team = bk.about["colleague"]["team"]
    maintainer = bk.json("maintainer", "create", cluster["id"], "--team", team["id"])
    check((maintainer["actor"]["type"], maintainer["actor"]["slug"]), ("team", team["slug"]))
    check(bk.json("maintainer", "list", cluster["id"]), [maintainer])
    bk.text("maintainer", "delete", cluster["id"], maintainer["id"], "--yes")
    bk.text("cluster", "delete", cluster["id"], "--yes")
    bk.refused(1, "404 No cluster found", call=("cluster", "view", cluster["id"]))


@flow
def queues(bk):
    cluster = bk.json("cluster", "create", "--name", "Linux")["id"]
    queue = bk.json("queue", "create", cluster, "--key", "arm", "--description", "Small ones")
    check((queue["key"], queue["description"], queue["dispatch_paused"]), ("arm", "Small ones", False))
    check(bk.json("queue", "view", cluster, queue["id"]), queue)
    check(bk.json("queue", "list", cluster), [queue])
    changed = bk.json("queue", "update", cluster, queue["id"], "--retry-agent-affinity", "prefer-different")
    check((changed["retry_agent_affinity"], changed["description"]), ("prefer-different", "Small ones"))
    paused = bk.json("queue", "pause", cluster, queue["id"], "--note", "maintenance")
    check((paused["dispatch_paused"], paused["dispatch_paused_note"]), (True, "maintenance"))
    check(paused["dispatch_paused_by"]["email"], bk.about["user"]["email"])
    check(bk.json("queue", "resume", cluster, queue["id"])["dispatch_paused"], False)
    bk.refused(1, "422", call=("queue", "create", cluster, "--key", "arm"))
    bk.text("queue", "delete", cluster, queue["id"], "--yes")
    bk.refused(1, "404 No cluster queue found", call=("queue", "view", cluster, queue["id"]))


@flow
def teams(bk):
    known = bk.about["colleague"]["team"]
    check([team["slug"] for team in bk.json("team", "list")], [known["slug"]])
    team = bk.json("team", "create", "Night shift", "--description", "Watches", "--privacy", "secret")
    check((team["slug"], team["description"], team["privacy"]), ("night-shift", "Watches", "secret"))
    check(bk.json("team", "view", team["id"]), team)
    check(bk.json("team", "update", team["id"], "--name", "Day shift")["name"], "Day shift")
    bk.text("team", "delete", team["id"], "--yes")
    bk.refused(1, "404 No team found", call=("team", "view", team["id"]))


@flow
def api(bk):
    new = json.dumps({"commit": SHA, "branch": "main"})
    created = bk.json("api", "--method", "POST", "/pipelines/app/builds", "--data", new)
    check((created["number"], created["commit"], created["pull_request"]), (1, SHA, None))
    check(bk.json("api", "/pipelines/app/builds/1")["id"], created["id"])
    bk.refused(1, '{"message":"No build found"}', call=("api", "/pipelines/app/builds/99"))


@flow
def errors(bk):
    view = ("build", "view", 99, "--pipeline")
    bk.refused(1, "404 No build found", call=(*view, "app"))
    bk.refused(1, "404 No pipeline found", call=(*view, "nowhere"))
    bk.refused(1, "404 No job found", call=("job", "retry", "nowhere"))
    bk.refused(1, "404 No agent found", call=("agent", "view", "nowhere"))
    bk.refused(1, "422 Validation Failed", call=("pipeline", "create", "x", "--repository", ""))
    bk.refused(1, "401 Authentication required", call=("whoami",), token="nobody's")
    create = ("build", "create", "--pipeline", "app", "--branch", "main", "--yes")
    scope = "403 Your access token doesn't have the write_builds scope"
    bk.refused(3, scope, call=create, token=bk.about["read_only_token"])
    bk.refused(3, "404 No pipeline found", call=(*create[:3], "nowhere", *create[4:]))
    check(bk.json("build", "list", "--pipeline", "slow"), [])


def run(binary, about, flow):
    with tempfile.TemporaryDirectory() as home:
        flow(Bk(binary, about, pathlib.Path(home)))


if __name__ == "__main__":
    main("bk", FLOWS, run)
