"""What a program written with pybuildkite does, against a fake: one function, one flow.

`flows.py about` prints the client, its version and its flows as JSON; `flows.py run FLOW` runs one, and expects the JSON
line of the host in FAKE_BUILDKITE. The library is as published: only its public attribute `base_url` is set.
"""

import datetime
import hashlib
import importlib.metadata
import json
import os
import re
import sys
import uuid

import requests
from pybuildkite.buildkite import Buildkite, BuildState
from pybuildkite.exceptions import (
    BuildStateNotAList,
    NoAcccessTokenException,
    NotValidBuildState,
    NotValidDateTime,
)
from pybuildkite.jobs import LogFormat
from pybuildkite.pipelines import PipelineException

SHA = "1f2e3d4c5b6a79880716253443526170deadbeef"
# More polls than any build here needs: one that stands still fails the flow instead of hanging it.
MOST_POLLS = 30

FLOWS = {}


def flow(function):
    FLOWS[function.__name__] = function
    return function


class Fake:
    """What the host said, and clients of it."""

    def __init__(self, about):
        self.about = about
        self.organization = about["organization"]
        self.history = about["history"]

    def client(self, token=None, per_page=100):
        client = Buildkite(per_page=per_page)
        client.base_url = self.about["api_url"]
        client.set_access_token(token or self.about["token"])
        return client

    def furnished(self, token=None, per_page=100):
        """Of the fake that stands still and has everything in it."""
        client = Buildkite(per_page=per_page)
        client.base_url = self.about["furnished"]["api_url"]
        client.set_access_token(token or self.about["furnished"]["token"])
        return client

    @property
    def everything(self):
        """The number of the build with everything in it."""
        return self.about["furnished"]["everything"]["number"]

    def at(self, path):
        return self.about["api_url"] + path


# --- Flows ---------------------------------------------------------------------------------------------------------------


@flow
def account(fake):
    client = fake.client()
    user = client.users().get_current_user()
    check(user["name"], fake.about["user"]["name"])
    check(user["email"], fake.about["user"]["email"])
    uuid.UUID(user["id"])
    instant(user["created_at"])
    starts(user["avatar_url"], "https://www.gravatar.com/avatar/")

    listed = client.organizations().list_all(with_pagination=True)
    check([organization["slug"] for organization in listed.body], [fake.organization])
    check((listed.next_page, listed.last_page), (None, None))
    organization = client.organizations().get_org(fake.organization)
    check(organization, listed.body[0])
    check(organization["url"], fake.at(f"organizations/{fake.organization}"))
    check(organization["pipelines_url"], organization["url"] + "/pipelines")
    instant(organization["created_at"])

    token = client.access_tokens().get_token()
    uuid.UUID(token["uuid"])
    check(token["user"]["email"], user["email"])
    check({"read_builds", "write_builds", "read_user", "graphql"} <= set(token["scopes"]), True)
    read_only = fake.client(fake.about["read_only_token"]).access_tokens().get_token()
    check(read_only["scopes"], fake.about["read_only_scopes"])
    check(read_only["uuid"] != token["uuid"], True)


@flow
def create_and_poll(fake):
    client = fake.client()
    created = client.builds().create_build(
        fake.organization,
        "app",
        SHA,
        "feature/login",
        author={"name": "Grace Example", "email": "grace@example.com"},
        env={"DEBUG": "1"},
        message="Try it :rocket:",
        meta_data={"release": "v9"},
        pull_request_base_branch="main",
        pull_request_id=42,
        pull_request_repository="https://github.com/acme/app.git",
    )
    check(created["number"], 1)
    check(created["state"], "scheduled")
    check(created["blocked"], False)
    check(created["message"], "Try it :rocket:")
    check(created["commit"], SHA)
    check(created["branch"], "feature/login")
    check(created["env"], {"DEBUG": "1"})
    check(created["meta_data"], {"release": "v9"})
    check(created["source"], "api")
    check(created["author"]["email"], "grace@example.com")
    check(created["creator"]["email"], fake.about["user"]["email"])
    check(created["creator"]["id"], client.users().get_current_user()["id"])
    check(
        created["pull_request"],
        {"id": "42", "base": "main", "repository": "https://github.com/acme/app.git"},
    )
    check(created["rebuilt_from"], None)
    check((created["started_at"], created["finished_at"]), (None, None))
    check(created["url"], fake.at(f"organizations/{fake.organization}/pipelines/app/builds/1"))
    uuid.UUID(created["id"])
    check([job["type"] for job in created["jobs"]], ["script", "waiter", "script"])
    lint, _, test = created["jobs"]
    check((lint["state"], test["state"]), ("scheduled", "waiting"))

    polls = poll(fake, client, "app", 1)
    check(states(polls), ["scheduled", "running", "passed"])
    check(job_states(polls, "lint"), ["scheduled", "running", "passed"])
    check(job_states(polls, "test"), ["waiting", "scheduled", "running", "passed"])

    passed = polls[-1]
    check(passed["id"], created["id"])
    increasing(passed["created_at"], passed["started_at"], passed["finished_at"])
    lint, waiter, test = passed["jobs"]
    check(waiter["type"], "waiter")
    for job, made in ((lint, created["jobs"][0]), (test, created["jobs"][2])):
        check(job["id"], made["id"])
        check(job["exit_status"], 0)
        check(job["soft_failed"], False)
        check(job["retried"], False)
        increasing(job["created_at"], job["started_at"], job["finished_at"])
        instant(job["runnable_at"])
        uuid.UUID(job["agent"]["id"])
        check(job["build_url"], passed["url"])
    check(lint["name"], ":mag: Lint")
    check(lint["command"], "make lint")
    check(test["agent_query_rules"], ["queue=linux"])
    increasing(lint["finished_at"], test["started_at"])

    pipeline = passed["pipeline"]
    check(pipeline["slug"], "app")
    check(pipeline["provider"]["id"], "github")
    check(pipeline["provider"]["settings"]["repository"], f"{fake.organization}/app")

    by_id = client.builds().get_build_by_number(fake.organization, "app", 1)
    check(by_id, passed)


