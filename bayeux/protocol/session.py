"""One client's life: requests in, effects out.

Owns what a session knows of itself: its state, subscriptions, waiting events, the held connect
and the expiry clock. Knows nothing of sockets, other sessions or the time, which is an argument.
What may happen in which state stands in ``transitions.TRANSITIONS``.

Source: sections 3…7 and 9 of the Bayeux reference.
"""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from bayeux.protocol import advice as advices
from bayeux.protocol import subscriptions
from bayeux.protocol.acknowledgement import Acknowledgement, batch_number
from bayeux.protocol.advice import Advice
from bayeux.protocol.channel import ChannelName, Kind
from bayeux.protocol.delivery import DeliveryQueue
from bayeux.protocol.effects import (
    Dismiss,
    Effect,
    End,
    EndReason,
    HeldConnect,
    Hold,
    Publish,
    Release,
    Reply,
    Subscribe,
    Unsubscribe,
)
from bayeux.protocol.errors import (
    ConnectionTypesUnsupported,
    ParameterMissing,
    SessionUnknown,
    SubscribeDenied,
    UnsubscribeFailed,
    VersionUnsupported,
)
from bayeux.protocol.message import Message, failed, subscriptions_of
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply as ReplyFields
from bayeux.protocol.subscriptions import Subscriptions

NEVER = math.inf
# FC: Faye's name for our long-polling when it crosses origins (HS-3, LP-10).
CROSS_ORIGIN_LONG_POLLING = "cross-origin-long-polling"


class State(StrEnum):
    """SES-1; a session that is over never comes back."""

    NEW = "new"
    HANDSHAKEN = "handshaken"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    EXPIRED = "expired"


_ALIVE = (State.CONNECTED, State.HANDSHAKEN)


class Arrival(NamedTuple):
    """How a message came; a tuple because one is made for each.

    Args:
        now: seconds on the caller's monotonic clock.
        transport: name of the transport that carried it.
        streaming: that transport can push; only a connect that must say something is answered early (WS-10).
        alone: it has its body or frame for itself (CN-6).
        busy: another request of the session is being processed and will take its events (CN-4).
        crowded: the browser holds all the connects it may (COOK-11).
        leaving: the server is going; seconds until the client should come to another one (DSC-11).
    """

    now: float
    transport: str
    streaming: bool = False
    alone: bool = True
    busy: bool = False
    crowded: bool = False
    leaving: float | None = None


