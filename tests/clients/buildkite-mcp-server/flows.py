"""What an assistant does with Buildkite's MCP server, against a fake: one function, one flow.

`flows.py BINARY about` prints the client, its version and its flows as JSON; `flows.py BINARY run FLOW` runs one, and
expects the JSON line of the host in FAKE_BUILDKITE. The binary is as published, and is spoken to over its standard streams.

A flow says which tools it is about, calls each of them, and no others: so `handshake_and_account` knows that no tool was
forgotten.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import threading

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

# What Test Engine answers, which is not modelled, and what asks nothing of Buildkite.
NOT_CALLED = {
    "get_build_test_engine_runs",
    "get_failed_executions",
    "get_test",
    "get_test_run",
    "list_test_runs",
    "list_tests",
    "list_tests_for_build",
    "list_skills",
    "load_skill",
}


def flow(*tools):
    def register(function):
        function.tools = set(tools)
        FLOWS[function.__name__] = function
        return function

    return register


class Refused(Exception):
    """A tool answered that it could not."""


class Server:
    """The server, in a home of its own; the first exchange is done when it is made."""

    def __init__(self, binary, about, home, tools):
        self.about = about
        self.organization = about["organization"]
        self.history = about["history"]
        self.tools = tools
        self.called = set()
        self.calls = 0
        logs = home / "logs"
        logs.mkdir()
        env = clean_environment(
            home,
            BUILDKITE_BASE_URL=about["url"],
            BUILDKITE_API_TOKEN=about["token"],
            BKLOG_CACHE_URL=logs.as_uri(),
        )
        pipe = subprocess.PIPE
        self.said = (home / "said").open("w+")
        self.process = subprocess.Popen(
            [binary, "stdio"], env=env, stdin=pipe, stdout=pipe, stderr=self.said, text=True
        )
        me = {"name": "flows", "version": "1"}
        self.greeting = self.ask("initialize", protocolVersion="2025-06-18", capabilities={}, clientInfo=me)
        self.send({"method": "notifications/initialized"})

    def send(self, message):
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        self.process.stdin.flush()

    def ask(self, method, **params):
        """The result of a request; notifications that come before it are passed over."""
        self.calls += 1
        self.send({"id": self.calls, "method": method, "params": params})
        # It has no limit of its own for what it reads, so a silent one is ended from outside.
        guard = threading.Timer(ANSWER_LIMIT, self.process.kill)
        guard.start()
        try:
            for line in self.process.stdout:
                answer = json.loads(line)
                if answer.get("id") == self.calls:
                    if "error" in answer:
                        raise Refused(answer["error"]["message"])
                    return answer["result"]
        finally:
            guard.cancel()
        self.said.seek(0)
        raise AssertionError(f"no answer to {method} {params}: {self.said.read()}")

    def call(self, tool, **arguments):
        """What a tool answers: JSON where it is JSON, else text."""
        check(tool in self.tools, True)
        self.called.add(tool)
        result = self.ask("tools/call", name=tool, arguments=arguments)
        text = "".join(part["text"] for part in result["content"])
        if result.get("isError"):
            raise Refused(text)
        try:
            return json.loads(text)
        except ValueError:
            return text

    def of_organization(self, tool, **arguments):
        return self.call(tool, org_slug=self.organization, **arguments)

    def of_pipeline(self, pipeline, tool, **arguments):
        return self.of_organization(tool, pipeline_slug=pipeline, **arguments)

    def of_build(self, pipeline, tool, number=1, **arguments):
        return self.of_pipeline(pipeline, tool, build_number=str(number), **arguments)

    def refused(self, *parts, call):
        try:
            answer = call()
        except Refused as refusal:
            contains(str(refusal), *parts)
        else:
            raise AssertionError(f"expected {parts}, got an answer: {answer!r}")

    def create(self, pipeline, **more):
        """A new build; it has to be the first of its pipeline."""
        told = {"commit": SHA, "branch": "main", "message": "Try it", **more}
        build = self.of_pipeline(pipeline, "create_build", **told)
        check(build["number"], 1)
        return build

    def poll(self, pipeline, until=lambda build: build.get("finished_at"), number=1):
        """Gets a build until it has finished, or until something else is so."""
        polls = []
        for _ in range(MOST_POLLS):
            polls.append(self.of_build(pipeline, "get_build", number))
            if until(polls[-1]):
                return polls
        raise AssertionError(f"no end in sight after {MOST_POLLS} polls, the build is {states(polls)}")

    def jobs(self, pipeline, number=1, **filters):
        return self.of_build(pipeline, "list_jobs", number, **filters)["items"]

    def finish(self):
        self.process.stdin.close()
        check(self.process.wait(ANSWER_LIMIT), 0)


def runs(build):
    return build["state"] == "running"


# --- Flows ---------------------------------------------------------------------------------------------------------------


@flow("current_user", "user_token_organization", "access_token")
def handshake_and_account(server):
    check(server.greeting["serverInfo"]["name"], "buildkite-mcp-server")
    tools = server.ask("tools/list")["tools"]
    called = set().union(*(function.tools for function in FLOWS.values()))
    check(called & NOT_CALLED, set())
    check(sorted(tool["name"] for tool in tools), sorted(called | NOT_CALLED))
    check({tool["inputSchema"]["type"] for tool in tools}, {"object"})

    user = server.call("current_user")
    check({"name": user["name"], "email": user["email"]}, server.about["user"])
    instant(user["created_at"])
    organization = server.call("user_token_organization")
    check(organization["slug"], server.organization)
    check(organization["pipelines_url"], f"{server.about['api_url']}organizations/{server.organization}/pipelines")
    token = server.call("access_token")
    check({"read_builds", "write_builds", "read_user"} <= set(token["scopes"]), True)
    check(token["user"], server.about["user"])


@flow("create_build", "get_build", "wait_for_build", "list_jobs")
def create_and_wait(server):
    created = server.create(
        "app",
        message="Try it :rocket:",
        environment=[{"key": "DEBUG", "value": "1"}],
        metadata=[{"key": "release", "value": "v9"}],
    )
    check((created["state"], created["message"], created["commit"]), ("scheduled", "Try it :rocket:", SHA))
    check((created["env"], created["source"]), ({"DEBUG": "1"}, "api"))
    build = server.of_build("app", "get_build")
    check((build["id"], build["state"], build["meta_data"]), (created["id"], "scheduled", {"release": "v9"}))
    # It asks every five seconds until the build has ended.
    waited = server.of_build("app", "wait_for_build")
    check((waited["finished"], waited["build"]["id"], waited["build"]["state"]), (True, created["id"], "passed"))
    increasing(waited["build"]["created_at"], waited["build"]["started_at"], waited["build"]["finished_at"])
    check([one["context"] for one in waited["build"]["annotations"]], ["default", "summary"])
    # A wait step counts as passed, and says nothing of it.
    check([job.get("step_key") for job in server.jobs("app", state="passed")], ["lint", None, "test"])


@flow("list_builds")
def list_builds(server):
    def listed(**filters):
        return server.of_organization("list_builds", **filters)

    numbers = lambda found: [build["number"] for build in found["items"]]
    newest_first = list(range(45, 0, -1))
    of_history = {"pipeline_slug": "history", "per_page": 20}
    pages = [listed(**of_history, page=page) for page in (1, 2, 3)]
    check([number for page in pages for number in numbers(page)], newest_first)
    check(["next" in page["headers"]["Link"] for page in pages], [True, True, False])
    kept = lambda key, value: [build["number"] for build in reversed(server.history) if build[key] == value]
    check(numbers(listed(**of_history, state="failed")), kept("state", "failed"))
    check(numbers(listed(**of_history, branch="main")), kept("branch", "main"))
    check(numbers(listed(**of_history, commit=server.history[6]["commit"])), [7])
    check(numbers(listed(per_page=2)), [45, 44])  # of the whole organization


@flow("create_build", "get_build", "list_jobs", "cancel_build", "rebuild_build")
def cancel_and_rebuild(server):
    server.create("slow")
    running = server.poll("slow", until=runs)[-1]
    server.of_build("slow", "cancel_build")
    check(server.poll("slow")[-1]["state"], "canceled")
    check(server.jobs("slow")[0]["state"], "canceled")
    server.refused("Build has already been canceled.", call=lambda: server.of_build("slow", "cancel_build"))
    rebuilt = server.of_build("slow", "rebuild_build")
    check((rebuilt["number"], rebuilt["commit"]), (2, SHA))
    check(rebuilt["rebuilt_from"]["id"], running["id"])


@flow("create_build", "get_build", "list_jobs", "get_job", "get_job_env")
def jobs(server):
    server.create("app")
    server.poll("app")
    first = server.of_build("app", "list_jobs", per_page=2)
    check([job.get("step_key") for job in first["items"]], ["lint", None])
    # Pages are told apart by cursors, which are in the addresses of the others.
    cursor = first["links"]["next"].partition("after=")[2].partition("&")[0]
    check([job["step_key"] for job in server.jobs("app", per_page=2, after=cursor)], ["test"])
    check([job["step_key"] for job in server.jobs("app", step_key="test")], ["test"])
    listed = the(server.jobs("app", detail_level="full"), step_key="lint")
    check((listed["state"], listed["exit_status"]), ("passed", 0))
    increasing(listed["created_at"], listed["started_at"], listed["finished_at"])

    # The server knows two ways to a job: below its build, and below the organization.
    job = server.of_organization("get_job", job_id=listed["id"])
    check((job["state"], job["step_key"], job["command"]), ("passed", "lint", "make lint"))
    check(server.of_build("app", "get_job", job_id=listed["id"])["id"], job["id"])
    env = server.of_build("app", "get_job_env", job_id=job["id"])["env"]
    check((env["BUILDKITE_JOB_ID"], env["BUILDKITE_COMMAND"]), (job["id"], "make lint"))
    server.refused("No job found", call=lambda: server.of_organization("get_job", job_id="nowhere"))


@flow("create_build", "get_build", "list_jobs", "unblock_job")
def unblock(server):
    server.create("gate")
    server.poll("gate", until=lambda build: build["blocked"])
    gate = the(server.jobs("gate"), step_key="release")
    check(gate["state"], "blocked")
    unblock_it = lambda **fields: server.of_build("gate", "unblock_job", job_id=gate["id"], fields=fields)
    server.refused("The field `reason` is required", call=unblock_it)
    unblocked = unblock_it(reason="it is Friday")
    check((unblocked["id"], unblocked["state"]), (gate["id"], "unblocked"))
    check(unblocked["unblocked_by"]["email"], server.about["user"]["email"])
    server.refused("The job's state must be blocked", call=lambda: unblock_it(reason="still"))
    check(server.poll("gate", until=lambda build: runs(build) or build["blocked"])[-1]["blocked"], False)


@flow("create_build", "get_build", "list_jobs", "retry_job", "get_build_failure_summary")
def retry(server):
    server.create("flaky")
    check(server.poll("flaky")[-1]["state"], "failed")
    (failed,) = server.jobs("flaky", state="failed")
    summary = server.of_build("flaky", "get_build_failure_summary")
    check((summary["build"]["state"], summary["build"]["job_state_counts"]["states"]), ("failed", {"failed": 1}))
    check([(job["id"], job["exit_status"]) for job in summary["jobs"]], [(failed["id"], 1)])

    retry_it = lambda: server.of_build("flaky", "retry_job", job_id=failed["id"])
    new = retry_it()
    check((new["step_key"], new["retries_count"]), ("test", 1))
    server.refused("Jobs can only be retried once", call=retry_it)
    check(server.poll("flaky")[-1]["state"], "passed")
    check([job["id"] for job in server.jobs("flaky", include_retried_jobs=False)], [new["id"]])
    both = server.jobs("flaky", include_retried_jobs=True)
    check([(job["id"], job["state"]) for job in both], [(failed["id"], "failed"), (new["id"], "passed")])


@flow("create_build", "get_build", "cancel_build", "list_jobs", "read_logs", "tail_logs", "search_logs")
def logs(server):
    soak = server.create("slow")["jobs"][0]
    of_soak = lambda tool, **more: server.of_build("slow", tool, job_id=soak["id"], **more)
    lines = lambda answer: [entry["c"] for entry in answer["entries"]]
    server.poll("slow", until=runs)
    printed = ["--- Soaking", "still dry"]
    check(lines(of_soak("read_logs")), printed)
    check(lines(of_soak("tail_logs", tail=1)), printed[1:])
    check(of_soak("search_logs", pattern="DRY")["match_count"], 1)

    # It keeps the log of a job that runs for some seconds of real time, and has to be told that it is to look again.
    server.of_build("slow", "cancel_build")
    server.poll("slow")
    over = of_soak("read_logs", force_refresh=True)
    check(lines(over)[:2], printed)
    check([entry["ts"] for entry in over["entries"]], sorted(entry["ts"] for entry in over["entries"]))

    # What looks like a tag is left out by the server, and so are colors.
    lint = the(server.create("app")["jobs"], step_key="lint")
    server.poll("app")
    of_lint = lambda tool, **more: server.of_build("app", tool, job_id=lint["id"], **more)
    check([line.strip() for line in lines(of_lint("read_logs"))], ["--- Linting", "all"])
    found = of_lint("search_logs", pattern="WELL")
    check((found["match_count"], found["results"][0]["match"]["rn"]), (1, 1))

    # A log that takes many rows.
    (job,) = server.jobs("history")
    of_long = lambda tool, **more: server.of_build("history", tool, job_id=job["id"], **more)
    total = server.about["long_log_lines"]
    line = lambda number: f"line {number} of {total}"
    check(lines(of_long("read_logs", limit=2)), [line(1), line(2)])
    check(lines(of_long("read_logs", seek=total - 1)), [line(total)])
    tail = of_long("tail_logs", tail=2)
    check((tail["total_rows"], lines(tail)), (total, [line(total - 1), line(total)]))
    found = of_long("search_logs", pattern="line 1234[56] of")
    check([one["match"]["c"] for one in found["results"]], [line(12345), line(12346)])


@flow("create_build", "get_build", "list_jobs", "list_artifacts_for_build", "list_artifacts_for_job", "get_artifact")
def artifacts(server):
    server.create("app")
    server.poll("app")
    contents = {one["path"]: bytes.fromhex(one["hex"]) for one in server.about["artifacts"]}
    listed = server.of_build("app", "list_artifacts_for_build")["items"]
    check({one["path"]: one["file_size"] for one in listed}, {path: len(contents[path]) for path in contents})
    test = the(server.jobs("app"), step_key="test")["id"]
    check(server.of_build("app", "list_artifacts_for_job", job_id=test)["items"], listed)
    lint = the(server.jobs("app"), step_key="lint")["id"]
    check(server.of_build("app", "list_artifacts_for_job", job_id=lint)["items"], [])

    # It follows the way to what is a text, and gives the address of what is none.
    get = lambda path: server.of_build("app", "get_artifact", job_id=test, artifact_id=the(listed, path=path)["id"])
    text = get("log/test.log")
    check((text["encoding"], text["content"].encode()), ("text", contents["log/test.log"]))
    bytes_ = get("dist/app.bin")
    check((bytes_["encoding"], bytes_["file_size"]), ("url", 3000))
    contains(bytes_["download_url"], "/app.bin?")


@flow("create_build", "get_build", "list_jobs", "list_annotations", "create_annotation")
def annotations(server):
    server.create("app")
    server.poll("app")
    of_build = lambda tool, **more: server.of_build("app", tool, **more)
    first, second = of_build("list_annotations")["items"]
    check((first["context"], first["priority"], first["scope"]), ("default", 7, "build"))
    contains(first["body_html"], "<strong>this</strong>")
    check((second["context"], second["style"]), ("summary", "success"))

    new = of_build("create_annotation", body="- one", context="mine", style="info", priority=9)
    check((new["context"], new["style"], new["priority"]), ("mine", "info", 9))
    longer = of_build("create_annotation", body="- two", context="mine", append=True)
    check(longer["id"], new["id"])
    contains(longer["body_html"], "<li>one</li>", "<li>two</li>")
    check(len(of_build("list_annotations")["items"]), 3)

    test = the(server.jobs("app"), step_key="test")["id"]
    of_job = {"scope": "job", "job_id": test}
    own = of_build("create_annotation", body="hello", **of_job)
    check((own["scope"], own["job_id"]), ("job", test))
    check(of_build("list_annotations", **of_job)["items"], [own])


@flow("list_step_uploads", "get_step_upload")
def step_uploads(server):
    # The second build of the past has one.
    (listed,) = server.of_build("history", "list_step_uploads", 2)["items"]
    upload = server.of_build("history", "get_step_upload", 2, upload_uuid=listed["uuid"])
    check((upload["uuid"], upload["state"]), (listed["uuid"], listed["state"]))
    check(server.of_build("history", "list_step_uploads")["items"], [])
    unknown = lambda: server.of_build("history", "get_step_upload", upload_uuid=listed["uuid"])
    server.refused("No step upload found", call=unknown)


@flow("create_build", "get_build", "list_jobs", "list_agents", "get_agent")
def agents(server):
    server.create("slow")
    server.poll("slow", until=runs)
    soak = server.jobs("slow")[0]
    agent = next(one for one in server.of_organization("list_agents")["items"] if "job" in one)
    check((agent["connection_state"], agent["job"]["id"]), ("connected", soak["id"]))
    check(server.of_organization("list_agents", name=agent["name"])["items"], [agent])
    check(server.of_organization("list_agents", hostname="nowhere")["items"], [])
    shown = server.of_organization("get_agent", agent_id=agent["id"])
    check((shown["name"], shown["meta_data"], shown["paused"]), (agent["name"], ["queue=default"], False))
    server.refused("No agent found", call=lambda: server.of_organization("get_agent", agent_id="nowhere"))


@flow("create_cluster", "get_cluster", "list_clusters", "update_cluster")
def clusters(server):
    cluster = server.of_organization("create_cluster", name="Linux", emoji=":linux:", color="#00FF00")
    check((cluster["name"], cluster["emoji"], cluster["color"]), ("Linux", ":linux:", "#00FF00"))
    check(cluster["created_by"]["email"], server.about["user"]["email"])
    check(server.of_organization("get_cluster", cluster_id=cluster["id"]), cluster)
    check(server.of_organization("list_clusters")["items"], [cluster])
    changed = server.of_organization("update_cluster", cluster_id=cluster["id"], description="Runs most")
    check((changed["name"], changed["description"]), ("Linux", "Runs most"))


@flow(
    "create_cluster",
    "create_cluster_queue",
    "get_cluster_queue",
    "list_cluster_queues",
    "update_cluster_queue",
    "pause_cluster_queue_dispatch",
    "resume_cluster_queue_dispatch",
)
def queues(server):
    cluster = server.of_organization("create_cluster", name="Linux")["id"]
    in_cluster = lambda tool, **more: server.of_organization(tool, cluster_id=cluster, **more)
    queue = in_cluster("create_cluster_queue", key="arm", description="Small ones")
    check((queue["key"], queue["description"], queue["dispatch_paused"]), ("arm", "Small ones", False))
    of_queue = lambda tool, **more: in_cluster(tool, queue_id=queue["id"], **more)
    check(of_queue("get_cluster_queue"), queue)
    check(in_cluster("list_cluster_queues")["items"], [queue])
    changed = of_queue("update_cluster_queue", retry_agent_affinity="prefer-different")
    check((changed["retry_agent_affinity"], changed["description"]), ("prefer-different", "Small ones"))
    paused = of_queue("pause_cluster_queue_dispatch", note="maintenance")
    check((paused["dispatch_paused"], paused["dispatch_paused_note"]), (True, "maintenance"))
    of_queue("resume_cluster_queue_dispatch")
    check(of_queue("get_cluster_queue")["dispatch_paused"], False)
    server.refused("Key has already been taken", call=lambda: in_cluster("create_cluster_queue", key="arm"))


@flow("create_cluster", "list_pipelines", "get_pipeline", "create_pipeline", "update_pipeline")
def pipelines(server):
    slugs = lambda **filters: [one["slug"] for one in server.of_organization("list_pipelines", **filters)["items"]]
    check(sorted(slugs()), ["app", "flaky", "gate", "history", "slow"])
    check(slugs(name="flak"), ["flaky"])
    check(slugs(repository="acme/gate"), ["gate"])
    app = server.of_pipeline("app", "get_pipeline")
    check((app["name"], app["repository"]), ("app", "https://github.com/acme/app.git"))
    contains(app["configuration"], "make lint")

    cluster = server.of_organization("create_cluster", name="Linux")["id"]
    told = {"repository_url": "git@github.com:acme/tidy.git", "configuration": "steps:\n  - command: sweep\n"}
    new = lambda **more: server.of_organization("create_pipeline", name="Tidy up", cluster_id=cluster, **told, **more)
    created = new(description="Sweeps", tags=["nightly"])["pipeline"]
    check((created["slug"], created["description"]), ("tidy-up", "Sweeps"))
    check((created["cluster_id"], created["configuration"]), (cluster, told["configuration"]))
    check(created["tags"], ["nightly"])
    changed = server.of_pipeline("tidy-up", "update_pipeline", description="Mops", default_branch="trunk")
    check((changed["description"], changed["default_branch"]), ("Mops", "trunk"))
    check(changed["repository"], created["repository"])


@flow("create_pipeline_schedule", "get_pipeline_schedule", "list_pipeline_schedules", "update_pipeline_schedule")
def schedules(server):
    of_app = lambda tool, **more: server.of_pipeline("app", tool, **more)
    created = of_app("create_pipeline_schedule", cronline="@daily", label="Nightly", branch="main", env={"DEEP": "1"})
    check((created["cronline"], created["label"], created["branch"]), ("@daily", "Nightly", "main"))
    check((created["enabled"], created["next_build_at"]), (True, "2030-01-02T00:00:00Z"))
    of_it = lambda tool, **more: of_app(tool, schedule_id=created["id"], **more)
    check(of_it("get_pipeline_schedule")["id"], created["id"])
    check([one["id"] for one in of_app("list_pipeline_schedules")["items"]], [created["id"]])
    changed = of_it("update_pipeline_schedule", enabled=False, label="Never")
    check((changed["enabled"], changed["label"], changed["cronline"]), (False, "Never", "@daily"))
    check("next_build_at" in changed, False)
    broken = lambda: of_app("create_pipeline_schedule", cronline="now and then")
    server.refused("Cronline is invalid", call=broken)


@flow("get_build", "get_pipeline", "create_build", "read_logs")
def errors(server):
    server.refused('{"message":"No pipeline found"}', call=lambda: server.of_pipeline("nowhere", "get_pipeline"))
    server.refused('{"message":"No build found"}', call=lambda: server.of_build("app", "get_build", 99))
    no_job = lambda: server.of_build("history", "read_logs", job_id="nowhere")
    server.refused("job log does not exist or is not accessible", call=no_job)
    told = {"commit": "HEAD", "branch": "main", "message": "no"}
    server.refused("No pipeline found", call=lambda: server.of_pipeline("nowhere", "create_build", **told))


@flow("current_user", "create_build")
def tokens(server):
    told = {"commit": "HEAD", "branch": "main", "message": "no"}
    lacks = "Your access token doesn't have the {} scope"
    server.refused(lacks.format("write_builds"), call=lambda: server.of_pipeline("app", "create_build", **told))
    server.refused(lacks.format("read_user"), call=lambda: server.call("current_user"))


tokens.token = "read_only_token"


def run(binary, about, flow):
    about = {**about, "token": about[getattr(flow, "token", "token")]}
    with tempfile.TemporaryDirectory() as home:
        server = Server(binary, about, pathlib.Path(home), flow.tools)
        try:
            flow(server)
            check(server.called, flow.tools)
            server.finish()
        finally:
            server.process.kill()
            server.process.wait()
            server.said.close()


if __name__ == "__main__":
    main("buildkite-mcp-server", FLOWS, run)