@flow
def list_three_pages(fake):
    client = fake.client(per_page=9)
    # Branches with `*`, two states, and an instant: 24 of the 45.
    since = fake.history[7]["created_at"]
    wanted = [
        build["number"]
        for build in newest_first(fake.history)
        if build["branch"].startswith("feature/")
        and build["state"] in ("passed", "failed")
        and build["created_at"] >= since
    ]
    check(18 < len(wanted) <= 27, True)
    filters = {
        "branch": "feature/*",
        "states": [BuildState.PASSED, BuildState.FAILED],
        "created_from": datetime.datetime.fromisoformat(since),
    }

    def page(number):
        return client.builds().list_all_for_pipeline(
            fake.organization, "history", page=number, with_pagination=True, **filters
        )

    first = page(0)
    second = page(first.next_page)
    third = page(second.next_page)
    seen = [[build["number"] for build in answer.body] for answer in (first, second, third)]
    check(seen, [wanted[:9], wanted[9:18], wanted[18:]])
    turns = [
        (answer.first_page, answer.previous_page, answer.next_page, answer.last_page)
        for answer in (first, second, third)
    ]
    check(turns, [(None, None, 2, 3), (1, 1, 3, 3), (1, 2, None, None)])
    check(page(4).body, [])

    # The same builds, asked for in the two other ways.
    for listed in (
        lambda number: client.builds().list_all(page=number, with_pagination=True, **filters),
        lambda number: client.builds().list_all_for_org(
            fake.organization, page=number, with_pagination=True, **filters
        ),
    ):
        check(numbers_of_all_pages(listed), wanted)


@flow
def filters(fake):
    client = fake.client()
    user = client.users().get_current_user()["id"]

    def found(**filters):
        builds = client.builds().list_all_for_pipeline(fake.organization, "history", **filters)
        return [build["number"] for build in builds]

    def known(fits):
        return [build["number"] for build in newest_first(fake.history) if fits(build)]

    everything = known(lambda build: True)
    check(len(everything), 45)
    check(found(), everything)
    check(found(branch="main"), known(lambda build: build["branch"] == "main"))
    check(
        found(branch=["main", "feature/login"]),
        known(lambda build: build["branch"] != "feature/logout"),
    )
    check(found(branch="*log*t"), known(lambda build: build["branch"] == "feature/logout"))
    check(found(branch="mai"), [])
    for state in (BuildState.PASSED, BuildState.FAILED, BuildState.CANCELED):
        check(found(states=[state]), known(lambda build: build["state"] == state.value))
    check(
        found(states=[BuildState.FAILED, BuildState.CANCELED]),
        known(lambda build: build["state"] != "passed"),
    )
    check(found(states=[BuildState.FINISHED]), everything)
    check(found(states=[BuildState.RUNNING, BuildState.SCHEDULED]), [])
    check(found(commit=fake.history[6]["commit"]), [7])
    check(found(commit=fake.history[6]["commit"][:12]), [])
    check(found(meta_data={"release": "v1"}), known(lambda build: build["release"] == "v1"))
    check(
        found(meta_data={"release": "v1", "parity": "odd"}),
        known(lambda build: build["release"] == "v1" and build["number"] % 2 == 0),
    )
    check(found(creator=user), everything)
    check(found(creator=str(uuid.UUID(int=7))), [])
    instants = [datetime.datetime.fromisoformat(build["created_at"]) for build in fake.history]
    check(found(created_from=instants[20]), known(lambda build: build["number"] >= 21))
    check(found(created_to=instants[20]), known(lambda build: build["number"] < 21))
    elsewhere = instants[20].astimezone(datetime.timezone(datetime.timedelta(hours=2)))
    check(found(created_from=elsewhere, created_to=instants[22]), [22, 21])
    check(found(created_to=instants[0].date()), [])
    check(found(created_from=instants[0].date()), everything)
    # They were moved by hand, each at the instant it was created.
    check(found(finished_from=instants[40]), [45, 44, 43, 42, 41])

    build = client.builds().list_all_for_pipeline(fake.organization, "history")[-1]
    first = fake.history[0]
    check((build["id"], build["commit"], build["state"]), (first["id"], first["commit"], "passed"))
    check(build["meta_data"], {"release": "v0", "parity": "even"})


@flow
def cancel(fake):
    client = fake.client()
    client.builds().create_build(fake.organization, "slow", "HEAD", "main")
    running = poll_until(fake, client, "slow", 1, "running")
    check(by_key(running, "soak")["state"], "running")
    canceling = client.builds().cancel_build(fake.organization, "slow", 1)
    check(canceling["state"], "canceling")
    check(by_key(canceling, "soak")["state"], "canceling")
    check(by_key(canceling, "report")["state"], "canceled")
    check(canceling["finished_at"], None)
    refused(
        422,
        "Build is already being canceled.",
        lambda: client.builds().cancel_build(fake.organization, "slow", 1),
    )
    polls = poll(fake, client, "slow", 1)
    check(states(polls), ["canceling", "canceled"])
    canceled = polls[-1]
    check(by_key(canceled, "soak")["state"], "canceled")
    increasing(canceled["started_at"], canceled["finished_at"])
    increasing(by_key(canceled, "soak")["started_at"], by_key(canceled, "soak")["finished_at"])
    check(by_key(canceled, "report")["started_at"], None)
    refused(
        422,
        "Build has already been canceled.",
        lambda: client.builds().cancel_build(fake.organization, "slow", 1),
    )
    # One that nothing runs of yet is canceled at once.
    client.builds().create_build(fake.organization, "slow", "HEAD", "main")
    check(client.builds().cancel_build(fake.organization, "slow", 2)["state"], "canceled")


