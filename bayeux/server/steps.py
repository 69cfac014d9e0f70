"""Work that goes on at once, and waits only where a hook of the application must be waited for.

A step is a generator that yields an awaitable and is sent its result. Whatever never yields one
runs to its end on the caller's stack: no task, no future, no turn of the loop. A coroutine could
be driven by hand in the same way, but its first part would run outside of any task, where
``asyncio.timeout`` and many libraries refuse to work (docs/decisions/hooks-plain-or-awaitable).

Cost model: a generator that is never waited for costs three plain calls. On the way of every publish stand
plain functions, therefore, that do what they can and give the ``Rest``: mostly ``DONE``.

Rules: GEN-1, GEN-3, BAT-1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from inspect import isawaitable
from types import GeneratorType
from typing import Any, TypeAlias, TypeVar

Result = TypeVar("Result")
Steps: TypeAlias = Generator[Awaitable[Any], Any, Result]
Rest: TypeAlias = "Steps[None] | tuple[()]"
"""What a plain function has left to do because a hook may have to be waited for: ``yield from`` it."""

DONE: tuple[()] = ()
"""The rest where nothing is left."""

_CANCELLED = "a hook was cancelled"


def ask(hook: Callable[..., Any], *arguments: Any) -> Steps[Any]:
    """Call a hook and give its answer, waited for only if it must be; hooks of ours may be steps themselves."""
    try:
        answer = hook(*arguments)
    except asyncio.CancelledError as error:  # as in ``call``; every frame counts where publishes are nested (LST-9)
        raise RuntimeError(_CANCELLED) from error
    return answer if is_settled(answer) else (yield from settle(answer))


def is_settled(answer: Any) -> bool:
    """Whether a hook's answer says by itself that there is nothing to wait for, as nearly all do."""
    return answer is None or isinstance(answer, bool)


def settle(answer: Any) -> Steps[Any]:
    """What any other answer comes to: what it returns if it is steps, its result if it can be awaited, else itself."""
    if isinstance(answer, GeneratorType):
        return (yield from answer)
    return (yield answer) if isawaitable(answer) else answer


def call(hook: Callable[..., Any], *arguments: Any) -> Any:
    """Call a hook that is plain, or what makes an awaitable of it.

    Raises RuntimeError for a CancelledError: a hook that runs at once asked for the result of something that was
    cancelled, and nobody cancelled us.
    """
    try:
        return hook(*arguments)
    except asyncio.CancelledError as error:
        raise RuntimeError(_CANCELLED) from error


def call_plainly(hook: Callable[..., Any], *arguments: Any) -> Any:
    """Call a hook where nothing can be waited for, because something is about to be written.

    Raises TypeError for a coroutine function.
    """
    answer = call(hook, *arguments)
    if asyncio.iscoroutine(answer):
        answer.close()
        raise TypeError(f"{hook!r} cannot be awaited here: make it a plain function")
    return answer


def start(
    steps: Steps[Result], create_task: Callable[..., asyncio.Task[Any]], hook_timeout: float = 0.0
) -> tuple[Result | None, asyncio.Task[Result] | None]:
    """Go as far as possible now: the result and no task, or no result and the task that does the rest.

    Args:
        hook_timeout: seconds after which a hook that is waited for has raised TimeoutError; 0 = never (GEN-3).
    """
    try:
        awaited = next(steps)
    except StopIteration as end:
        return end.value, None
    return None, create_task(finish(steps, awaited, hook_timeout))


def begin(steps: Steps[Any] | tuple[()]) -> Rest:
    """Go as far as possible now; what is left to do, whose result does not matter."""
    if not steps:
        return DONE
    try:
        awaited = next(steps)
    except StopIteration:
        return DONE
    return _go_on(steps, awaited)


def _go_on(steps: Steps[Any], awaited: Awaitable[Any]) -> Steps[None]:
    """The rest of steps that wait for this, and have said so to somebody else."""
    try:
        while True:
            try:
                answer = yield awaited
            except BaseException as error:  # noqa: BLE001 - the step decides
                awaited = steps.throw(error)
            else:
                awaited = steps.send(answer)
    except StopIteration:
        return


def fail(error: Exception) -> Steps[None]:
    """Steps that raise this."""
    raise error
    yield  # which makes steps of it


async def finish(steps: Steps[Result], awaited: Awaitable[Any], hook_timeout: float = 0.0) -> Result:
    """Wait for what a step yielded, and go on to its end."""
    while True:
        try:
            try:
                answer = await (asyncio.wait_for(awaited, hook_timeout) if hook_timeout else awaited)
            except asyncio.CancelledError as error:
                awaited = steps.throw(error if is_cancelled_itself() else RuntimeError(_CANCELLED))
            except BaseException as error:  # noqa: BLE001 - the step decides
                awaited = steps.throw(error)
            else:
                awaited = steps.send(answer)
        except StopIteration as end:
            result: Result = end.value
            return result


def is_cancelled_itself() -> bool:
    """Whether a CancelledError is for the task that works here, and not for something that a hook waited for."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0
