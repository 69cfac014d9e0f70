"""One connection to a broker that speaks STOMP 1.2: frames that are confirmed by receipts, and messages that come.

Frames are read and written by stompman. Its client is not used: it connects again by itself, and subscribes anew behind
the back of who has not acknowledged yet.

Source: MRE-133, MRE-137, MRE-139.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from itertools import count
from typing import Any, Final, Protocol, Self, TypeAlias, cast

import stompman

from bayeux.protocol.errors import Unavailable
from gateway.routing.bus.broker import Broker

HEART_BEAT: Final = 10.0
"""Seconds after which each side says something, if only a heart-beat."""
SILENCE: Final = 2.5 * HEART_BEAT
"""Seconds without a byte from the broker; then the connection is given up."""
PATIENCE: Final = 5.0
"""Seconds for connecting, and for a receipt."""
CHUNK: Final = 64 * 1024

Frame: TypeAlias = stompman.AnyClientFrame
Headers = Mapping[str, str]


class BrokerAway(Unavailable):
    """The broker cannot be reached; ``why`` is for operators, and names no password."""

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why


class Subscriber(Protocol):
    """Who is given what comes."""

    def message(self, headers: Headers, body: bytes) -> None:
        """One more; must not raise."""

    def lost(self, why: str) -> None:
        """The connection is no more; nothing else comes."""


class StompConnection:
    """Made by ``open``; ``run`` it as a task, until it is lost."""

    def __init__(self, broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._broker = broker
        self._reader, self._writer = reader, writer
        self._parser = stompman.FrameParser()
        self._numbers = count(1)
        self._receipts: dict[str, asyncio.Future[str]] = {}
        """Each is told why it will not come, or an empty text."""
        self._subscribers: dict[str, Subscriber] = {}
        self._lost_by = ""

    @classmethod
    async def open(cls, broker: Broker) -> Self:
        """Connect and log in. Raises BrokerAway."""
        try:
            async with asyncio.timeout(PATIENCE):
                tls = ssl.create_default_context() if broker.tls else None
                reader, writer = await asyncio.open_connection(broker.host, broker.port, ssl=tls)
                connection = cls(broker, reader, writer)
                try:
                    await connection._log_in()
                except BaseException:
                    writer.transport.abort()
                    raise
        except (OSError, EOFError, TimeoutError) as error:
            cause = "it does not answer in time" if isinstance(error, TimeoutError) else error
            raise BrokerAway(
                f"{broker} cannot be reached ({cause}): is it running, and is the address right?"
            ) from error
        return connection

    async def run(self) -> str:
        """Take in what comes, until the connection is lost; says why."""
        beating = asyncio.create_task(self._beat(), name=f"{self._broker}: heart-beats")
        try:
            while True:
                async with asyncio.timeout(SILENCE):
                    frames = await self._read()
                for frame in frames:
                    self._take(frame)
        except TimeoutError:
            self._lose(f"{self._broker} is lost: it has fallen silent")
        except (OSError, EOFError) as error:
            self._lose(f"{self._broker} is lost: {error}")
        except (ValueError, LookupError) as error:
            self._lose(f"{self._broker} is left: it says what is no STOMP 1.2 ({type(error).__name__})")
        finally:
            beating.cancel()
            self._lose(f"{self._broker} was left")
        return self._lost_by

    async def confirm(self, *frames: Frame) -> None:
        """Write these; returns when the broker has done them all. Raises BrokerAway: perhaps it has."""
        if self._lost_by:
            raise BrokerAway(self._lost_by)
        waiting = []
        for frame in frames:
            number = f"r{next(self._numbers)}"
            headers = cast(dict[str, str], frame.headers)
            headers["receipt"] = number
            self._receipts[number] = asyncio.get_running_loop().create_future()
            waiting.append(self._receipts[number])
            self._writer.write(stompman.dump_frame(frame))
        _, late = await asyncio.wait(waiting, timeout=PATIENCE)
        if late:
            self._lose(f"{self._broker} does not confirm what it is sent")
        for receipt in waiting:
            if receipt.result():
                raise BrokerAway(receipt.result())

    async def subscribe(self, subscriber: Subscriber, destination: str, headers: Headers) -> str:
        """Be given what comes there; the subscription's id. Raises BrokerAway."""
        id = f"s{next(self._numbers)}"
        self._subscribers[id] = subscriber
        try:
            await self.confirm(frame(stompman.SubscribeFrame, {"id": id, "destination": destination, **headers}))
        except BrokerAway:
            self._subscribers.pop(id, None)
            raise
        return id

    async def unsubscribe(self, id: str) -> None:
        """Be given no more; what was not acknowledged goes back. Raises BrokerAway."""
        self._subscribers.pop(id, None)
        await self.confirm(frame(stompman.UnsubscribeFrame, {"id": id}))

    async def _log_in(self) -> None:
        beat = int(HEART_BEAT * 1000)
        headers = {"accept-version": "1.2", "host": self._broker.host, "heart-beat": f"{beat},{beat}"}
        if self._broker.login:
            headers |= {"login": self._broker.login, "passcode": self._broker.passcode}
        self._writer.write(stompman.dump_frame(frame(stompman.ConnectFrame, headers)))
        while True:
            for each in await self._read():
                if isinstance(each, stompman.ConnectedFrame):
                    return
                if isinstance(each, stompman.ErrorFrame):
                    # Whatever the broker says here may repeat what we have sent.
                    raise BrokerAway(f"{self._broker} refuses the log-in: check login and passcode")

    async def _read(self) -> list[Any]:
        chunk = await self._reader.read(CHUNK)
        if not chunk:
            raise EOFError("it has closed the connection")
        return list(self._parser.parse_frames_from_chunk(chunk))

    def _take(self, each: Any) -> None:
        match each:
            case stompman.MessageFrame():
                subscriber = self._subscribers.get(each.headers["subscription"])
                if subscriber is not None:
                    subscriber.message(cast(Headers, each.headers), each.body)
            case stompman.ReceiptFrame():
                receipt = self._receipts.pop(each.headers["receipt-id"], None)
                if receipt is not None:
                    receipt.set_result("")
            case stompman.ErrorFrame():
                raise OSError(each.headers.get("message", "it has sent an error"))
            case _:
                pass  # a heart-beat

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(HEART_BEAT / 2)
            self._writer.write(b"\n")

    def _lose(self, why: str) -> None:
        """Once: all who wait are told."""
        if self._lost_by:
            return
        self._lost_by = why
        for receipt in self._receipts.values():
            receipt.set_result(why)
        self._receipts.clear()
        for subscriber in self._subscribers.values():
            subscriber.lost(why)
        self._subscribers.clear()
        self._writer.transport.abort()


def frame(kind: type[Any], headers: Headers, **body: bytes) -> Any:
    """A frame with any headers: stompman's types know the common ones only.

    Args:
        body: ``body``, of a frame that has one.
    """
    return kind(headers=dict(headers), **body)
