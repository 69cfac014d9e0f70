"""Clients that others wrote, each behind the same few words, so that one suite tests them all.

Those in JavaScript are child processes (``clients/*.mjs``) that take commands and tell events as
JSON lines; ``aiocometd-ng`` runs in the test's own loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import pytest

HERE = Path(__file__).parent
CLIENTS = HERE / "clients"
PATIENCE = 60.0  # seconds; what has not happened by then will not

Message = dict[str, Any]


class ForeignClient(Protocol):
    """What the suite asks of every client."""

    async def open(self, url: str, *, transports: Sequence[str] | None = None) -> None:
        """Handshake and connect, choosing from these transports (None: all)."""

    async def subscribe(self, channel: str) -> Message:
        """The reply of /meta/subscribe; from here on the client makes this subscription again by itself."""

    async def unsubscribe(self, channel: str) -> Message:
        """The reply of /meta/unsubscribe."""

    async def listen(self, channel: str) -> None:
        """Hear what the server delivers on a service channel."""

    async def publish(self, channel: str, data: Any) -> Message:
        """The reply of the publish."""

    async def message(self) -> Message:
        """The next event that reached the application: at least channel and data."""

    async def connected(self) -> str:
        """Waits for the next successful connect; the name of the transport that carried it."""

    async def disconnect(self) -> Message:
        """The reply of /meta/disconnect."""


class Driven:
    """A child process that does what it is asked; its events wait in one queue a kind."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._events: dict[tuple[str | None, str], asyncio.Queue[Message]] = defaultdict(asyncio.Queue)
        self._reading = asyncio.create_task(self._read())

    async def ask(self, command: str, **details: Any) -> Any:
        """Have one command done; gives its answer, raises AssertionError with the process's words if it failed."""
        id = len(self._answers) + 1
        self._answers[id] = answer = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": id, "command": command, **details}).encode() + b"\n")
        async with asyncio.timeout(PATIENCE):
            return await answer

    async def hear(self, event: str, *, tab: str | None = None) -> Message:
        """Take the next event of a kind."""
        async with asyncio.timeout(PATIENCE):
            return await self._events[tab, event].get()

    def heard(self, event: str, *, tab: str | None = None) -> list[Message]:
        """All events of a kind that nobody took."""
        queue = self._events[tab, event]
        return [queue.get_nowait() for _ in range(queue.qsize())]

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            told = json.loads(line)
            if "event" in told:
                self._events[told.get("tab"), told["event"]].put_nowait(told)
            elif "error" in told:
                self._answers[told["answer"]].set_exception(AssertionError(told["error"]))
            else:
                self._answers[told["answer"]].set_result(told["value"])
        for answer in self._answers.values():
            if not answer.done():
                answer.set_exception(AssertionError("the client's process has ended"))

    async def end(self) -> None:
        """Close the process's stdin, which ends it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        await self._reading


@asynccontextmanager
async def driven(script: str, *arguments: str) -> AsyncIterator[Driven]:
    """A process of ``clients/<script>``; its stderr is the test's."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(CLIENTS / script),
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=1024 * 1024,
    )
    child = Driven(process)
    try:
        yield child
    finally:
        await child.end()


class JavaScriptClient:
    """A Conversation of ``clients/conversation.mjs`` or its like, in Node or in a browser's tab."""

    def __init__(self, process: Driven, *, tab: str | None = None) -> None:
        self.process = process
        self.tab = tab

    async def ask(self, command: str, **details: Any) -> Any:
        """One command of the conversation."""
        if self.tab is None:
            return await self.process.ask(command, **details)
        return await self.process.ask("converse", tab=self.tab, converse={"command": command, **details})

    async def hear(self, event: str) -> Message:
        """The next event of a kind."""
        return await self.process.hear(event, tab=self.tab)

    def heard(self, event: str) -> list[Message]:
        """All events of a kind that nobody took."""
        return self.process.heard(event, tab=self.tab)

    async def open(
        self,
        url: str,
        *,
        transports: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        props: Mapping[str, Any] | None = None,
        extensions: Sequence[str] = (),
    ) -> None:
        """As ForeignClient; ``props`` are added to the handshake, ``headers`` to requests over HTTP.

        ``extensions`` are the library's own, by the names of their classes.
        """
        details = {"headers": headers or {}, "props": props or {}, "extensions": extensions}
        await self.ask("open", url=url, transports=transports, **details)

    async def subscribe(self, channel: str) -> Message:
        reply: Message = await self.ask("subscribe", channel=channel)
        return reply

    async def subscribe_together(self, *channels: str) -> Message:
        """One /meta/subscribe for all."""
        reply: Message = await self.ask("subscribeTogether", channels=channels)
        return reply

    async def unsubscribe(self, channel: str) -> Message:
        reply: Message = await self.ask("unsubscribe", channel=channel)
        return reply

    async def listen(self, channel: str) -> None:
        await self.ask("listen", channel=channel)

    async def publish(self, channel: str, data: Any) -> Message:
        reply: Message = await self.ask("publish", channel=channel, data=data)
        return reply

    async def remote_call(self, target: str, data: Any, **details: Any) -> Message:
        """What the application's callback is given; ``patience`` is the client's, in milliseconds."""
        answer: Message = await self.ask("remoteCall", target=target, data=data, **details)
        return answer

    async def batch(self, *messages: Message) -> list[Message]:
        """Publish all in one request or frame."""
        replies: list[Message] = await self.ask("batch", messages=messages)
        return replies

    async def message(self) -> Message:
        told = await self.hear("message")
        message: Message = told["message"]
        return message

    async def connected(self) -> str:
        while True:
            reply = await self.hear("connect")
            if reply["successful"]:
                transport: str = reply["transport"]
                return transport

    async def disconnect(self) -> Message:
        reply: Message = await self.ask("disconnect")
        return reply


def node() -> str:
    """The path of Node; ends the test if it or the npm packages are not there."""
    path = shutil.which("node")
    if path is None:
        lacking("node is not installed")
    if not (HERE / "node_modules" / "cometd").is_dir():
        lacking("run `npm ci` in tests/interop (make test does)")
    return path


def chromium() -> str:
    """The path of Chromium; ends the test if it is not there."""
    path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if path is None:
        lacking("chromium is not installed")
    return path


def lacking(what: str) -> NoReturn:
    """Skip on a developer's machine; in CI a test that can't run has failed."""
    if os.environ.get("CI") == "true":
        pytest.fail(what)
    pytest.skip(what)
