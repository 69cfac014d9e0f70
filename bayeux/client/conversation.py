"""A client's side of a Bayeux conversation: what it says, what it still waits for, what comes next.

Owns the session's id, the message ids, the requests without a reply, the advice in force and
the state. Knows no socket and no loop: the client sends what this makes, hands in what it
receives, and does the step named here after the pause named here.

Source: sections 4 to 9 of the Bayeux reference, CLI-2, CLI-4, CLI-5, RPC-4…7.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from typing import Any

from bayeux.client.advice import Advice
from bayeux.client.backoff import Backoff
from bayeux.client.errors import ClientDisconnected, ClientError, HandshakeRefused, RequestRefused, SessionLost
from bayeux.client.event import Event, Message, Position, is_integer, make_event
from bayeux.client.listeners import State, StateChange
from bayeux.client.replay import position_in_ext
from bayeux.protocol.channel import META_CHANNELS, META_CONNECT, META_DISCONNECT, META_HANDSHAKE

# What CometD (402) and Faye (401) say of a session they do not know, should the advice be missing.
_SESSION_UNKNOWN = (401, 402)
_SALESFORCE_UNKNOWN = "403::Unknown client"


class Step(Enum):
    """What the client has to do next."""

    HANDSHAKE = "handshake"
    CONNECT = "connect"
    STOP = "stop"


class Exchange:
    """Messages that were sent together and the replies to them; or a remote call and its answer."""

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
        on_state: told each change of the state.
        position_of: reads the place of an event in its channel's history.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        random: Callable[[], float],
        on_state: Callable[[StateChange], None],
        position_of: Callable[[Message], Position | None] = position_in_ext,
    ) -> None:
        self.client_id: str | None = None
        self.advice: Advice = Advice()
        self.state: State = State.CONNECTING
        self.since: float = clock()
        """When that state began, by the clock given."""
        self.step: Step = Step.HANDSHAKE
        self.pause: float = 0.0
        """Seconds to wait before the step."""
        self._clock = clock
        self._backoff = Backoff(random)
        self._on_state = on_state
        self._position_of = position_of
        self.heard: float = self.since
        """When a connect was answered with success; at first, when the conversation began."""
        self._last_id = 0
        self._exchanges: dict[str, Exchange] = {}
        self._calls: dict[str, Exchange] = {}
        self._announced = 0  # events that come with the handshake and have not come yet (HS-14)
        self._on_announced: Callable[[], None] | None = None

    # -- saying ----------------------------------------------------------------------------

    def message(self, channel: str, fields: Mapping[str, Any]) -> Message:
        """A request of this session, with an id of its own."""
        self._last_id += 1
        session = {} if self.client_id is None else {"clientId": self.client_id}
        return {"id": str(self._last_id), "channel": channel, **session, **fields}

    def handshake(self, connection_types: Iterable[str], fields: Mapping[str, Any]) -> Message:
        """Asks for a new session; whatever session there was is forgotten, and what was called in it.

        Args:
            fields: the application's own; those of the protocol win.
        """
        self.client_id = None
        self._fail_calls(SessionLost("the session was lost, and the answer with it"))
        own = {"version": "1.0", "minimumVersion": "1.0", "supportedConnectionTypes": list(connection_types)}
        return self.message(META_HANDSHAKE, {**fields, **own})

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

    def expect_answer(self, message: Message, settle: Callable[[], None]) -> Exchange:
        """Watch for the answer to a remote call, besides its reply (RPC-4, RPC-5).

        It outlives the connection, because the server queues it, but not the session.
        """
        call = Exchange([message], settle)
        self._calls[message["id"]] = call
        return call

    def abandon(self, exchange: Exchange) -> None:
        """Stop waiting; replies and answers that come later are nobody's (RPC-7)."""
        for message in exchange.messages:
            for waiting in (self._exchanges, self._calls):
                if waiting.get(message["id"]) is exchange:
                    del waiting[message["id"]]

    def fail(self, error: ClientError) -> None:
        """The connection is gone, and with it every reply still to come."""
        failed = dict.fromkeys(self._exchanges.values())
        self._exchanges.clear()
        for exchange in failed:
            exchange.fail(error)

    def _fail_calls(self, error: ClientError) -> None:
        failed, self._calls = self._calls, {}
        for call in failed.values():
            call.fail(error)

    def expect_announced(self, settle: Callable[[], None]) -> bool:
        """Whether events of the handshake are still on their way; ``settle`` is called when they have come (HS-14)."""
        self._on_announced = settle
        return self._announced > 0

    # -- hearing ---------------------------------------------------------------------------

    def receive(self, messages: Iterable[Message]) -> list[Event]:
        """Match replies with their requests, in whatever order they came; what is left are events (CLI-4)."""
        events = []
        for message in messages:
            channel = message.get("channel")
            channel = channel if isinstance(channel, str) else ""  # MSG-4: a reply to what was no message has none
            if self._is_answer(message):
                self._calls.pop(str(message["id"])).answer(str(message["id"]), message)
                self._take_reply(message)
            elif "successful" in message or channel in META_CHANNELS:
                self._take_reply(message)
            elif channel:
                events.append(make_event(channel, message, self._position_of(message)))
                self._count_announced()
        return events

    def _is_answer(self, message: Message) -> bool:
        """RPC-5: the reply to the publish has no data, and a call waits on when it sees that."""
        call = self._calls.get(str(message.get("id")))
        return call is not None and "data" in message and message.get("channel") == call.messages[0]["channel"]

    def _take_reply(self, message: Message) -> None:
        channel, message_id = message.get("channel"), str(message.get("id"))  # MSG-10: a server may give numbers back
        exchange = self._exchanges.pop(message_id, None)
        if exchange is None:
            if channel == META_DISCONNECT and "id" not in message:
                self._kicked()
            return
        if channel == META_HANDSHAKE:
            announced = message.get("x-messages")
            self._announced = announced if is_integer(announced) else 0
        exchange.answer(message_id, message)

    def _count_announced(self) -> None:
        if self._announced > 0:
            self._announced -= 1
            if self._announced == 0 and self._on_announced is not None:
                self._on_announced()

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
            refused = HandshakeRefused(reply)
            self.stop(f"handshake refused: {refused}")
            raise refused

    def connect_answered(self, reply: Message) -> None:
        """The reply to the connect: the next one, a new session, or the end (CN-21…25).

        Raises ClientDisconnected when it is the end.
        """
        reconnect = self._take_advice(reply)
        pause = self.advice.interval
        if reply.get("successful") is True:
            self.heard = self._clock()
            self._backoff.succeed()
            self._become(State.CONNECTED)
        else:
            refused = RequestRefused(reply)
            pause += self._backoff.fail()
            self._become(State.BROKEN, f"connect refused: {refused}")
            if reconnect is None and (refused.code in _SESSION_UNKNOWN or refused.error == _SALESFORCE_UNKNOWN):
                reconnect = "handshake"
        self._unless_ended(reconnect)
        self._next(Step.HANDSHAKE if reconnect == "handshake" else Step.CONNECT, pause)

    def broken(self, *, is_refused: bool, reason: str = "") -> None:
        """A handshake or a connect was not answered.

        Args:
            is_refused: the transport or the credentials were turned down, so a handshake is due,
                which looks for others.
            reason: for who is told of the state.
        """
        self._become(State.BROKEN, reason)
        advice, step = self.advice, self.step
        if advice.max_interval is not None:
            life = advice.timeout + advice.interval + advice.max_interval
            if self._clock() - self.heard > life:  # ADV-5
                step = Step.HANDSHAKE
        if self._announced:  # they are lost, and a session that begins anew is given them again
            step, self._announced = Step.HANDSHAKE, 0
        self._next(Step.HANDSHAKE if is_refused else step, advice.interval + self._backoff.fail())

    def stop(self, reason: str = "") -> None:
        """No more steps, and no more answers."""
        self._become(State.DISCONNECTED, reason)
        self._next(Step.STOP, 0.0)
        self.client_id = None
        self._fail_calls(ClientDisconnected(reason or "the client has ended"))

    def _kicked(self) -> None:
        """DSC-6: the server disconnected us without being asked."""
        self.stop("the server disconnected this client")
        self.fail(ClientDisconnected("the server disconnected this client"))

    def _unless_ended(self, reconnect: str | None) -> None:
        if reconnect == "none":  # ADV-8
            self.stop("the server advised not to reconnect")
            raise ClientDisconnected("the server advised not to reconnect")

    def _take_advice(self, reply: Message) -> str | None:
        wire = reply.get("advice")
        if not isinstance(wire, dict):
            return None
        self.advice = self.advice.updated(wire)
        return wire.get("reconnect")

    def _next(self, step: Step, pause: float) -> None:
        self.step, self.pause = step, pause

    def _become(self, state: State, reason: str = "") -> None:
        if state is not self.state and self.state is not State.DISCONNECTED:
            former, former_since = self.state, self.since
            self.state, self.since = state, self._clock()
            self._on_state(StateChange(state, former, self.since, self.since - former_since, reason))