@flow
def rebuild(fake):
    client = fake.client()
    original = client.builds().create_build(
        fake.organization,
        "app",
        SHA,
        "main",
        env={"DEBUG": "1"},
        message="Once more",
        meta_data={"release": "v9"},
    )
    check(poll(fake, client, "app", 1)[-1]["state"], "passed")
    again = client.builds().rebuild_build(fake.organization, "app", 1)
    check(again["number"], 2)
    check(again["id"] != original["id"], True)
    check(again["state"], "scheduled")
    check(
        again["rebuilt_from"], {"id": original["id"], "number": 1, "url": original["url"]}
    )
    for field in ("commit", "branch", "message", "env"):
        check(again[field], original[field])
    check(again["meta_data"], {})
    check(again["source"], "api")
    check(again["creator"]["email"], fake.about["user"]["email"])
    polls = poll(fake, client, "app", 2)
    check(states(polls), ["scheduled", "running", "passed"])
    check(polls[-1]["rebuilt_from"]["number"], 1)
    first = client.builds().get_build_by_number(fake.organization, "app", 1)
    check((first["state"], first["rebuilt_from"]), ("passed", None))


@flow
def retry(fake):
    client = fake.client()
    client.builds().create_build(fake.organization, "flaky", "HEAD", "main")
    polls = poll(fake, client, "flaky", 1)
    check(states(polls), ["scheduled", "running", "failed"])
    failed = by_key(polls[-1], "test")
    check((failed["state"], failed["exit_status"]), ("failed", 1))
    retried = client.jobs().retry_job(fake.organization, "flaky", 1, failed["id"])
    check(retried["id"] != failed["id"], True)
    check((retried["state"], retried["exit_status"]), ("scheduled", None))
    check(retried["retries_count"], 1)
    check(retried["retry_source"], {"job_id": failed["id"], "retry_type": "manual"})
    polls = poll(fake, client, "flaky", 1)
    check(states(polls), ["running", "passed"])
    check([job["id"] for job in polls[-1]["jobs"]], [retried["id"]])
    check(polls[-1]["jobs"][0]["exit_status"], 0)
    attempts = client.builds().get_build_by_number(
        fake.organization, "flaky", 1, include_retried_jobs=True
    )["jobs"]
    check([job["id"] for job in attempts], [failed["id"], retried["id"]])
    check([job["state"] for job in attempts], ["failed", "passed"])
    check([job["retried"] for job in attempts], [True, False])
    check(attempts[0]["retried_in_job_id"], retried["id"])
    for job, status, message in (
        (failed, 422, "Jobs can only be retried once"),
        (retried, 400, "Only failed, timed out or canceled jobs can be retried"),
    ):
        refused(
            status,
            message,
            lambda job=job: client.jobs().retry_job(fake.organization, "flaky", 1, job["id"]),
        )


@flow
def logs(fake):
    client = fake.client()
    created = client.builds().create_build(fake.organization, "app", "HEAD", "main")
    lint = by_key(created, "lint")
    place = (fake.organization, "app", 1, lint["id"])
    stamp = r"\x1b_bk;t=\d{13}\x07"
    seen = []
    for _ in range(3):
        log = client.jobs().get_job_log(*place, log_format=LogFormat.JSON)
        check(list(log), ["url", "content", "size", "header_times"])
        check(log["url"], lint["log_url"])
        check(log["size"], len(log["content"]))
        check(log["header_times"], [])
        seen.append(log["content"])
    check([content.count("\n") for content in seen], [0, 1, 2])
    content = seen[-1]
    check(re.sub(stamp, "", content), "--- Linting\r\n\x1b[32mall <well>\x1b[0m\r\n")
    check(len(re.findall(stamp, content)), 2)
    check(client.jobs().get_job_log(*place, log_format=LogFormat.TEXT), content.encode())
    html = client.jobs().get_job_log(*place)
    check(b'--- Linting\n<span class="term-fg32">all &lt;well&gt;</span>' in html, True)
    env = client.jobs().get_job_environment_variables(*place)["env"]
    check((env["BUILDKITE_JOB_ID"], env["BUILDKITE_BUILD_NUMBER"]), (lint["id"], "1"))
    check({type(value) for value in env.values()}, {str})
    check(client.jobs().delete_job_log(*place), True)
    check(client.jobs().get_job_log(*place, log_format=LogFormat.TEXT), b"")


@flow
def unblock(fake):
    client = fake.client()
    client.builds().create_build(fake.organization, "gate", "HEAD", "main")
    polls = poll(fake, client, "gate", 1)
    check(states(polls), ["scheduled", "running", "passed"])
    blocked = polls[-1]
    check(blocked["blocked"], True)
    check(by_key(blocked, "deploy")["state"], "waiting")
    gate = next(job for job in blocked["jobs"] if job["type"] == "manual")
    check((gate["state"], gate["label"], gate["unblockable"]), ("blocked", "Release?", True))
    check(
        gate["unblock_url"],
        f"{blocked['url']}/jobs/{gate['id']}/unblock",
    )
    waiting = client.builds().list_all_for_pipeline(
        fake.organization, "gate", states=[BuildState.BLOCKED]
    )
    check([build["number"] for build in waiting], [1])

    user = client.users().get_current_user()["id"]
    opened = client.jobs().unblock_job(
        fake.organization, "gate", 1, gate["id"], {"reason": "It is time"}, unblocker=user
    )
    check((opened["state"], opened["unblockable"]), ("unblocked", False))
    check(opened["unblocked_by"]["email"], fake.about["user"]["email"])
    instant(opened["unblocked_at"])
    polls = poll(fake, client, "gate", 1)
    check(job_states(polls, "deploy"), ["scheduled", "running", "passed"])
    check((polls[-1]["state"], polls[-1]["blocked"]), ("passed", False))
    check(polls[-1]["meta_data"], {"reason": "It is time"})
    refused(
        422,
        "The job's state must be blocked",
        lambda: client.jobs().unblock_job(fake.organization, "gate", 1, gate["id"], {}),
    )
    deploy = by_key(polls[-1], "deploy")
    refused(
        400,
        "This job type cannot be unblocked",
        lambda: client.jobs().unblock_job(fake.organization, "gate", 1, deploy["id"], {}),
    )


