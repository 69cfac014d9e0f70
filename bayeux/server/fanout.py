"""One finished message to many queues: the hot loop.

Cost model: a subscriber costs a put, a mark and a comparison; no await, no log, no copy, no object. All
queues hold the same message and all sockets get the same bytes (benchmarks/fanout). Twenty thousand
sessions, the most a server takes by default, are within the 10 ms of SEC-92.

Rules: CH-22, DEL-8, PUB-11, Q-1, Q-2.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayeux.protocol import json
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.message import Fields
from bayeux.protocol.transitions import Happening
from bayeux.server.ending import let_happen
from bayeux.server.extension import STOP
from bayeux.server.listeners import QueueFull

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log = logging.getLogger(__name__)


def deliver(server: BayeuxServer, message: EncodedMessage, event: Fields, sessions: Iterable[ServerSession]) -> int:
    """Queue one event for many sessions; how many took it.

    Args:
        message: the event's bytes, for everybody without hooks of his own.
        event: the same as fields, for those with.
    """
    mark = server.flusher.mark
    reached = 0
    for session in sessions:
        mine = message if session.hooks is None else _own_copy(session, message, event)
        if mine is None:
            continue
        if session.queue.put(mine) or _make_room(server, session, mine):
            reached += 1
            if not session.is_marked:
                mark(session)
    return reached


def _own_copy(session: ServerSession, message: EncodedMessage, event: Fields) -> EncodedMessage | None:
    """What the session's own hooks leave of an event; the shared bytes where they changed nothing (EXN-8)."""
    assert session.hooks is not None
    mine: Fields = json.decode(message.json, 0)  # all of it: what a hook changes deep inside is seen by nobody else
    for extension in reversed(session.hooks.extensions):
        try:
            if extension.outgoing(session, mine) is STOP:
                return None
        except Exception:
            log.exception("a session's outgoing extension raised")
    for listener in tuple(session.hooks.message):
        try:
            if listener(session, mine) is False:
                return None
        except Exception:
            log.exception("a session's message listener raised")
    if mine == event:
        return message
    try:
        return EncodedMessage(message.channel, json.encode(mine), message.accepted_at)
    except TypeError:
        log.exception("a session's hook left what JSON cannot say")
        return None


def _make_room(server: BayeuxServer, session: ServerSession, message: EncodedMessage) -> bool:
    """The queue is full: ask the listeners, else do what the options say (Q-1, Q-2)."""
    if session.is_over:
        return False
    listeners = server.listeners.queue_full
    policy = session.options.queue_overflow
    if listeners:
        is_wanted = _is_wanted(listeners, session, message) and not session.is_over
    elif policy == "drop_old":
        server.counters.messages_dropped["overflow"] += session.queue.drop_oldest_for(message)
        is_wanted = session.queue.put(message)
        if is_wanted:
            return True
    else:
        is_wanted = policy == "call"
    if is_wanted:
        session.queue.put_beyond_bounds(message)
        return True
    server.counters.messages_dropped["overflow"] += 1
    if not listeners and policy == "disconnect":
        server.reject("SEC-L16")
        let_happen(server, session, Happening.OVERFLOW)
    return False


def _is_wanted(listeners: list[QueueFull], session: ServerSession, message: EncodedMessage) -> bool:
    """What the listeners say; one that raises says no (BER-2)."""
    try:
        return all(listener(session, message) for listener in tuple(listeners))
    except Exception:
        log.exception("a queue listener raised")
        return False
