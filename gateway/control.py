"""The way between a supervisor and one of its workers: a pair of sockets, frames of JSON, questions with answers.

Both ends are ours, and nobody else holds one: what comes in is believed. If the other end is gone, every question is
answered with ``Gone``; a worker that sees this knows that its supervisor has died.

Source: OPS-45, OPS-60.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import orjson

log = logging.getLogger(__name__)

_LENGTH = struct.Struct("!I")
_LARGEST = 64 * 1024 * 1024

Answerer = Callable[[str, Mapping[str, Any]], Awaitable[Any]]
"""Given what is asked and its arguments; raises Refused for what its asker shall be told."""


class Gone(Exception):
    """The other end has gone, or does not answer in time."""


class Refused(Exception):
    """What was asked could not be done; the kind of the fault, and its text."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Control:
    """One end of it, on the running loop.

    Args:
        end: one socket of a pair; taken over.
        answer: who answers what the other end asks.
        on_told: what the other end tells without being asked.
    """

    def __init__(
        self, end: socket.socket, answer: Answerer | None = None, on_told: Callable[[str], None] | None = None
    ) -> None:
        self._socket = end
        self._answer = answer
        self._on_told = on_told
        self._asked: dict[int, asyncio.Future[Any]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._count = 0
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def open(self) -> None:
        """From here on it can be asked and told."""
        self._reader, self._writer = await asyncio.open_connection(sock=self._socket)

    async def run(self) -> None:
        """Serve until the other end is gone, or this is cancelled."""
        assert self._reader is not None, "open it first"
        try:
            while True:
                self._take(orjson.loads(await _read_frame(self._reader)))
        except (OSError, EOFError):
            return
        finally:
            self.close()

    def close(self) -> None:
        """No more; who waits for an answer is told."""
        for task in self._answering:
            task.cancel()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Gone("it has ended"))
        self._asked.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    async def ask(self, question: str, timeout: float, arguments: Mapping[str, Any]) -> Any:
        """What the other end answers. Raises Gone, Refused."""
        if self._writer is None:
            raise Gone("it is not there")
        self._count += 1
        number = self._count
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        self._send({"id": number, "ask": question, "with": arguments})
        try:
            async with asyncio.timeout(timeout):
                return await future
        except TimeoutError:
            raise Gone(f"it does not answer within {timeout:g} s") from None
        finally:
            self._asked.pop(number, None)

    def tell(self, news: str) -> None:
        """Say something that needs no answer; nothing, if the other end is gone."""
        if self._writer is not None:
            self._send({"tell": news})

    def send(self, content: bytes) -> None:
        """A frame that is not JSON of ours: the first one."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.write(_LENGTH.pack(len(content)) + content)

    def _take(self, frame: dict[str, Any]) -> None:
        match frame:
            case {"tell": news}:
                if self._on_told is not None:
                    self._on_told(news)
            case {"ask": question, "id": number, "with": arguments}:
                task = asyncio.ensure_future(self._reply(number, question, arguments))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case {"id": number, "answer": answer}:
                future = self._asked.get(number)
                if future is not None and not future.done():
                    future.set_result(answer)
            case {"id": number, "refused": [kind, text]}:
                future = self._asked.get(number)
                if future is not None and not future.done():
                    future.set_exception(Refused(kind, text))

    async def _reply(self, number: int, question: str, arguments: Mapping[str, Any]) -> None:
        reply: dict[str, Any]
        try:
            if self._answer is None:
                raise Refused("unknown", f"{question} is not answered here")
            reply = {"id": number, "answer": await self._answer(question, arguments)}
        except Refused as refused:
            reply = {"id": number, "refused": [refused.kind, str(refused)]}
        except Exception as error:
            log.exception("an operator's order failed", extra={"order": question})
            reply = {"id": number, "refused": ["failed", f"{type(error).__name__}: {error}"]}
        self._send(reply)

    def _send(self, frame: dict[str, Any]) -> None:
        self.send(orjson.dumps(frame))


def read_first_frame(end: socket.socket) -> bytes:
    """The first frame of a blocking socket, without a loop. Raises EOFError."""
    (length,) = _LENGTH.unpack(_receive(end, _LENGTH.size))
    return _receive(end, length)


def _receive(end: socket.socket, length: int) -> bytes:
    parts = bytearray()
    while len(parts) < length:
        part = end.recv(length - len(parts))
        if not part:
            raise EOFError("the supervisor has gone")
        parts += part
    return bytes(parts)


async def _read_frame(reader: asyncio.StreamReader) -> bytes:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > _LARGEST:
        raise EOFError("a frame beyond all bounds")
    return await reader.readexactly(length)
