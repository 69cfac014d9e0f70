"""One client of a load test, as a state machine: replies in, requests out, no socket and no clock.

It does what a browser's library does, and no more: handshake, a first connect with its subscriptions in one
batch, then connects that the server holds. It heeds advice. Ids are constant where nothing depends on them, so that
servers answer many sessions with the same bytes.

Source: sections 3…6 of the Bayeux reference; the acknowledge extension.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

import orjson

from gateway.bench.hearing import Hearing
from gateway.bench.marks import Content, Reply

MAX_ATTEMPTS = 4  # in a row
_FIRST_PAUSE = 0.2  # seconds, doubled with each further attempt
_SUBSCRIPTIONS_A_MESSAGE = 100
_JOIN = "join"


class State(Enum):
    """Of one session."""

    NEW = "new"
    HANDSHAKING = "handshaking"
    JOINING = "joining"
    CONNECTED = "connected"
    LEAVING = "leaving"
    ENDED = "ended"


class Carrier(Protocol):
    """Takes a session's requests to the server, in order; connects of their own accord when there is no connection."""

    def send(self, body: bytes) -> None:
        """Any request but the held connect."""

    def send_connect(self, body: bytes) -> None:
        """The connect that the server may hold."""

    def close(self) -> None:
        """Forget all connections; the next request opens them again."""


class Owner(Protocol):
    """Whom a session tells what happens to it."""

    def hear(self, session: Session, content: Content) -> None:
        """Events have come."""

    def ready(self, session: Session) -> None:
        """It is connected and subscribed, for the first time or again."""

    def answered(self, session: Session, id: str, refusal: str | None) -> None:
        """A publish was taken, or refused with these words."""

    def troubled(self, session: Session, words: str) -> None:
        """Something went wrong that it will try again."""

    def ended(self, session: Session, words: str | None) -> None:
        """It has gone: as it was told to, or for these words."""

    def wake_later(self, session: Session, seconds: float) -> None:
        """Call ``wake`` then."""


@dataclass(frozen=True, slots=True)
class Manners:
    """What all sessions of a run have in common."""

    connection_type: str
    ack: bool = False
    log_in: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


