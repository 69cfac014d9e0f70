"""What may happen to a session in which state, and what it becomes: the whole of its life in one table.

A pair that is missing means that there is no such session: ``402::session_unknown``.

Source: SES-1; the rules behind each row are named in ``session``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import TypeAlias

from bayeux.protocol.effects import Effect
from bayeux.protocol.errors import SessionUnknown
from bayeux.protocol.message import Message, Request
from bayeux.protocol.session import Arrival, BayeuxSession, State


class Happening(Enum):
    """What is done to a session, not asked by its client."""

    KICK = "kick"
    EXPIRE = "expire"
    OVERFLOW = "overflow"
    FLOOD = "flood"
    STOP = "stop"
    GAP = "gap"
    MOVE = "move"


OnRequest: TypeAlias = Callable[[BayeuxSession, Message, Arrival], list[Effect]]
OnHappening: TypeAlias = Callable[[BayeuxSession, float], list[Effect]]

NEW, HANDSHAKEN, CONNECTED = State.NEW, State.HANDSHAKEN, State.CONNECTED
DISCONNECTED, EXPIRED = State.DISCONNECTED, State.EXPIRED

TRANSITIONS: Mapping[tuple[State, Request], tuple[OnRequest, State]] = {
    # new: made for a handshake that has not been accepted
    (NEW, Request.HANDSHAKE): (BayeuxSession.handshake, HANDSHAKEN),
    # handshaken: has a clientId, no /meta/connect yet
    (HANDSHAKEN, Request.CONNECT): (BayeuxSession.connect, CONNECTED),  # CN-1: the first is never held
    (HANDSHAKEN, Request.SUBSCRIBE): (BayeuxSession.subscribe, HANDSHAKEN),  # SUB-10
    (HANDSHAKEN, Request.UNSUBSCRIBE): (BayeuxSession.unsubscribe, HANDSHAKEN),
    (HANDSHAKEN, Request.PUBLISH): (BayeuxSession.publish, HANDSHAKEN),  # HS-12
    (HANDSHAKEN, Request.DISCONNECT): (BayeuxSession.take_leave, DISCONNECTED),
    # connected
    (CONNECTED, Request.CONNECT): (BayeuxSession.connect, CONNECTED),
    (CONNECTED, Request.SUBSCRIBE): (BayeuxSession.subscribe, CONNECTED),
    (CONNECTED, Request.UNSUBSCRIBE): (BayeuxSession.unsubscribe, CONNECTED),
    (CONNECTED, Request.PUBLISH): (BayeuxSession.publish, CONNECTED),
    (CONNECTED, Request.DISCONNECT): (BayeuxSession.take_leave, DISCONNECTED),
    # disconnected: remembered only after a kick, for one more answer
    (DISCONNECTED, Request.CONNECT): (BayeuxSession.bid_farewell, DISCONNECTED),  # CN-23, DSC-7
}

HAPPENINGS: Mapping[tuple[State, Happening], tuple[OnHappening, State]] = {
    (HANDSHAKEN, Happening.KICK): (BayeuxSession.kick, DISCONNECTED),
    (CONNECTED, Happening.KICK): (BayeuxSession.kick, DISCONNECTED),
    (HANDSHAKEN, Happening.EXPIRE): (BayeuxSession.expire, EXPIRED),  # HS-13
    (CONNECTED, Happening.EXPIRE): (BayeuxSession.expire, EXPIRED),
    (HANDSHAKEN, Happening.OVERFLOW): (BayeuxSession.overflow, EXPIRED),
    (CONNECTED, Happening.OVERFLOW): (BayeuxSession.overflow, EXPIRED),
    (HANDSHAKEN, Happening.STOP): (BayeuxSession.stop, EXPIRED),
    (CONNECTED, Happening.STOP): (BayeuxSession.stop, EXPIRED),
    (HANDSHAKEN, Happening.FLOOD): (BayeuxSession.flood, EXPIRED),
    (CONNECTED, Happening.FLOOD): (BayeuxSession.flood, EXPIRED),
    (HANDSHAKEN, Happening.GAP): (BayeuxSession.lose_events, EXPIRED),
    (CONNECTED, Happening.GAP): (BayeuxSession.lose_events, EXPIRED),
    (HANDSHAKEN, Happening.MOVE): (BayeuxSession.move, EXPIRED),
    (CONNECTED, Happening.MOVE): (BayeuxSession.move, EXPIRED),
}


def receive(session: BayeuxSession, message: Message, arrival: Arrival) -> list[Effect]:
    """Take one request of the session's client and say what has to happen.

    Perform the effects in order, and all of them, before giving the session another message.

    Raises:
        SessionUnknown: the session has ended (CN-21).
        ProtocolError: the request is refused; neither the session nor its state changed.
    """
    action, following = transition(session, message.request)
    effects = action(session, message, arrival)
    if following is not session.state:
        _enter(session, following)
    return effects


def transition(session: BayeuxSession, request: Request) -> tuple[OnRequest, State]:
    """What such a request does in the session's state. Raises SessionUnknown where it may not be made."""
    try:
        return TRANSITIONS[session.state, request]
    except KeyError:
        raise SessionUnknown from None


def happen(session: BayeuxSession, happening: Happening, now: float) -> list[Effect]:
    """Let something be done to the session; nothing, if it is over already (LST-6)."""
    row = HAPPENINGS.get((session.state, happening))
    if row is None:
        return []
    action, following = row
    effects = action(session, now)
    _enter(session, following)
    return effects


def _enter(session: BayeuxSession, state: State) -> None:
    session.become(state)
    if session.is_over:
        session.queue.close()  # DEL-7: also while a hook keeps its last reply