@flow
def pipelines(fake):
    client = fake.client()
    two = fake.client(per_page=2)
    slugs = []
    number = 0
    while number is not None:
        answer = two.pipelines().list_pipelines(
            fake.organization, page=number, with_pagination=True
        )
        slugs.append([pipeline["slug"] for pipeline in answer.body])
        number = answer.next_page
    check(slugs, [["app", "flaky"], ["gate", "slow"], ["history"]])

    app = client.pipelines().get_pipeline(fake.organization, "app")
    check((app["name"], app["default_branch"]), ("app", "main"))
    check(app["repository"], f"https://github.com/{fake.organization}/app.git")
    check([step["type"] for step in app["steps"]], ["script", "waiter", "script"])
    check(app["url"], fake.at(f"organizations/{fake.organization}/pipelines/app"))
    check(app["builds_url"], app["url"] + "/builds")
    settings = app["provider"]["settings"]
    check((app["provider"]["id"], settings["trigger_mode"]), ("github", "code"))
    starts(app["provider"]["webhook_url"], "https://webhook.buildkite.com/deliver/")
    instant(app["created_at"])

    configuration = "steps:\n  - label: Say\n    command: echo hi\n"
    made = client.pipelines().create_yaml_pipeline(
        fake.organization,
        "My New  Site",
        "git@github.com:acme/site.git",
        configuration,
        default_branch="trunk",
    )
    check((made["slug"], made["default_branch"]), ("my-new-site", "trunk"))
    check(made["configuration"], configuration)
    check(made["provider"]["settings"]["repository"], "acme/site")
    check(made["steps"][0]["command"], "echo hi")
    check(client.pipelines().get_pipeline(fake.organization, "my-new-site"), made)
    client.builds().create_build(fake.organization, "my-new-site", "HEAD", "trunk")
    check(poll(fake, client, "my-new-site", 1)[-1]["state"], "passed")

    check(client.pipelines().delete_pipeline(fake.organization, "my-new-site"), True)
    refused(
        404,
        "No pipeline found",
        lambda: client.pipelines().get_pipeline(fake.organization, "my-new-site"),
    )
    error = refused(
        422,
        "Validation Failed",
        lambda: client.pipelines().create_yaml_pipeline(
            fake.organization, "Empty", "git@github.com:acme/empty.git", ""
        ),
    )
    check([entry["field"] for entry in error["errors"]], ["configuration"])


