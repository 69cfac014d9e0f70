"""One finished message to many queues: the hot loop.

Cost model: a subscriber costs a put, a mark and a comparison; no await, no log, no copy, no object. All
queues hold the same message and all sockets get the same bytes (benchmarks/fanout). Twenty thousand
sessions, the most a server takes by default, are within the 10 ms of SEC-92. A session with hooks costs a decoding
of its own, and an encoding where a hook changes something (EXN-8).

Rules: CH-22, DEL-8, PUB-11, Q-1, Q-2, Q-11, GEN-1.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bayeux.protocol import json
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.hooks import STOP
from bayeux.protocol.message import Fields
from bayeux.protocol.transitions import Happening
from bayeux.server import flow
from bayeux.server.ending import let_happen
from bayeux.server.listeners import tell_plainly
from bayeux.server.steps import Steps, ask, call_plainly

if TYPE_CHECKING:
    from bayeux.server.listeners import QueueFull
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import Hooks, ServerSession

log: logging.Logger = logging.getLogger(__name__)


@dataclass(slots=True, eq=False)
class Waiting:
    """An event on its way through the hooks of one session."""

    message: EncodedMessage
    event: Fields
    sender: ServerSession | None
    is_replayed: bool = False
    is_withdrawn: bool = False
    """It comes again with a replay."""


def replay(server: BayeuxServer, session: ServerSession, message: EncodedMessage, event: Fields) -> None:
    """Queue an event of the past for one session, through its hooks like any other (RPL-18)."""
    _through_hooks(server, session, Waiting(message, event, None, is_replayed=True))


def deliver(
    server: BayeuxServer,
    message: EncodedMessage,
    event: Fields,
    sessions: Iterable[ServerSession],
    sender: ServerSession | None = None,
) -> int:
    """Queue one event for many sessions; how many took it, or may still when their hooks have been awaited.

    Args:
        message: the event's bytes, for everybody without hooks of his own.
        event: the same as fields, for those with.
    """
    # What ``DeliveryQueue.put`` and ``Flusher.mark`` do is done here where nothing is in its way: two calls for each
    # subscriber would be a third of what one costs with ten publishes in flight.
    mark, marked, message_size = server.flusher.mark, server.flusher.marked, message.size
    is_plain = message.lazy_timeout is None and message.flow is None and not server.listeners.queued
    reached = 0
    for session in sessions:
        if session.hooks is not None:
            reached += _through_hooks(server, session, Waiting(message, event, sender))
        elif not is_plain:
            reached += enqueue(server, session, message, sender)
        else:
            queue = session.queue
            size = queue.bytes + message_size
            if len(queue.messages) < queue.max_messages and size <= queue.max_bytes:
                queue.messages.append(message)
                queue.bytes = size
            elif not _make_room(server, session, message, sender):
                continue
            reached += 1
            if not marked:
                mark(session)
            elif not session.is_marked:
                session.is_marked = True
                marked.append(session)
    return reached


def enqueue(
    server: BayeuxServer,
    session: ServerSession,
    message: EncodedMessage,
    sender: ServerSession | None,
    *,
    is_due: bool = False,
) -> bool:
    """Queue it, tell of it, and have it written now or, if it is lazy, later.

    Args:
        is_due: it waited for its time already (QUE-5).
    """
    if session.is_over:
        return False
    if message.flow is not None:
        if is_due:
            flow.make_way(session.queue, message)
        elif not flow.may_queue(session, message, server.clock()):
            server.watch(session)
            return True
    if not (session.queue.put(message) or _make_room(server, session, message, sender)):
        return False
    session.queue.controlled += message.flow is not None
    if message.lazy_timeout is None:
        server.flusher.mark(session)
    else:
        session.queue.may_wait(server.clock() + message.lazy_timeout)
        server.watch(session)
    own = session.hooks.listeners.queued if session.hooks is not None else ()
    tell_plainly([*server.listeners.queued, *own], session, sender, message)
    return True


# Hooks of one session -----------------------------------------------------------------------------


def _through_hooks(server: BayeuxServer, session: ServerSession, waiting: Waiting) -> bool:
    """Have the session's hooks see an event; behind one that is awaited, the others wait in their order."""
    hooks = session.hooks
    assert hooks is not None
    if session.is_over:
        return False
    is_live = session.recovering is not None and not waiting.is_replayed
    if is_live and server.recovery is not None and server.recovery.withhold(session, waiting.message):
        return True
    size, queue = waiting.message.size, session.queue
    is_full = len(hooks.waiting) >= queue.max_messages or hooks.waiting_bytes + size > queue.max_bytes
    if not hooks.lane.is_open and is_full:
        return _refuse(server, session)
    hooks.waiting[waiting] = None
    hooks.waiting_bytes += size
    is_taken, is_done = hooks.lane.go(_pass_hooks(server, session, hooks, waiting))
    return bool(is_taken) or not is_done