class BayeuxSession:
    """One client's life, as a state machine without input or output.

    Args:
        client_id: its id, from ``new_client_id``.
        options: those of the mount and transport it came by; a later connect may bring others.
    """

    __slots__ = (
        "_subscriptions",
        "acknowledgement",
        "advised",
        "batches",
        "client_id",
        "connect_only",
        "expires_at",
        "held",
        "interval",
        "is_batching",
        "is_over",
        "is_processing",
        "max_interval",
        "may_push",
        "options",
        "queue",
        "state",
        "timeout",
    )

    def __init__(self, client_id: str, options: Options) -> None:
        self.client_id: str = client_id
        self.options: Options = options
        self.state: State = State.NEW
        self.is_over: bool = True
        """It ended, or never began; asked more often than the state changes."""
        self._subscriptions: Subscriptions = subscriptions.NONE
        self.queue: DeliveryQueue = DeliveryQueue(options.max_queue, options.max_queue_bytes)
        self.held: HeldConnect | None = None
        self.expires_at: float = NEVER
        """When it ends unless the client shows itself (SES-5); NEVER while a connect is processed or held."""
        self.is_processing: bool = False
        """A connect is being processed, and neither answered nor held yet (SES-5)."""
        self.batches: int = 0
        """Requests of this session being processed: their answers take its events (BAT-4)."""
        self.is_batching: int = 0
        """Batches of the application that are open: nothing leaves before they end (SN-3)."""
        self.acknowledgement: Acknowledgement | None = None
        """What was sent and not acknowledged, of a client that acknowledges (ACK-1)."""
        self.may_push: bool = False
        """False from the handshake to the next message (WS-13)."""
        self.connect_only: bool = options.meta_connect_delivery_only
        """Events leave only with connect replies (DEL-3)."""
        self.advised: tuple[float, float, str] | None = None
        """Interval, timeout and transport that the last advice was about (ADV-4)."""
        # SES-10, SN-5: None, or CometD's -1 = the transport's.
        self.timeout: float | None = None
        self.interval: float | None = None
        self.max_interval: float | None = None

    def become(self, state: State) -> None:
        """Be in this state; which one follows which is up to ``transitions``."""
        self.state = state
        self.is_over = state not in _ALIVE

    # Requests of the client ------------------------------------------------------------------

    def handshake(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Begin (HS-2…6).

        Raises VersionUnsupported, ConnectionTypesUnsupported, ParameterMissing.
        """
        fields, options = message.fields, self.options
        if options.strict_handshake:
            for name in ("version", "supportedConnectionTypes"):
                if fields.get(name) is None:
                    raise ParameterMissing(name)
        minimum = fields.get("minimumVersion")
        if minimum not in (None, "1.0") and _is_above_1_0(minimum):
            raise VersionUnsupported(minimum)
        ours = list(options.transports)
        offered = fields.get("supportedConnectionTypes")
        if offered is not None:
            if CROSS_ORIGIN_LONG_POLLING in offered and "long-polling" in ours:
                ours.append(CROSS_ORIGIN_LONG_POLLING)
            if set(ours).isdisjoint(offered):
                raise ConnectionTypesUnsupported(*offered)
        self._start_clock(arrival.now, self._interval)
        reply = message.reply
        reply.update(
            successful=True,
            clientId=self.client_id,
            version="1.0",
            minimumVersion="1.0",
            supportedConnectionTypes=ours,
            advice=self._advise(self._interval, arrival.transport),
        )
        return [Reply(reply)]

    def connect(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Hold the connect, or answer it at once (CN-1…6, CN-10)."""
        effects: list[Effect] = []
        if self.held is not None:
            self.held = None
            effects.append(Dismiss())
        given = message.fields.get("advice")
        wants_advice = given is not None
        interval = self._client_interval(given) if given else None
        timeout = self._client_timeout(given) if given else self._timeout
        if self.acknowledgement is not None and self._has_lost_events(self.acknowledgement, message):
            timeout, wants_advice = 0.0, True
        until = arrival.now + timeout
        held = HeldConnect(message.begun_reply, until, wants_advice, interval, arrival.transport, message.id)
        if arrival.leaving is not None:
            effects.append(Reply(self._connect_reply(held, arrival.now, leaving=arrival.leaving)))
        elif self.state is State.HANDSHAKEN or timeout <= 0 or not arrival.alone or self._has_events_for(arrival):
            effects.append(Reply(self._connect_reply(held, arrival.now)))
        elif arrival.crowded:
            effects.append(Reply(self._crowded_reply(held, arrival.now)))
        else:
            self.held = held
            self.is_processing = False
            self.expires_at = NEVER
            effects.append(Hold())
        return effects

    def subscribe(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Enter all the channels of ``message.fields["subscription"]`` or none (SUB-3, SUB-7, SEC-L14).

        Raises SubscribeDenied above ``max_subscriptions_per_session``.
        """
        channels = subscriptions_of(message, self.options)
        wanted = {name.text: name for name in channels if name.kind is Kind.BROADCAST}  # SUB-6
        fresh = [name for text, name in wanted.items() if text not in self._subscriptions]
        bound = self.options.max_subscriptions_per_session
        if bound and len(self._subscriptions) + len(fresh) > bound:
            raise SubscribeDenied("limit")
        self.enter(*[name.text for name in fresh])
        return [Subscribe(fresh), Reply(_success(message))]

    def unsubscribe(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Leave the channels named; those it was not in do not matter (UNS-2…5).

        Raises UnsubscribeFailed for a meta channel.
        """
        names = subscriptions_of(message, self.options)
        if any(name.kind is Kind.META for name in names):
            raise UnsubscribeFailed
        leaving = [name for name in dict.fromkeys(names) if name.text in self._subscriptions]
        self.leave(*(name.text for name in leaving))
        return [Unsubscribe(leaving), Reply(_success(message))]

    def publish(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Pass a message on (PUB-1)."""
        return [Publish()]

    def take_leave(self, message: Message, arrival: Arrival) -> list[Effect]:
        """End at the client's wish; the held connect is answered first (DSC-1…3)."""
        return [*self._release_for_good(arrival.now), End(EndReason.DISCONNECT), Reply(_success(message))]

    def bid_farewell(self, message: Message, arrival: Arrival) -> list[Effect]:
        """Answer the first connect after a kick: it was taken, and is the last (CN-23, DSC-7)."""
        reply = _success(message)
        reply["advice"] = self._farewell_advice(arrival.transport)
        return [Reply(reply)]

    def _has_lost_events(self, acknowledgement: Acknowledgement, message: Message) -> bool:
        """ACK-11: what was sent did not arrive, and nothing else will bring it along soon."""
        return (
            bool(acknowledgement.sent)
            and batch_number(message.ext.get("ack")) is not None
            and not self.queue.is_pressing
            and message.advice.get("timeout") is None
        )

    # What happens to it ------------------------------------------------------------------------

    def kick(self, now: float) -> list[Effect]:
        """End it at the server's wish (DSC-6); the shell queued the farewell event before."""
        return [*self._release_for_good(now), End(EndReason.KICKED)]

    def expire(self, now: float) -> list[Effect]:
        """End it because the client stayed away (SES-6, CN-22)."""
        return self._break_off(EndReason.TIMEOUT)

    def overflow(self, now: float) -> list[Effect]:
        """End it because it does not take its events (Q-2); a held connect is told to begin anew."""
        return self._break_off(EndReason.SLOW)

    def flood(self, now: float) -> list[Effect]:
        """End it because the client does not heed its rate limit (SEC-L19)."""
        return self._break_off(EndReason.ERROR)

    def stop(self, now: float) -> list[Effect]:
        """End it because the server stops."""
        return self._break_off(EndReason.DRAIN)

    def lose_events(self, now: float) -> list[Effect]:
        """End it because events were lost that its client counts on: it begins anew, and knows (OPS-74)."""
        return self._break_off(EndReason.GAP)

    def move(self, now: float) -> list[Effect]:
        """End it here because it goes on at another node; nobody is told, and its connect is held there."""
        self.held = None
        self.queue.clear()
        return [End(EndReason.MOVED)]

    def release(self, now: float, leaving: float | None = None) -> ReplyFields | None:
        """The answer to the held connect, if there is one: events came, its time is up, or the server goes (CN-3)."""
        held = self.held
        if held is None:
            return None
        self.held = None
        return self._connect_reply(held, now, leaving)

    def lose_held_connect(self, now: float) -> None:
        """The connection of the held connect is gone, or another one took over (SES-8, CN-11, WS-14)."""
        if self.held is not None:
            interval = self.held.interval
            self.held = None
            self._start_clock(now, self._interval if interval is None else interval)

    # The expiry clock --------------------------------------------------------------------------

    def stop_clock(self, now: float) -> None:
        """A connect is being processed (SES-5), which may be bounded (SES-9)."""
        self.is_processing = True
        bound = self.options.max_processing
        self.expires_at = now + bound if bound else NEVER

    def ensure_clock(self, now: float) -> None:
        """No path leaves it without a held connect or an end (SES-7, CN-24)."""
        if self.is_processing:
            self._start_clock(now, self._interval)

    def restart_clock(self, now: float) -> None:
        """It has come from another server: its client has as long as after an answer to show itself."""
        self._start_clock(now, self._interval)

    @property
    def next_deadline(self) -> float:
        """When something must happen to it if nothing else does."""
        ending = self.expires_at if self.held is None else self.held.until
        return min(ending, self.queue.lazy_until)

    def touch(self, now: float) -> None:
        """Its client showed itself by a message that is no connect (SES-5)."""
        if self.expires_at != NEVER:
            self.expires_at = max(self.expires_at, now + self._max_interval)

    def _start_clock(self, now: float, interval: float) -> None:
        self.is_processing = False
        self.expires_at = now + interval + self._max_interval

    # Subscriptions -------------------------------------------------------------------------------

    @property
    def subscriptions(self) -> frozenset[str]:
        """The channels and patterns it is subscribed to."""
        return frozenset(self._subscriptions)

    def is_in(self, channel: str) -> bool:
        """It is subscribed to just this channel or pattern."""
        return channel in self._subscriptions

    def enter(self, *channels: str) -> None:
        """Record that it is subscribed to these."""
        self._subscriptions = subscriptions.added(self._subscriptions, channels)

    def leave(self, *channels: str) -> None:
        """Record that it is not, or no longer, subscribed to these."""
        self._subscriptions = subscriptions.removed(self._subscriptions, frozenset(channels))

    # Delivery ------------------------------------------------------------------------------------

    def is_subscribed_to(self, channel: ChannelName) -> bool:
        """By its name or by a pattern (CH-21)."""
        return any(pattern in self._subscriptions for pattern in channel.patterns)

    def _has_events_for(self, arrival: Arrival) -> bool:
        """CN-4; what a socket can push needs no connect (WS-10), unless only connects may carry it (WS-12)."""
        if not self.queue.is_pressing or arrival.busy or self.is_batching:
            return False
        return self.connect_only or not arrival.streaming

    # Replies -------------------------------------------------------------------------------------

    @property
    def _timeout(self) -> float:
        own = self.timeout
        return self.options.timeout if own is None or own < 0 else own

    @property
    def _interval(self) -> float:
        own = self.interval
        return self.options.interval if own is None or own < 0 else own

    @property
    def _max_interval(self) -> float:
        own = self.max_interval
        return self.options.max_interval if own is None or own < 0 else own

    def _client_timeout(self, given: Advice) -> float:
        """CN-2, ADV-7: the client may shorten the hold, not lengthen it."""
        milliseconds = given.get("timeout")
        if milliseconds is None or milliseconds < 0:
            return self._timeout
        return float(min(milliseconds / 1000, self._timeout))

    def _client_interval(self, given: Advice) -> float | None:
        """ADV-6, ADV-7."""
        milliseconds = given.get("interval")
        if milliseconds is None or milliseconds < 0:
            return None
        return float(min(milliseconds / 1000, self.options.max_client_interval))

    def _advise(self, interval: float, transport: str) -> Advice:
        self.advised = _shared(interval, self._timeout, transport)
        return advices.retry(self.options, interval, self._timeout)

    def _connect_reply(self, held: HeldConnect, now: float, leaving: float | None = None) -> ReplyFields:
        """A successful connect reply, with the advice that ADV-4 asks for; starts the expiry clock."""
        usual = self._interval
        interval = usual if held.interval is None else held.interval
        self._start_clock(now, interval if leaving is None else leaving)
        reply = held.reply
        reply["successful"] = True
        is_news = self.advised != (usual, self._timeout, held.transport)
        if leaving is not None:
            reply["advice"] = self._advise(leaving, held.transport)
        elif held.wants_advice or is_news:
            reply["advice"] = self._advise(interval, held.transport)
        return reply

    def _crowded_reply(self, held: HeldConnect, now: float) -> ReplyFields:
        """A tab too many polls instead of being held (COOK-11)."""
        pause = self.options.multi_session_interval
        self._start_clock(now, pause)
        reply = held.reply
        reply["successful"] = True
        reply["advice"] = {"multiple-clients": True, **self._advise(pause, held.transport)}
        self.advised = None  # the next plain reply takes this back
        return reply

    def _farewell_advice(self, transport: str) -> Advice:
        """T5: the whole advice with ``reconnect: none`` in it (CN-23)."""
        return {**self._advise(self._interval, transport), **advices.STOP}

    def _break_off(self, reason: EndReason) -> list[Effect]:
        held, self.held = self.held, None
        self.queue.clear()
        if held is None:
            return [End(reason)]
        return [Release(failed(held.reply, SessionUnknown(), advices.REHANDSHAKE)), End(reason)]

    def _release_for_good(self, now: float) -> list[Effect]:
        if self.held is None:
            return []
        held, self.held = self.held, None
        reply = held.reply
        reply["successful"] = True
        reply["advice"] = self._farewell_advice(held.transport)
        return [Release(reply)]


@lru_cache(maxsize=64)
def _shared(interval: float, timeout: float, transport: str) -> tuple[float, float, str]:
    """What one session was advised others were, too."""
    return (interval, timeout, transport)


def _success(message: Message) -> ReplyFields:
    reply = message.reply
    reply["successful"] = True
    return reply


def _is_above_1_0(version: str) -> bool:
    """HS-6: element by element; what starts with digits counts as that number, the rest does not matter."""
    ours = (1, 0)
    for position, element in enumerate(version.split(".")):
        digits = element[: len(element) - len(element.lstrip("0123456789"))]
        number = int(digits[:9] or "0")
        wanted = ours[position] if position < len(ours) else 0
        if number != wanted:
            return number > wanted
    return False
