"""The way between a supervisor and a worker."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.control import Answerer, Control, Gone, Refused, read_first_frame


@asynccontextmanager
async def opened(answer: Answerer | None, told: list[str]) -> AsyncIterator[tuple[Control, Control]]:
    """Both ends: who asks, and who answers with ``answer``."""
    left, right = socket.socketpair()
    asker, answerer = Control(left, on_told=told.append), Control(right, answer)
    await asker.open()
    await answerer.open()
    running = [asyncio.ensure_future(end.run()) for end in (asker, answerer)]
    yield asker, answerer
    asker.close()
    answerer.close()
    await asyncio.wait(running)


async def double(question: str, arguments: Mapping[str, Any]) -> Any:
    if question == "never":
        await asyncio.Event().wait()
    if question == "refuse":
        raise Refused("node", "no such node")
    if question == "fail":
        raise RuntimeError("a fault")
    return arguments["number"] * 2


@pytest.mark.spec("OPS-45")
async def test_answers_come_to_their_questions_in_any_order() -> None:
    """A large one crosses several reads."""
    async with opened(double, []) as (asker, _):
        never = asyncio.ensure_future(asker.ask("never", 5, {}))
        large = "x" * 300_000
        assert await asyncio.gather(*(asker.ask("double", 5, {"number": n}) for n in (1, 2, large))) == [
            2,
            4,
            large * 2,
        ]
        assert not never.done()
        never.cancel()


@pytest.mark.spec("OPS-45")
@pytest.mark.expected_logs("an operator's order failed")
async def test_refusals_and_faults_are_the_askers_to_know() -> None:
    async with opened(double, []) as (asker, _):
        with pytest.raises(Refused, match="no such node") as refused:
            await asker.ask("refuse", 5, {})
        assert refused.value.kind == "node"
        with pytest.raises(Refused, match="RuntimeError: a fault"):
            await asker.ask("fail", 5, {})


@pytest.mark.spec("OPS-45")
async def test_who_waits_for_somebody_silent_or_gone_is_told() -> None:
    async with opened(double, []) as (asker, answerer):
        with pytest.raises(Gone, match="does not answer"):
            await asker.ask("never", 0.01, {})
        waiting = asyncio.ensure_future(asker.ask("never", 60, {}))
        await asyncio.sleep(0)
        answerer.close()
        with pytest.raises(Gone, match="ended"):
            await waiting
        await asyncio.sleep(0)
        with pytest.raises(Gone):
            await asker.ask("double", 60, {"number": 1})


@pytest.mark.spec("OPS-45")
async def test_news_need_no_answer() -> None:
    told: list[str] = []
    async with opened(None, told) as (asker, answerer):
        answerer.tell("ready")
        with pytest.raises(Refused, match="not answered here"):
            await asker.ask("anything", 5, {})
    assert told == ["ready"]


@pytest.mark.spec("OPS-45")
def test_a_worker_reads_its_assignment_without_a_loop() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"\0\0\0\5hello\0\0\0\7more")
        assert read_first_frame(right) == b"hello"
        left.close()
        with pytest.raises(EOFError):
            read_first_frame(right)