@flow
def pipeline_life(fake):
    """Everything that can become of a pipeline; the client knows no filters of the list and no webhooks."""
    client = fake.client()
    organization, pipelines, builds = fake.organization, client.pipelines(), client.builds()

    # From YAML, with settings of its provider.
    made = pipelines.create_yaml_pipeline(
        organization,
        "Tidy Up",
        "git@github.com:acme/tidy.git",
        "env: {A: one}\nsteps: [{command: make tidy}]\n",
        branch_configuration="main",
        provider_settings={"build_tags": True, "trigger_mode": "code"},
    )
    check((made["slug"], made["env"]), ("tidy-up", {"A": "one"}))
    check(made["provider"]["settings"]["build_tags"], True)
    check(made["provider"]["settings"]["build_pull_requests"], True)

    # From visual steps: the client's own, and one of every kind.
    plain = pipelines.create_pipeline(organization, "Plain", "git@github.com:acme/plain.git")
    check([step["command"] for step in plain["steps"]], ["buildkite-agent pipeline upload"])
    check("configuration" in plain, False)
    steps = [
        {"type": "script", "name": "Build", "command": "make", "timeout_in_minutes": 10},
        {"type": "waiter"},
        {"type": "trigger", "label": "Tidy", "trigger_project_slug": "plain"},
        {"type": "manual", "label": "Ship?"},
    ]
    visual = pipelines.create_pipeline(
        organization, "Old Style", "git@bitbucket.org:acme/old.git", build_steps=steps
    )
    check([step["type"] for step in visual["steps"]], [step["type"] for step in steps])
    check((visual["provider"]["id"], visual["env"]), ("bitbucket", {}))
    builds.create_build(organization, "old-style", "HEAD", "main")
    check(poll(fake, client, "old-style", 1)[-1]["blocked"], True)
    check(poll(fake, client, "plain", 1)[-1]["source"], "trigger_job")
    slugs = [pipeline["slug"] for pipeline in pipelines.list_pipelines(organization)]
    check(slugs[:3], ["old-style", "plain", "tidy-up"])

    # Changed: what is not sent stays.
    def build(branch):
        return builds.create_build(organization, "tidy-up", "HEAD", branch)

    refused(422, "Branch does not match the pipeline's branch filter", lambda: build("feature"))
    changed = pipelines.update_pipeline(
        organization,
        "tidy-up",
        branch_configuration="main feature",
        description="Once more",
        configuration="steps: [{command: make tidier}]",
        skip_queued_branch_builds=True,
        visibility="public",
        provider_settings={"filter_enabled": True, "filter_condition": "build.branch != 'main'"},
    )
    check((changed["description"], changed["visibility"]), ("Once more", "public"))
    check((changed["env"], changed["steps"][0]["command"]), (None, "make tidier"))
    check(changed["provider"]["settings"]["build_tags"], True)
    check(pipelines.get_pipeline(organization, "tidy-up"), changed)
    refused(422, "Build does not match the pipeline's filter condition", lambda: build("main"))
    build("feature")
    check(poll(fake, client, "tidy-up", 1)[-1]["state"], "passed")
    error = refused(
        422,
        "Validation Failed",
        lambda: pipelines.update_pipeline(organization, "tidy-up", steps=steps),
    )
    check([entry["field"] for entry in error["errors"]], ["steps"])
    raises(
        PipelineException,
        lambda: pipelines.update_pipeline(
            organization, "tidy-up", steps=steps, configuration="steps: []"
        ),
    )
    changed = pipelines.update_pipeline(organization, "old-style", steps=steps[:1], env={"B": "two"})
    check((len(changed["steps"]), changed["env"]), (1, {"B": "two"}))

    # Renamed: every address follows.
    moved = pipelines.update_pipeline(organization, "tidy-up", name="Spotless")
    check(moved["slug"], "spotless")
    check(moved["url"], fake.at(f"organizations/{organization}/pipelines/spotless"))
    refused(404, "No pipeline found", lambda: pipelines.get_pipeline(organization, "tidy-up"))

    # Archived, and taken back.
    archived = pipelines.archive_pipeline(organization, "spotless")
    instant(archived["archived_at"])
    check(pipelines.get_pipeline(organization, "spotless"), archived)
    refused(
        422,
        "Pipeline could not be archived.",
        lambda: pipelines.archive_pipeline(organization, "spotless"),
    )
    refused(
        422,
        "Cannot update an archived pipeline",
        lambda: pipelines.update_pipeline(organization, "spotless", description="No"),
    )
    refused(
        422,
        "Cannot create builds on an archived pipeline",
        lambda: builds.create_build(organization, "spotless", "HEAD", "feature"),
    )
    check(pipelines.unarchive_pipeline(organization, "spotless")["archived_at"], None)
    refused(
        422,
        "Pipeline could not be unarchived.",
        lambda: pipelines.unarchive_pipeline(organization, "spotless"),
    )
    for slug in ("spotless", "old-style", "plain"):
        check(pipelines.delete_pipeline(organization, slug), True)
        refused(404, "No pipeline found", lambda: pipelines.get_pipeline(organization, slug))


@flow
def every_filter(fake):
    """Each filter, in each of the three lists: they are the same."""
    client = fake.client()
    user = client.users().get_current_user()["id"]
    builds, organization = client.builds(), fake.organization
    instants = [datetime.datetime.fromisoformat(build["created_at"]) for build in fake.history]
    middle = fake.history[20]
    for filters, fits in (
        ({"creator": user}, lambda build: True),
        ({"creator": str(uuid.UUID(int=7))}, lambda build: False),
        ({"created_from": instants[30]}, lambda build: build["number"] > 30),
        ({"created_to": instants[30]}, lambda build: build["number"] <= 30),
        ({"finished_from": instants[30]}, lambda build: build["number"] > 30),
        ({"states": [BuildState.FAILED]}, lambda build: build["state"] == "failed"),
        (
            {"states": [BuildState.FAILED, BuildState.CANCELED, BuildState.RUNNING]},
            lambda build: build["state"] != "passed",
        ),
        ({"states": list(BuildState)}, lambda build: True),
        (
            {"meta_data": {"release": "v2", "parity": "even"}},
            lambda build: build["release"] == "v2" and build["number"] % 2 == 1,
        ),
        ({"branch": "feature/login"}, lambda build: build["branch"] == "feature/login"),
        ({"branch": ["feature/logout"]}, lambda build: build["branch"] == "feature/logout"),
        ({"branch": ["main", "feature/*"]}, lambda build: True),
        ({"branch": "a+b &c"}, lambda build: False),
        ({"commit": middle["commit"]}, lambda build: build is middle),
        (
            {"include_retried_jobs": True, "commit": middle["commit"]},
            lambda build: build is middle,
        ),
        (
            {"branch": "main", "states": [BuildState.PASSED], "created_to": instants[30]},
            lambda build: build["branch"] == "main"
            and build["state"] == "passed"
            and build["number"] <= 30,
        ),
    ):
        wanted = [build["number"] for build in newest_first(fake.history) if fits(build)]
        for listed in (
            builds.list_all(**filters),
            builds.list_all_for_org(organization, **filters),
            builds.list_all_for_pipeline(organization, "history", **filters),
        ):
            check([build["number"] for build in listed], wanted)

    # What the client itself does not send.
    for error, wrong in (
        (BuildStateNotAList, {"states": BuildState.PASSED}),
        (NotValidBuildState, {"states": ["passed"]}),
        (NotValidDateTime, {"created_from": middle["created_at"]}),
        (NotValidDateTime, {"created_to": 7}),
        (NotValidDateTime, {"finished_from": "yesterday"}),
    ):
        raises(error, lambda: builds.list_all(**wrong))
        raises(error, lambda: builds.list_all_for_org(organization, **wrong))
        raises(error, lambda: builds.list_all_for_pipeline(organization, "history", **wrong))


