"""Steps: at once where nothing waits, in a task where something does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.server.steps import Steps, ask, start


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
