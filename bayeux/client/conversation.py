"""A client's side of a Bayeux conversation: what it says, what it still waits for, what comes next.

Owns the session's id, the message ids, the requests without a reply, the advice in force and
the state. Knows no socket and no loop: the client sends what this makes, hands in what it
receives, and does the step named here after the pause named here.

Source: sections 4 to 9 of the Bayeux reference, CLI-2, CLI-4, CLI-5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from bayeux.client.backoff import Backoff
from bayeux.client.errors import ClientDisconnected, ClientError, HandshakeRefused, RequestRefused
from bayeux.protocol.channel import META_CHANNELS, META_CONNECT, META_DISCONNECT, META_HANDSHAKE

Message = dict[str, Any]
"""A Bayeux message as JSON has it."""

_EVENT_FIELDS = ("channel", "data", "ext")
# MSG-18: no server should send these in an event; old Faye servers do send an id.
_PROTOCOL_FIELDS = ("id", "clientId", "advice")
# What CometD (402) and Faye (401) say of a session they do not know, should the advice be missing.
_SESSION_UNKNOWN = (401, 402)


class State(Enum):
    """How the client stands with its server (CLI-5)."""

    CONNECTING = "connecting"
    """No connect has been answered yet."""
    CONNECTED = "connected"
    """The last connect was answered, the next one is on its way."""
    BROKEN = "broken"
    """The last one was not; it is tried again."""
    DISCONNECTED = "disconnected"
    """Ended, for good."""


class Step(Enum):
    """What the client has to do next."""

    HANDSHAKE = "handshake"
    CONNECT = "connect"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Event:
    """A message published on a channel."""

    channel: str
    data: Any
    ext: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    """What else the publisher put into the message."""


@dataclass(frozen=True, slots=True)
class Advice:
    """What the server asks of its clients (section 6); times in seconds."""

    reconnect: str = "retry"
    interval: float = 0.0
    """Pause before the next connect."""
    timeout: float = 60.0
    """How long the server holds a connect."""
    max_interval: float | None = None
    """After this long without a connect, beyond the two above, the session is gone (ADV-5)."""
    multiple_clients: bool = False
    """The server sees too many clients behind one cookie, and has us poll (COOK-11)."""

    def updated(self, wire: Mapping[str, Any]) -> Advice:
        """The advice that follows this one.

        It replaces all but the time-out, because a server that sends only part of one, with
        a 402, means nothing by the absence of that (ADV-1).
        """
        return Advice(
            reconnect=str(wire.get("reconnect", "retry")),
            interval=_seconds(wire.get("interval")) or 0.0,
            timeout=_seconds(wire.get("timeout")) or self.timeout,
            max_interval=_seconds(wire.get("maxInterval")),
            multiple_clients=wire.get("multiple-clients") is True,
        )


def _seconds(wire: object) -> float | None:
    is_number = isinstance(wire, (int, float)) and not isinstance(wire, bool)
    return max(0.0, wire / 1000) if is_number else None  # type: ignore[operator]


class Exchange:
    """Messages that were sent together and the replies to them."""

    def __init__(self, messages: Sequence[Message], settle: Callable[[], None]) -> None:
        self.messages = messages
        self.error: ClientError | None = None
        """Why there will be no replies."""
        self._replies: dict[str, Message] = {}
        self._settle = settle

    @property
    def replies(self) -> list[Message]:
        """One a message, in the order of the messages; complete once settled without error."""
        return [self._replies[message["id"]] for message in self.messages]

    def answer(self, message_id: str, reply: Message) -> None:
        """Take one reply; the last one settles the exchange."""
        self._replies[message_id] = reply
        if len(self._replies) == len(self.messages):
            self._settle()

    def fail(self, error: ClientError) -> None:
        """Settle without replies."""
        self.error = error
        self._settle()


class Conversation:
    """What the client knows and does next.

    Args:
        clock: seconds, monotonic.
        random: as ``Backoff``.
        on_state: told each new state.
    """

    def __init__(
        self, *, clock: Callable[[], float], random: Callable[[], float], on_state: Callable[[State], None]
    ) -> None:
        self.client_id: str | None = None
        self.advice = Advice()
        self.state = State.CONNECTING
        self.since = clock()
        """When that state began, by the clock given."""
        self.step = Step.HANDSHAKE
        self.pause = 0.0
        """Seconds to wait before the step."""
        self._clock = clock
        self._backoff = Backoff(random)
        self._on_state = on_state
        self._heard = self.since
        self._last_id = 0
        self._exchanges: dict[str, Exchange] = {}

    # -- saying ----------------------------------------------------------------------------

    def message(self, channel: str, fields: Mapping[str, Any]) -> Message:
        """A request of this session, with an id of its own."""
        self._last_id += 1
        session = {} if self.client_id is None else {"clientId": self.client_id}
        return {"id": str(self._last_id), "channel": channel, **session, **fields}

    def handshake(self, connection_types: Iterable[str], ext: Mapping[str, Any]) -> Message:
        """Asks for a new session; whatever session there was is forgotten."""
        self.client_id = None
        fields = {"version": "1.0", "minimumVersion": "1.0", "supportedConnectionTypes": list(connection_types)}
        return self.message(META_HANDSHAKE, {**fields, "ext": dict(ext)} if ext else fields)

    def connect(self, connection_type: str) -> Message:
        """Waits for events; answered at once when that is how we learn that the server is there (NEG-6)."""
        fields: dict[str, Any] = {"connectionType": connection_type}
        if self.state is not State.CONNECTED:
            fields["advice"] = {"timeout": 0}
        return self.message(META_CONNECT, fields)

    def hold(self, connect: Message) -> float:
        """Seconds the server may keep this connect to itself."""
        return 0.0 if "advice" in connect else self.advice.timeout

    # -- waiting for replies ---------------------------------------------------------------

    def expect(self, messages: Sequence[Message], settle: Callable[[], None]) -> Exchange:
        """Watch for the replies to ``messages``, about to be sent; ``settle`` is called once, when it is over."""
        exchange = Exchange(messages, settle)
        self._exchanges.update((message["id"], exchange) for message in messages)
        return exchange

    def abandon(self, exchange: Exchange) -> None:
        """Stop waiting; replies that come later are nobody's."""
        for message in exchange.messages:
            self._exchanges.pop(message["id"], None)

    def fail(self, error: ClientError) -> None:
        """The connection is gone, and with it every reply still to come."""
        failed = dict.fromkeys(self._exchanges.values())
        self._exchanges.clear()
        for exchange in failed:
            exchange.fail(error)

    # -- hearing ---------------------------------------------------------------------------

    def receive(self, messages: Iterable[Message]) -> list[Event]:
        """Match replies with their requests, in whatever order they came; what is left are events (CLI-4)."""
        events = []
        for message in messages:
            channel = message.get("channel")
            if "successful" in message or channel in META_CHANNELS:
                message_id = str(message.get("id"))  # MSG-10: a server may give numbers back
                exchange = self._exchanges.pop(message_id, None)
                if exchange is not None:
                    exchange.answer(message_id, message)
                elif channel == META_DISCONNECT and "id" not in message:
                    self._kicked()
            elif isinstance(channel, str):
                events.append(_event(channel, message))
        return events

    def handshake_answered(self, reply: Message) -> None:
        """The reply to the handshake: a session, another try, or the end.

        Raises HandshakeRefused or ClientDisconnected when it is the end. A refusal without
        advice is: nothing would be different the next time.
        """
        reconnect = self._take_advice(reply)
        client_id = reply.get("clientId")
        if reply.get("successful") is True and isinstance(client_id, str):
            self._unless_ended(reconnect)
            self.client_id = client_id
            self._next(Step.CONNECT, self.advice.interval)
        elif reconnect in ("handshake", "retry"):  # HS-17: a passing reason
            self._next(Step.HANDSHAKE, self.advice.interval + self._backoff.fail())
        else:
            self.stop()
            raise HandshakeRefused(reply)

    def connect_answered(self, reply: Message) -> None:
        """The reply to the connect: the next one, a new session, or the end (CN-21…25).

        Raises ClientDisconnected when it is the end.
        """
        reconnect = self._take_advice(reply)
        pause = self.advice.interval
        if reply.get("successful") is True:
            self._heard = self._clock()
            self._backoff.succeed()
            self._become(State.CONNECTED)
        else:
            pause += self._backoff.fail()
            self._become(State.BROKEN)
            if reconnect is None and RequestRefused(reply).code in _SESSION_UNKNOWN:
                reconnect = "handshake"
        self._unless_ended(reconnect)
        self._next(Step.HANDSHAKE if reconnect == "handshake" else Step.CONNECT, pause)

    def broken(self, *, is_refused: bool) -> None:
        """A handshake or a connect was not answered.

        Args:
            is_refused: the transport itself was turned down, so a handshake is due, which
                looks for another one.
        """
        self._become(State.BROKEN)
        advice, step = self.advice, self.step
        if advice.max_interval is not None:
            life = advice.timeout + advice.interval + advice.max_interval
            if self._clock() - self._heard > life:  # ADV-5
                step = Step.HANDSHAKE
        self._next(Step.HANDSHAKE if is_refused else step, advice.interval + self._backoff.fail())

    def stop(self) -> None:
        """No more steps."""
        self._become(State.DISCONNECTED)
        self._next(Step.STOP, 0.0)
        self.client_id = None

    def _kicked(self) -> None:
        """DSC-6: the server disconnected us without being asked."""
        self.stop()
        self.fail(ClientDisconnected("the server disconnected this client"))

    def _unless_ended(self, reconnect: str | None) -> None:
        if reconnect == "none":  # ADV-8
            self.stop()
            raise ClientDisconnected("the server advised not to reconnect")

    def _take_advice(self, reply: Message) -> str | None:
        wire = reply.get("advice")
        if not isinstance(wire, dict):
            return None
        self.advice = self.advice.updated(wire)
        return wire.get("reconnect")

    def _next(self, step: Step, pause: float) -> None:
        self.step, self.pause = step, pause

    def _become(self, state: State) -> None:
        if state is not self.state and self.state is not State.DISCONNECTED:
            self.state, self.since = state, self._clock()
            self._on_state(state)


def _event(channel: str, message: Message) -> Event:
    ext = message.get("ext")
    left_out = (*_EVENT_FIELDS, *_PROTOCOL_FIELDS)
    fields = {name: value for name, value in message.items() if name not in left_out}
    return Event(channel, message.get("data"), ext if isinstance(ext, dict) else {}, fields)