@flow
def retried_jobs_in_lists(fake):
    client = fake.client()
    builds, organization = client.builds(), fake.organization
    builds.create_build(organization, "flaky", "HEAD", "main")
    failed = by_key(poll(fake, client, "flaky", 1)[-1], "test")
    client.jobs().retry_job(organization, "flaky", 1, failed["id"])
    check(poll(fake, client, "flaky", 1)[-1]["state"], "passed")
    for answer in (None, False, True):
        for listed in (
            builds.list_all(branch="main", include_retried_jobs=answer),
            builds.list_all_for_org(organization, include_retried_jobs=answer),
            builds.list_all_for_pipeline(organization, "flaky", include_retried_jobs=answer),
            [builds.get_build_by_number(organization, "flaky", 1, include_retried_jobs=answer)],
        ):
            jobs = listed[0]["jobs"]
            check([job["retried"] for job in jobs], [True, False] if answer else [False])


@flow
def create_with_everything(fake):
    client = fake.client()
    builds, organization = client.builds(), fake.organization
    pipelines = client.pipelines()
    pipelines.update_pipeline(organization, "app", branch_configuration="main")
    refused(
        422,
        "Branch does not match the pipeline's branch filter",
        lambda: builds.create_build(organization, "app", SHA, "feature/login"),
    )
    made = builds.create_build(
        organization,
        "app",
        SHA,
        "feature/login",
        author={"name": "Grace Example", "email": "grace@example.com"},
        clean_checkout=True,
        env={"A": "1"},
        ignore_pipeline_branch_filters=True,
        message="All of it",
        meta_data={"release": "v9"},
        pull_request_base_branch="main",
        pull_request_id=7,
        pull_request_repository="https://github.com/acme/app.git",
        pull_request_labels=["bug", "urgent"],
    )
    check((made["number"], made["branch"]), (1, "feature/login"))
    check(made["author"], {"username": None, "name": "Grace Example", "email": "grace@example.com"})
    env = client.jobs().get_job_environment_variables(
        organization, "app", 1, by_key(made, "lint")["id"]
    )["env"]
    check(env["BUILDKITE_PULL_REQUEST"], "7")
    check(env["BUILDKITE_PULL_REQUEST_BASE_BRANCH"], "main")
    check(env["A"], "1")

    # Labels are there for conditions.
    steps = """steps: [
      { command: make, key: bug, if: 'build.pull_request.labels includes "bug"' },
      { command: make, key: other, if: 'build.pull_request.labels includes "other"' },
    ]"""
    pipelines.update_pipeline(organization, "app", configuration=steps)
    labeled = builds.create_build(
        organization, "app", SHA, "main", pull_request_id=7, pull_request_labels=["bug", "urgent"]
    )
    check([by_key(labeled, key)["state"] for key in ("bug", "other")], ["scheduled", "broken"])


@flow
def artifacts(fake):
    client, organization = fake.furnished(), fake.organization
    place = (organization, "everything", fake.everything)
    build = client.builds().get_build_by_number(*place)
    pack, lint = by_key(build, "pack"), by_key(build, "lint")
    artifacts = client.artifacts()
    listed = artifacts.list_artifacts_for_build(*place)
    check([file["path"] for file in listed], ["dist/app.tar", "log/pack.log"])
    check(artifacts.list_artifacts_for_job(*place, pack["id"]), listed)
    check(artifacts.list_artifacts_for_job(*place, lint["id"]), [])
    tar, log = listed
    check((tar["dirname"], tar["filename"], tar["file_size"]), ("dist", "app.tar", 3000))
    check((tar["state"], tar["job_id"]), ("finished", pack["id"]))
    check(tar["sha1sum"], hashlib.sha1(b"\x07" * 3000).hexdigest())
    check(tar["url"], f"{build['url']}/jobs/{pack['id']}/artifacts/{tar['id']}")
    check(tar["download_url"], tar["url"] + "/download")
    for file in listed:
        check(artifacts.get_artifact(*place, pack["id"], file["id"]), file)
    check(artifacts.download_artifact(*place, pack["id"], log["id"]), b"packed\n")
    pieces = artifacts.download_artifact(*place, pack["id"], tar["id"], as_stream=True)
    check(b"".join(pieces), b"\x07" * 3000)

    two = fake.furnished(per_page=1).artifacts()
    for listed_again in (
        lambda page: two.list_artifacts_for_build(*place, page=page, with_pagination=True),
        lambda page: two.list_artifacts_for_job(*place, pack["id"], page=page, with_pagination=True),
    ):
        check(bodies_of_all_pages(listed_again), listed)
    nothing = str(uuid.UUID(int=7))
    for call in (artifacts.get_artifact, artifacts.download_artifact):
        refused(404, "No artifact found", lambda: call(*place, pack["id"], nothing))
        refused(404, "No artifact found", lambda: call(*place, lint["id"], tar["id"]))
        refused(404, "No job found", lambda: call(*place, nothing, tar["id"]))
    refused(
        404,
        "No build found",
        lambda: artifacts.list_artifacts_for_build(organization, "everything", 999),
    )


@flow
def annotations(fake):
    client, organization = fake.furnished(), fake.organization
    annotations = client.annotations()
    listed = annotations.list_annotations(organization, "everything", fake.everything)
    check([(note["style"], note["scope"], note["job_id"]) for note in listed], [("success", "build", None)])
    check(listed[0]["body_html"], "<p>Packed <strong>well</strong></p>\n")
    check((listed[0]["context"], listed[0]["priority"]), ("default", 3))
    increasing(listed[0]["created_at"], listed[0]["updated_at"])
    paged = annotations.list_annotations(
        organization, "everything", fake.everything, page=1, with_pagination=True
    )
    check((paged.body, paged.next_page), (listed, None))
    check(annotations.list_annotations(organization, "plain", 1), [])
    refused(
        404,
        "No build found",
        lambda: annotations.list_annotations(organization, "plain", 999),
    )