class Session:
    """One client.

    Args:
        index: its number in its part of the workload.
        channels: what it subscribes to.
    """

    __slots__ = (
        "_attempts",
        "_awaited",
        "_batch",
        "_connect",
        "_interval",
        "_is_waiting",
        "_manners",
        "carrier",
        "channels",
        "client_id",
        "hearing",
        "index",
        "owner",
        "state",
    )

    def __init__(self, index: int, channels: Sequence[str], manners: Manners, owner: Owner) -> None:
        self.index = index
        self.channels = channels
        self.owner = owner
        self.carrier: Carrier | None = None
        """Give it one before ``open``."""
        self.client_id = ""
        self.state = State.NEW
        self.hearing = Hearing()
        self._manners = manners
        self._attempts = 0
        self._awaited = 0
        self._interval = 0.0
        self._batch: int | None = None
        self._connect = b""
        self._is_waiting = False

    # What it is told to do ---------------------------------------------------------------------

    def open(self) -> None:
        """Begin, or begin anew."""
        self.state = State.HANDSHAKING
        self.client_id, self._batch, self._interval = "", None, 0.0
        manners = self._manners
        handshake: dict[str, Any] = {
            "channel": "/meta/handshake",
            "version": "1.0",
            "minimumVersion": "1.0",
            "supportedConnectionTypes": [manners.connection_type],
            "id": "handshake",
        }
        if manners.log_in:
            handshake.update(manners.log_in[self.index % len(manners.log_in)])
        if manners.ack:
            handshake["ext"] = {**handshake.get("ext", {}), "ack": True}
        self._carrier.send(orjson.dumps([handshake]))

    def publish(self, body: bytes) -> None:
        """Send what ``marks.message_parts`` began."""
        self._carrier.send(body)

    def leave(self) -> None:
        """Disconnect, as soon as there is a session; ``ended`` follows."""
        if self.state is State.NEW or self._is_waiting:
            self._end(None)
        elif self.state not in (State.LEAVING, State.ENDED):
            self.state = State.LEAVING
            if self.client_id:
                self._disconnect()

    def wake(self) -> None:
        """The pause asked for with ``wake_later`` is over."""
        if not self._is_waiting:
            return
        self._is_waiting = False
        if self.state is State.HANDSHAKING:
            self._carrier.close()
            self.open()
        elif self.state is State.CONNECTED:
            self._send_connect()

    # What comes --------------------------------------------------------------------------------

    def take(self, content: Content) -> None:
        """One body from the server, or several."""
        if content.marks:
            self.owner.hear(self, content)
        for reply in content.replies:
            self._take_reply(reply)

    def lost(self, words: str) -> None:
        """The carrier lost the connection that everything, or the held connect, depends on."""
        if self.state is State.LEAVING:
            self._end(None)
        elif self.state is not State.ENDED:
            self._try_again(words)

    def lost_request(self, words: str) -> None:
        """A request will not be answered; the held connect is not concerned."""
        if self.state is State.CONNECTED:
            self.owner.troubled(self, words)
        else:
            self.lost(words)

    def denied(self, words: str) -> None:
        """Not the session but the transport was refused, by an HTTP status."""
        if self.state is State.CONNECTED:
            self._try_again(words)
        else:
            self._end(words)

    def _take_reply(self, reply: Reply) -> None:
        channel, is_successful = reply.get("channel"), reply.get("successful") is True
        if self.state is State.ENDED:
            return
        if channel == "/meta/connect":
            self._take_connect(reply, is_successful)
        elif channel == "/meta/handshake":
            self._take_handshake(reply, is_successful)
        elif channel == "/meta/subscribe":
            self._take_join(reply, is_successful)
        elif channel == "/meta/disconnect":
            self._end(None)
        else:
            self.owner.answered(self, str(reply.get("id")), None if is_successful else refusal(reply))

    def _take_handshake(self, reply: Reply, is_successful: bool) -> None:
        if self.state not in (State.HANDSHAKING, State.LEAVING):
            return
        client_id = reply.get("clientId")
        if not is_successful or not isinstance(client_id, str):
            self._refused(reply)
            return
        self.client_id = client_id
        if self.state is State.LEAVING:
            self._disconnect()
        else:
            self._take_advice(reply)
            self._join()

    def _join(self) -> None:
        self.state = State.JOINING
        client_id = self.client_id
        connect = {
            "channel": "/meta/connect",
            "clientId": client_id,
            "connectionType": self._manners.connection_type,
            "id": "connect",
        }
        self._connect = orjson.dumps([connect])
        first = {**connect, "id": _JOIN, "advice": {"timeout": 0}}
        if self._manners.ack:
            first["ext"] = {"ack": -1}
        names, size = self.channels, _SUBSCRIPTIONS_A_MESSAGE
        subscribes = [
            {
                "channel": "/meta/subscribe",
                "clientId": client_id,
                "subscription": names[0] if len(names) == 1 else list(names[start : start + size]),
                "id": "subscribe",
            }
            for start in range(0, len(names), size)
        ]
        self._awaited = 1 + len(subscribes)
        self._carrier.send(orjson.dumps([first, *subscribes]))

    def _take_join(self, reply: Reply, is_successful: bool) -> None:
        if self.state is not State.JOINING:
            return
        if not is_successful:
            self._refused(reply)
            return
        self._awaited -= 1
        if self._awaited == 0:
            self.state = State.CONNECTED
            self._attempts = 0
            self._connect_after(self._interval)
            self.owner.ready(self)

    def _take_connect(self, reply: Reply, is_successful: bool) -> None:
        self._take_advice(reply)
        if self._manners.ack:
            batch = (reply.get("ext") or {}).get("ack")
            self._batch = batch if isinstance(batch, int) else self._batch
        if self.state is State.JOINING:
            self._take_join(reply, is_successful)
        elif self.state is State.CONNECTED:
            if is_successful and (reply.get("advice") or {}).get("reconnect", "retry") == "retry":
                self._attempts = 0
                self._connect_after(self._interval)
            else:
                self._refused(reply)

    def _take_advice(self, reply: Reply) -> None:
        interval = (reply.get("advice") or {}).get("interval")
        if isinstance(interval, (int, float)):
            self._interval = max(0.0, interval / 1000)

    # What follows ------------------------------------------------------------------------------

    def _connect_after(self, seconds: float) -> None:
        if seconds:
            self._wait(seconds)
        else:
            self._send_connect()

    def _disconnect(self) -> None:
        message = {"channel": "/meta/disconnect", "clientId": self.client_id, "id": "disconnect"}
        self._carrier.send(orjson.dumps([message]))

    def _send_connect(self) -> None:
        body = self._connect
        if self._batch is not None:
            body = b'%b,"ext":{"ack":%d}}]' % (body[:-2], self._batch)
        self._carrier.send_connect(body)

    def _refused(self, reply: Reply) -> None:
        advised = (reply.get("advice") or {}).get("reconnect")
        words = refusal(reply)
        if self.state is not State.CONNECTED or advised == "none":
            # Advice to come again later is for users; whoever tests wants to know what to raise.
            self._end(words)
        elif advised == "handshake":
            self._try_again(words, State.HANDSHAKING)
        else:
            self._try_again(words)

    def _try_again(self, words: str, state: State | None = None) -> None:
        self._attempts += 1
        if self._attempts > MAX_ATTEMPTS:
            self._end(words)
            return
        self.owner.troubled(self, words)
        if state is not None or self.state is State.JOINING:
            self.state = State.HANDSHAKING
        self._wait(self._interval + _FIRST_PAUSE * 2 ** (self._attempts - 1))

    def _wait(self, seconds: float) -> None:
        if not self._is_waiting:
            self._is_waiting = True
            self.owner.wake_later(self, seconds)

    def _end(self, words: str | None) -> None:
        if self.state is State.ENDED:
            return
        self.state = State.ENDED
        self._carrier.close()
        self.carrier = None
        self.owner.ended(self, words)

    @property
    def _carrier(self) -> Carrier:
        assert self.carrier is not None, "give it a carrier before it opens"
        return self.carrier


def refusal(reply: Reply) -> str:
    """What a server said no to, and its words."""
    request = str(reply.get("channel")).removeprefix("/meta/")
    request = "publish" if request.startswith("/") else request
    return f"{request} refused: {reply.get('error', 'without a reason')}"
