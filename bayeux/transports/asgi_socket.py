"""A WebSocket of an ASGI server: texts in, texts out.

Two coroutines work for it: one reads, one writes. What is to be written waits here until the server has taken what
came before; that is short, because events wait in the session's queue as long as the server is behind.

The server owns the frames: fragments, masks, pings and pongs, compression, the bound of what it keeps unsent. Above
that all rules of our own sockets hold, also the size of a message: larger ones than ``ws_max_message_size`` close it,
but the server has read them by then, so give it the same bound.

Source: ASGI 3.0, WebSocket; WS-2, WS-7, WS-9, WS-11, WS-19…21, WS-32, SEC-L7, SEC-L17.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence

from bayeux.protocol import frames
from bayeux.protocol.encoded import Batch
from bayeux.transports.adopted.http import HttpRequest
from bayeux.transports.asgi_request import Agreed, AsgiRequest, Event, Receive, Send, pairs_of
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.websocket import NOTHING, WebSocket, agreed_headers

log: logging.Logger = logging.getLogger(__name__)


class AsgiSocket(WebSocket):
    """A socket whose frames are the ASGI server's to read and write."""

    __slots__ = (
        "_headers",
        "_is_sending",
        "_is_written",
        "_something_to_write",
        "_unsent",
        "_unsent_bytes",
        "next_look",
    )

    def __init__(self, agreed: Agreed) -> None:
        super().__init__(agreed.exchange, agreed.exchange.mount.server.clock)
        self.next_look: float = 0.0
        """For ``Deadlines``."""
        self._headers = agreed.headers
        self._unsent: deque[tuple[Event, int]] = deque()  # with their sizes in bytes
        self._unsent_bytes = 0
        self._is_sending = False
        self._something_to_write = asyncio.Event()
        self._is_written = asyncio.Event()

    # -- the server tells ----------------------------------------------------------------------

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Write the events, then one text with the replies (WS-11)."""
        texts = events.arrays if events.messages else []
        if replies:
            texts = [*texts, b"[" + b",".join(replies) + b"]"]
        for text in texts or [NOTHING]:
            self.say(text)

    def say(self, text: bytes) -> None:
        """See WebSocket."""
        self.touch()
        self._server.counters.bytes_sent[self.name] += len(text)
        self._put({"type": "websocket.send", "text": text.decode()}, len(text))

    def close(self, code: int, reason: str) -> None:
        """Say good-bye; nothing else is written (WS-20)."""
        if not self.closed:
            self._put({"type": "websocket.close", "code": code, "reason": reason}, 0)
            self.end()

    def end(self) -> None:
        """See WebSocket."""
        super().end()
        self._something_to_write.set()

    # -- the ASGI server's side ----------------------------------------------------------------

    async def live(self, receive: Receive, send: Send) -> None:
        """Open the socket, and be there until it is over."""
        deadlines = self._server.deadlines
        protocol = self._context.options.ws_protocol or None
        self._put({"type": "websocket.accept", "subprotocol": protocol, "headers": self._headers}, 0)
        deadlines.watch(self, self.look(self._clock()))
        reading = asyncio.ensure_future(self._read_on(receive))
        try:
            await self._write_on(send)
        finally:
            self.lost()
            deadlines.forget(self)
            reading.cancel()
            await asyncio.wait((reading,))
            if not reading.cancelled() and (error := reading.exception()) is not None:
                log.error("a socket could not be read", exc_info=error)

    async def _read_on(self, receive: Receive) -> None:
        """Take one message after the other; no more while something is unsent or hooks are awaited (WS-9, WS-21)."""
        try:
            while not self.closed:
                event = await receive()
                if event["type"] != "websocket.receive":
                    break
                await self._take(event.get("text"))
                while self._unsent and not self.closed:
                    self._is_written.clear()
                    await self._is_written.wait()
        finally:
            self.lost()

    async def _take(self, text: str | None) -> None:
        if text is None:
            self.take_binary()
            return
        message = text.encode()
        bound = self._context.options.ws_max_message_size
        self.touch()
        self._server.counters.bytes_received[self.name] += len(message)
        if bound and len(message) > bound:
            self._server.reject("SEC-L7")
            self.close(frames.TOO_BIG, "message too big")
            return
        work = self.take_message(message)
        if work is not None:
            await asyncio.wait((work,))
            self.take_result(work)

    async def _write_on(self, send: Send) -> None:
        """Write what is put, until the good-bye or the end."""
        seconds = self._context.options.ws_write_timeout
        try:
            while await self._is_anything_to_write():
                event, size = self._unsent[0]
                self._is_sending = True
                async with asyncio.timeout(seconds):
                    await send(event)
                self._is_sending = False
                self._took(size)
        except TimeoutError:
            self._server.reject("SEC-L17")
        except (OSError, RuntimeError):
            pass  # it has gone; servers tell of it as OSError, and of a close of their own as of a mistake of ours

    async def _is_anything_to_write(self) -> bool:
        if not self._unsent and not self.closed:
            self._something_to_write.clear()
            await self._something_to_write.wait()
        return bool(self._unsent)

    def _took(self, size: int) -> None:
        """The server has taken the oldest of what was unsent."""
        if self._unsent:  # not cut off meanwhile
            self._unsent.popleft()
            self._unsent_bytes -= size
        if not self._unsent:
            self._is_written.set()
            if not self.writable:
                self.write_resumed()

    def _put(self, event: Event, size: int) -> None:
        """Have this written; a peer that leaves more than ``ws_max_write_buffer`` unread is cut off (WS-21)."""
        if self._is_sending:  # the server has not taken what came before: it is behind
            if self._unsent_bytes + size > self._context.options.ws_max_write_buffer:
                self._server.reject("SEC-L17")
                self._unsent.clear()
                self.end()
                return
            if self.writable:
                self.write_paused()
        self._unsent.append((event, size))
        self._unsent_bytes += size
        self._something_to_write.set()


def agree(asked: AsgiRequest, exchange: HttpExchange, request: HttpRequest) -> None:
    """Grant an upgrade, or say why not (WS-2, WS-32)."""
    lines = agreed_headers(exchange, request)
    if lines is not None:
        asked.settle(Agreed(exchange, pairs_of(lines)))