@flow
def agents(fake):
    client, organization = fake.furnished(), fake.organization
    agents = client.agents()
    listed = agents.list_all(organization)
    names = [name for name in fake.about["furnished"]["agents"] if name != "gone"]
    check(sorted(agent["name"] for agent in listed), sorted(names))

    def found(**filters):
        return [agent["name"] for agent in agents.list_all(organization, **filters)]

    check(found(name="mac"), ["mac"])
    check(found(name="nobody"), [])
    check(sorted(found(hostname="worker.example.com")), sorted(f"worker-{n}" for n in range(1, 17)))
    check(found(version="3.50.0"), ["old"])
    check(found(version="3.50.0", name="mac"), [])
    five = fake.furnished(per_page=5).agents()
    seen = bodies_of_all_pages(
        lambda page: five.list_all(organization, page=page, with_pagination=True)
    )
    check(seen, listed)

    mac = next(agent for agent in listed if agent["name"] == "mac")
    check(agents.get_agent(organization, mac["id"]), mac)
    check((mac["connection_state"], mac["queue"], mac["job"]), ("connected", "default", None))
    spare = next(agent for agent in listed if agent["name"] == "spare")
    check((spare["paused"], spare["meta_data"]), (True, ["queue=spare"]))
    busy = next(agent for agent in listed if agent["job"])
    check(busy["job"]["agent"], None)
    check(agents.stop_agent(organization, mac["id"], force=False), True)
    check(agents.stop_agent(organization, busy["id"]), True)
    check(found(name="mac"), [])
    gone = agents.get_agent(organization, mac["id"])
    check(gone["connection_state"], "stopped")
    instant(gone["stopped_at"])
    refused(
        400,
        "Can only stop connected agents",
        lambda: agents.stop_agent(organization, mac["id"]),
    )
    refused(404, "No agent found", lambda: agents.get_agent(organization, str(uuid.UUID(int=7))))
    refused(404, "No organization found", lambda: agents.list_all("nobody"))


@flow
def organization(fake):
    """Teams, emojis, facts about the service, and tokens that end."""
    client, organization = fake.furnished(), fake.organization
    teams = client.teams().list_teams(organization)
    check([(team["name"], team["slug"]) for team in teams], [("Platform", "platform")])
    check((teams[0]["privacy"], teams[0]["default"]), ("visible", False))
    check(teams[0]["description"], "Keeps it running")
    for user in (fake.about["furnished"]["user"]["id"], fake.about["furnished"]["second_user"]["id"]):
        check(client.teams().list_teams(organization, user_id=user), teams)
    check(client.teams().list_teams(organization, user_id=str(uuid.UUID(int=7))), [])
    paged = client.teams().list_teams(organization, with_pagination=True)
    check((paged.body, paged.next_page), (teams, None))

    emojis = client.emojis().list_emojis(organization)
    own = next(emoji for emoji in emojis if emoji["name"] == "acme")
    check(own["aliases"], ["anvil"])
    paged = client.emojis().list_emojis(organization, with_pagination=True)
    check((paged.body, paged.next_page, paged.last_page), (emojis, None, None))

    # Needs no token, and takes one.
    anyone = Buildkite()
    anyone.base_url = fake.about["api_url"]
    check(list(anyone.meta().get_meta_information()), ["webhook_ips"])
    check(client.meta().get_meta_information(), anyone.meta().get_meta_information())

    second = fake.furnished(token=fake.about["furnished"]["disposable_token"])
    email = fake.about["furnished"]["second_user"]["email"]
    check(second.users().get_current_user()["email"], email)
    check(second.access_tokens().get_token()["scopes"], ["read_user"])
    check(second.access_tokens().revoke_token(), True)
    text = (
        "Authentication required. Please supply a valid API Access Token: "
        "https://buildkite.com/docs/apis/rest-api#authentication"
    )
    refused(401, text, lambda: second.users().get_current_user())
    refused(401, text, lambda: second.access_tokens().revoke_token())


@flow
def every_kind_of_job(fake):
    client, organization = fake.furnished(), fake.organization
    build = client.builds().get_build_by_number(
        organization, "everything", fake.everything, include_retried_jobs=True
    )
    jobs = build["jobs"]
    check({job["type"] for job in jobs}, {"script", "waiter", "manual", "trigger"})
    check(by_key(build, "pack")["state"], "passed")
    check([job["parallel_group_index"] for job in jobs if job.get("step_key") == "test"], [0, 1])
    check({job["group_key"] for job in jobs if job.get("step_key") in ("lint", "test")}, {"checks"})
    systems = [job["matrix"] for job in jobs if job.get("step_key") == "systems"]
    check(systems, [{"os": "linux"}, {"os": "mac"}])
    check({by_key(build, key)["state"] for key in ("never", "elsewhere")}, {"broken"})
    soft = by_key(build, "soft")
    check((soft["state"], soft["soft_failed"], soft["exit_status"]), ("failed", True, 3))
    again = [job for job in jobs if job.get("step_key") == "unlike"]
    check([job["retry_type"] for job in again], ["automatic", None])
    check(again[1]["retry_source"], {"job_id": again[0]["id"], "retry_type": "automatic"})
    below = by_key(build, "downstream")["triggered_build"]
    check(set(below), {"id", "number", "url", "web_url"})
    triggered = client.builds().get_build_by_number(organization, "plain", below["number"])
    check((triggered["id"], triggered["source"], triggered["message"]), (below["id"], "trigger_job", "From above"))
    check(triggered["triggered_from"]["build_id"], build["id"])
    check(by_key(build, "beside")["async"], True)
    for key, word in (("stuck", "failing"), ("newest-only", "skipped"), ("nothing", "not_run")):
        listed = client.builds().list_all_for_pipeline(organization, key)
        check(word in [build["state"] for build in listed], True)
        found = client.builds().list_all_for_pipeline(organization, key, states=[BuildState(word)])
        check({build["state"] for build in found}, {word})