def _pass_hooks(server: BayeuxServer, session: ServerSession, hooks: Hooks, waiting: Waiting) -> Steps[bool]:
    """Extensions, message listeners, then the queue, or the receiver of a local session (LST-1)."""
    try:
        if waiting.is_withdrawn or session.is_over:
            return False
        mine = yield from _own_copy(server, session, hooks, waiting)
        if mine is None or waiting.is_withdrawn or session.is_over:
            return False
        if hooks.receive is None:
            return enqueue(server, session, mine, waiting.sender)
        yield from _receive(hooks.receive, mine)
        return True
    finally:
        del hooks.waiting[waiting]
        hooks.waiting_bytes -= waiting.message.size
        if session.recovering and not hooks.waiting and server.recovery is not None:
            server.recovery.go_on(session)  # it waited for room in front of the hooks


def _receive(receive: Callable[[dict[str, Any]], Steps[None]], message: EncodedMessage) -> Steps[None]:
    try:
        yield from receive(json.decode_own(message.json))  # a copy of its own, as others have
    except Exception:
        log.exception("a local session did not take an event", extra={"channel": message.channel})


def _own_copy(
    server: BayeuxServer, session: ServerSession, hooks: Hooks, waiting: Waiting
) -> Steps[EncodedMessage | None]:
    """What the session's own hooks leave of an event; the shared bytes where they changed nothing (EXN-8)."""
    message = waiting.message
    if not (hooks.extensions or hooks.listeners.message):
        return message
    mine: Fields = json.decode_own(message.json)  # all of it: what a hook changes deep inside is seen by nobody else
    for extension in reversed(hooks.extensions):
        try:
            answer = yield from ask(extension.outgoing, waiting.sender, session, mine)
        except Exception:
            log.exception("a session's outgoing extension raised")
            continue
        if answer is STOP:
            return None
        if isinstance(answer, dict):
            mine = answer
    for listener in tuple(hooks.listeners.message):
        try:
            if (yield from ask(listener, session, mine)) is False:
                return None
        except Exception:
            log.exception("a session's message listener raised")
    if mine == waiting.event:
        return message
    try:
        encoded = server.options.json_codec.encode(mine)
        changed = EncodedMessage(message.channel, encoded, message.accepted_at, message.lazy_timeout)
    except TypeError:
        log.exception("a session's hook left what JSON cannot say")
        return None
    changed.flow, changed.key, changed.position = message.flow, message.key, message.position
    return changed


# A full queue ---------------------------------------------------------------------------------------


def _make_room(
    server: BayeuxServer, session: ServerSession, message: EncodedMessage, sender: ServerSession | None
) -> bool:
    """The queue is full: ask the listeners, else do what the options say (Q-1, Q-2, ACK-40)."""
    if session.is_over:
        return False
    queue = session.queue
    if queue.controlled and flow.drop_stale(queue, server.clock()) and queue.put(message):
        return True
    if session.acknowledgement is not None:
        tell_plainly(server.listeners.ack_queue_full, session)
        queue.measure()
        queue.occupy(session.acknowledgement.count, session.acknowledgement.bytes)
        if session.is_over or queue.put(message):
            return not session.is_over
    own = session.hooks.listeners.queue_full if session.hooks is not None else ()
    listeners = [*server.listeners.queue_full, *own]
    if listeners:
        is_wanted = _is_wanted(listeners, session, message, sender) and not session.is_over
        queue.measure()
    elif session.acknowledgement is not None:
        is_wanted = False  # ACK-40: its client counts on getting everything, so nothing is dropped in silence
    elif session.options.queue_overflow == "drop_old":
        server.counters.messages_dropped["overflow"] += queue.drop_oldest_for(message)
        is_wanted = queue.put(message)
        if is_wanted:
            return True
    else:
        is_wanted = session.options.queue_overflow == "call"
    if is_wanted:
        queue.put_beyond_bounds(message)
        return True
    return _refuse(server, session, is_decided=bool(listeners))


def _refuse(server: BayeuxServer, session: ServerSession, *, is_decided: bool = False) -> bool:
    """Count what is not taken; end the session for it, unless a listener decided (Q-2)."""
    server.counters.messages_dropped["overflow"] += 1
    is_promised = session.acknowledgement is not None
    if not is_decided and (is_promised or session.options.queue_overflow == "disconnect"):
        server.reject("SEC-L16")
        let_happen(server, session, Happening.OVERFLOW)
    return False


def _is_wanted(
    listeners: list[QueueFull], session: ServerSession, message: EncodedMessage, sender: ServerSession | None
) -> bool:
    """What the listeners say; one that raises says no (BER-2)."""
    try:
        return all(call_plainly(listener, session, session.queue, sender, message) for listener in listeners)
    except Exception:
        log.exception("a queue listener raised")
        return False
