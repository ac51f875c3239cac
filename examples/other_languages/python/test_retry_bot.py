import pytest

from fake_buildkite import Fake
from retry_bot import RetryBot

STEPS = "steps: [{command: make test, key: test}]"


@pytest.fixture(scope="session")
def server():
    fake = Fake("--seed", "7")
    yield fake
    fake.close()


@pytest.fixture
def fake(server):
    """One server for all tests; each begins at the beginning."""
    server.pull("reset")
    yield server
    verified = server.look("verify")
    assert verified["ok"], verified["problems"]


@pytest.fixture
def bot(fake):
    return RetryBot(fake.api_url, fake.token, fake.organization)


def test_a_failed_job_is_retried_once(fake, bot):
    # Given a pipeline whose test fails on its first attempt
    fake.pull("pipelines", {"name": "app", "steps": STEPS})
    fake.pull("pipelines/app/scripts", {"job": "test", "attempts": [{"takes": "3m", "exits": 1}, {"takes": "2m"}]})
    number = bot.start_build("app", "main")
    # When it has failed and the bot looks
    fake.pull("clock/advance", {"by": "4m"})
    assert not bot.tick("app", number)
    # Then the second attempt passes
    happened = fake.pull("clock/run_until_idle")
    assert happened["now"] == "2030-01-01T00:06:01.000Z"
    assert bot.tick("app", number)
    assert fake.look("requests?route=RetryJob")["count"] == 1


def test_a_job_that_is_over_by_hand_needs_no_clock(fake, bot):
    fake.pull("pipelines", {"name": "app", "steps": STEPS})
    number = bot.start_build("app", "main")
    job = fake.look(f"pipelines/app/builds/{number}")["jobs"][0]["id"]
    fake.pull(f"jobs/{job}/start")
    fake.pull(f"jobs/{job}/finish", {"exit_status": 0})
    assert bot.tick("app", number)


def test_an_error_of_the_service_is_an_error_of_the_bot(fake, bot):
    fake.pull("pipelines", {"name": "app", "steps": STEPS})
    number = bot.start_build("app", "main")
    fake.pull("faults", {"route": "GetBuild", "nth": 1, "status": 502})
    with pytest.raises(OSError, match="502"):
        bot.tick("app", number)
    assert fake.look("faults")["faults"][0]["hits"] == 1