@flow
def errors(fake):
    client = fake.client()
    organization = fake.organization

    # 401
    nobody = Buildkite()
    nobody.base_url = fake.about["api_url"]
    try:
        nobody.builds()
        raise AssertionError("a client without a token went on")
    except NoAcccessTokenException:
        pass
    stranger = fake.client("no-such-token")
    text = (
        "Authentication required. Please supply a valid API Access Token: "
        "https://buildkite.com/docs/apis/rest-api#authentication"
    )
    refused(401, text, lambda: stranger.builds().list_all())
    refused(401, text, lambda: stranger.builds().create_build(organization, "app", "HEAD", "main"))
    refused(401, text, lambda: stranger.access_tokens().get_token())

    # 403
    reader = fake.client(fake.about["read_only_token"])
    check(reader.builds().list_all_for_pipeline(organization, "app"), [])
    lacks = "Your access token doesn't have the write_builds scope"
    refused(403, lacks, lambda: reader.builds().create_build(organization, "app", "HEAD", "main"))
    refused(403, lacks, lambda: reader.builds().cancel_build(organization, "history", 1))
    refused(
        403,
        "Your access token doesn't have the read_user scope",
        lambda: reader.users().get_current_user(),
    )

    # 404
    builds, pipelines, jobs = client.builds(), client.pipelines(), client.jobs()
    refused(404, "No build found", lambda: builds.get_build_by_number(organization, "app", 1))
    refused(404, "No pipeline found", lambda: pipelines.get_pipeline(organization, "nothing"))
    refused(404, "No pipeline found", lambda: builds.get_build_by_number(organization, "nothing", 1))
    refused(404, "No organization found", lambda: client.organizations().get_org("nobody"))
    refused(404, "No organization found", lambda: builds.list_all_for_org("nobody"))
    refused(
        404,
        "No job found",
        lambda: jobs.retry_job(organization, "history", 1, str(uuid.UUID(int=7))),
    )

    # 422
    missing = refused(
        422, "Validation Failed", lambda: builds.create_build(organization, "app", None, "main")
    )
    check(missing["errors"], [{"field": "commit", "code": "missing"}])
    missing = refused(
        422, "Validation Failed", lambda: builds.create_build(organization, "app", "", None)
    )
    check([entry["field"] for entry in missing["errors"]], ["commit", "branch"])
    refused(
        422,
        "Build can't be canceled because it's already finished.",
        lambda: builds.cancel_build(organization, "history", 1),
    )
    check(builds.list_all_for_pipeline(organization, "app"), [])


# --- Polling -------------------------------------------------------------------------------------------------------------


def poll(fake, client, pipeline, number):
    """Every answer until the build has an end or waits for a person."""
    over = ("passed", "failed", "canceled", "blocked", "skipped", "not_run")
    return answers(fake, client, pipeline, number, lambda build: build["state"] in over)


def poll_until(fake, client, pipeline, number, state):
    return answers(fake, client, pipeline, number, lambda build: build["state"] == state)[-1]


def answers(fake, client, pipeline, number, enough):
    seen = []
    while len(seen) < MOST_POLLS:
        seen.append(client.builds().get_build_by_number(fake.organization, pipeline, number))
        if enough(seen[-1]):
            return seen
    raise AssertionError(f"{pipeline}#{number} was {states(seen)} after {MOST_POLLS} polls")


def states(builds):
    return without_repeats(build["state"] for build in builds)


def job_states(builds, key):
    return without_repeats(by_key(build, key)["state"] for build in builds)


def without_repeats(words):
    seen = []
    for word in words:
        if seen[-1:] != [word]:
            seen.append(word)
    return seen


def by_key(build, key):
    return next(job for job in build["jobs"] if job.get("step_key") == key)


def newest_first(history):
    return list(reversed(history))


def numbers_of_all_pages(listed):
    numbers = []
    page = 0
    while page is not None:
        answer = listed(page)
        numbers += [build["number"] for build in answer.body]
        page = answer.next_page
    return numbers


def bodies_of_all_pages(listed):
    entries = []
    page = 0
    while page is not None:
        answer = listed(page)
        entries += answer.body
        page = answer.next_page
    return entries


# --- Expectations --------------------------------------------------------------------------------------------------------


def check(found, expected):
    if found != expected:
        raise AssertionError(f"expected {expected!r}, found {found!r}")


def starts(text, beginning):
    check(text[: len(beginning)], beginning)


def instant(text):
    return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ")


def increasing(*texts):
    instants = [instant(text) for text in texts]
    check(instants, sorted(instants))


def raises(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"expected {error.__name__}")


def refused(status, message, call):
    """The body of the error with which the client refuses."""
    try:
        answer = call()
    except requests.HTTPError as error:
        check((error.response.status_code, error.response.json()["message"]), (status, message))
        return error.response.json()
    raise AssertionError(f"expected {status} {message!r}, got an answer: {answer!r}")


def main():
    match sys.argv[1:]:
        case ["about"]:
            about = {
                "client": "pybuildkite",
                "version": importlib.metadata.version("pybuildkite"),
                "flows": list(FLOWS),
            }
            print(json.dumps(about))
        case ["run", name]:
            FLOWS[name](Fake(json.loads(os.environ["FAKE_BUILDKITE"])))
        case _:
            sys.exit("usage: flows.py about | run FLOW")


if __name__ == "__main__":
    main()
