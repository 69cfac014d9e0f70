"""What a supervisor makes of workers that do not work, in the test's own loop."""

import logging
import socket

import pytest
from tornado.httpserver import HTTPServer
from tornado.web import Application

from gateway import supervisor
from gateway.config import Sources, load
from gateway.config.units import Address
from gateway.failure import ExitCode
from gateway.supervisor import DEATHS, PAUSES, Supervisor

NOWHERE = Address("127.0.0.1", 1)


async def run(program: str, patch: pytest.MonkeyPatch, by: str = "sh") -> ExitCode:
    """Have two workers be this program of the shell; the exit code of it all."""
    patch.setattr(supervisor, "COMMAND", (by, "-c", program))
    loaded = load(Sources(settings=["workers=2", "redis=redis://127.0.0.1"]))
    told: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as internal:
        internal.setblocking(False)
        over = Supervisor(loaded, "gateway", NOWHERE, NOWHERE)
        code = await over.until_told(internal.dup(), HTTPServer(Application()), lambda: told.append("ready"))
    assert not told
    return code


@pytest.mark.spec("OPS-45", "OPS-15")
@pytest.mark.expected_logs("a worker has died", "died 5 times within 60 s")
async def test_a_worker_that_dies_again_and_again_ends_the_gateway(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever watches over the gateway should know, and its last words should not be a thousand."""
    with caplog.at_level(logging.INFO):
        assert await run("exit 3", monkeypatch) is ExitCode.FAILED
    deaths = [record for record in caplog.records if record.message == "a worker has died"]
    assert DEATHS <= len(deaths) <= 2 * DEATHS


@pytest.mark.spec("OPS-45")
@pytest.mark.expected_logs("a worker could not be started", "a worker has died", "died 5 times within 60 s")
async def test_a_worker_that_cannot_be_started_is_one_that_died(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is tried again, and not forgotten."""
    assert await run("", monkeypatch, by="no such program") is ExitCode.FAILED


@pytest.mark.spec("OPS-15", "OPS-48")
@pytest.mark.expected_logs("a worker has died")
@pytest.mark.parametrize("code", [ExitCode.CONFIGURATION, ExitCode.UNAVAILABLE])
async def test_what_a_worker_finds_wrong_at_the_start_is_no_reason_to_try_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, code: ExitCode
) -> None:
    assert await run(f"exit {int(code)}", monkeypatch) is code
    assert caplog.text.count("a worker has died") <= 2


@pytest.mark.spec("OPS-45")
def test_the_pause_before_a_worker_is_started_again_leaves_it_time_within_a_second() -> None:
    assert list(PAUSES) == sorted(PAUSES)
    assert PAUSES[-1] <= 0.5
