"""The end of a gateway, in the test's own loop."""

import asyncio
import io
import json
import signal
import sys

import pytest

from gateway.config.units import Address
from gateway.failure import ExitCode
from gateway.lifecycle import tell_urls
from gateway.run import is_farewell
from tests.gateway.conftest import Serve

QUICK = ("drain.notice=10ms", "drain.spread=10ms", "shutdown.timeout=50ms")


async def hang() -> None:
    await asyncio.Event().wait()


@pytest.mark.spec("OPS-61", "OPS-15")
@pytest.mark.expected_logs("stopped before all clients were sent away")
async def test_a_drain_that_takes_too_long_is_cut_with_75(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    served = await serve(QUICK)
    monkeypatch.setattr(served.run, "drain", hang)
    async with served.client(user="Agent1") as client:
        assert await served.run._end(asyncio.Queue()) is ExitCode.TRY_AGAIN
        assert served.run.attached_sessions == 1
        assert client.client_id is not None


@pytest.mark.spec("OPS-60", "OPS-15")
@pytest.mark.expected_logs("stopped before all clients were sent away")
@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ([signal.SIGINT], ExitCode.INTERRUPTED),
        ([signal.SIGTERM, signal.SIGINT], ExitCode.INTERRUPTED),
        ([signal.SIGTERM], ExitCode.TRY_AGAIN),
    ],
)
async def test_a_second_interrupt_cuts_the_drain_and_a_second_term_does_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, later: list[int], expected: ExitCode
) -> None:
    served = await serve(QUICK)
    monkeypatch.setattr(served.run, "drain", hang)
    signals: asyncio.Queue[int] = asyncio.Queue()
    for number in later:
        signals.put_nowait(number)
    assert await served.run._end(signals) is expected


@pytest.mark.spec("OPS-61")
async def test_while_the_notice_lasts_clients_are_served_on(serve: Serve) -> None:
    served = await serve(("drain.notice=5s", "drain.spread=0"))
    async with served.client(user="Agent1") as client, await client.subscribe("/v2/me") as own:
        drain = asyncio.ensure_future(served.run.drain())
        await asyncio.sleep(0)
        assert (await served.get("/health/ready")).code == 503
        await served.publish_to("Agent1", "/v2/me", "still here")
        assert (await anext(own)).data == "still here"
        drain.cancel()


@pytest.mark.spec("OPS-61")
async def test_without_sessions_nothing_is_waited_for(serve: Serve) -> None:
    served = await serve(("drain.notice=20s",))
    async with asyncio.timeout(15):
        assert await served.run._end(asyncio.Queue()) is ExitCode.DONE


@pytest.mark.spec("OPS-48", "OPS-51")
async def test_two_gateways_live_in_one_process(serve: Serve) -> None:
    """Nothing is global: each has its sessions, its metrics, its token table."""
    first, second = await serve(), await serve()
    async with first.client(user="Agent1") as client, await client.subscribe("/v2/me"):
        there = json.loads((await first.publish_to("Agent1", "/v2/me")).body)
        here = json.loads((await second.publish_to("Agent1", "/v2/me")).body)
    assert (there["sessions"], here["sessions"]) == (1, 0)


@pytest.mark.spec("SEC-45")
@pytest.mark.expected_logs("development profile")
async def test_development_is_warned_of_again_and_again(serve: Serve) -> None:
    served = await serve()
    served.run._remind()
    assert served.run._reminder is not None
    assert served.run._reminder.when() - asyncio.get_running_loop().time() == pytest.approx(60, abs=1)


@pytest.mark.spec("OPS-60")
@pytest.mark.parametrize("has_terminal", [True, False])
def test_hup_ends_only_what_was_started_in_a_terminal(monkeypatch: pytest.MonkeyPatch, has_terminal: bool) -> None:
    stdin = io.StringIO()
    monkeypatch.setattr(stdin, "isatty", lambda: has_terminal)
    monkeypatch.setattr(sys, "stdin", stdin)
    assert is_farewell(signal.SIGHUP) is has_terminal
    assert is_farewell(signal.SIGTERM)
    assert not is_farewell(signal.SIGUSR2)


@pytest.mark.spec("OPS-15")
async def test_the_banner_names_the_pages_of_both_sides_where_there_are_any(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    for dev, named in ((True, True), (False, False)):
        served = await serve(dev=dev)
        tell_urls(served.gateway.config, Address("localhost", 8080), Address("localhost", 8081))
        told = capsys.readouterr().err
        assert [f"http://localhost:8080/{page}/" in told for page in ("desktop", "chat-demo")] == [named, named]
