"""Steps: at once where nothing waits, in a task where something does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.server.steps import DONE, Steps, ask, begin, fail, start


def never(_: Any) -> Any:
    raise AssertionError("no task was needed")


@pytest.mark.spec("GEN-1")
def test_plain_hooks_need_no_loop_and_no_task() -> None:
    answers: list[Any] = []

    def steps() -> Steps[None]:
        answers.append((yield from ask(lambda x: x + 1, 1)))
        answers.append((yield from ask(lambda: None)))

    assert start(steps(), never)[1] is None
    assert answers == [2, None]


@pytest.mark.spec("GEN-1", "GEN-2")
async def test_awaitable_hooks_are_awaited_in_order_and_may_raise() -> None:
    answers: list[Any] = []

    async def later(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    def steps() -> Steps[str]:
        answers.append((yield from ask(later, 1)))
        try:
            yield from ask(later, KeyError("x"))
        except KeyError:
            answers.append("caught")
        answers.append((yield from ask(later, 2)))
        return "end"

    task = start(steps(), asyncio.create_task)[1]
    assert task is not None
    assert answers == []
    assert await task == "end"
    assert answers == [1, "caught", 2]


async def test_cancelling_the_task_cleans_up_the_steps() -> None:
    cleaned: list[bool] = []

    def steps() -> Steps[None]:
        try:
            yield from ask(asyncio.Event().wait)
        finally:
            cleaned.append(True)

    task = start(steps(), asyncio.create_task)[1]
    assert task is not None
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cleaned == [True]


@pytest.mark.spec("GEN-1")
async def test_steps_that_were_begun_go_on_where_they_stand() -> None:
    """What is awaited, what comes of it and what it raises are the same for the steps as if nobody had begun them."""
    heard: list[Any] = []

    async def later(value: Any) -> Any:
        await asyncio.sleep(0)
        if isinstance(value, Exception):
            raise value
        return value

    def steps() -> Steps[None]:
        heard.append("begun")
        heard.append((yield from ask(later, 1)))
        try:
            yield from ask(later, KeyError("x"))
        except KeyError:
            heard.append("caught")
        yield from ask(later, LookupError("not caught"))

    rest = begin(steps())
    assert heard == ["begun"]
    assert rest
    task = start(rest, asyncio.create_task)[1]
    assert task is not None
    with pytest.raises(LookupError, match="not caught"):
        await task
    assert heard == ["begun", 1, "caught"]


@pytest.mark.spec("GEN-1")
def test_steps_that_need_not_wait_leave_no_rest() -> None:
    """What they raise is raised at once."""

    def steps() -> Steps[int]:
        return (yield from ask(lambda: 1))

    assert begin(steps()) is DONE
    assert begin(DONE) is DONE
    with pytest.raises(KeyError):
        begin(fail(KeyError("x")))
