"""Many queues to their sockets: the other hot loop.

Cost model: a session of which there is nothing to say costs some questions, one comparison of lists by identity and
one write; no call besides, no copy, no object. Sessions that wait for the same are given the same batch by the flusher;
those next to each other, as a fan-out leaves them, need not even ask it (benchmarks/fanout).

Rules: WS-10, WS-12, BAT-4, CN-5, DEL-1.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayeux.protocol.encoded import NOTHING
from bayeux.server import answering
from bayeux.server.trace import trace_sent

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Transport

log: logging.Logger = logging.getLogger(__name__)


def write_all(server: BayeuxServer, sessions: Sequence[ServerSession], most_answers: int) -> list[ServerSession]:
    """Write what each of these sessions has waiting, but answer only so many held connects; whose are left."""
    answers, left = 0, []
    delivered, listeners = server.counters.messages_delivered, server.listeners
    batch, count, options = NOTHING, 0, server.options  # of the session before
    for session in sessions:
        session.is_marked = False
        queue, socket = session.queue, session.transport
        messages = queue.messages
        try:
            if (
                not messages
                or socket is None
                or socket.closed
                or not socket.writable
                or not session.may_push
                or session.batches
                or session.is_batching
                or session.connect_only
                or session.hooks is not None
                or session.acknowledgement is not None
                or session.recovering is not None
                or session.is_traced
                or queue.controlled
                or queue.lazy
                or listeners.dequeue
            ):
                if answers >= most_answers and session.held_by is not None and (socket is None or session.connect_only):
                    session.is_marked = True
                    left.append(session)
                elif write(server, session):
                    answers += 1
                continue
            if session.options is options and batch.messages == messages:
                messages.clear()
                queue.bytes = 0
            else:
                batch, options = server.flusher.take(session), session.options
                count = len(batch.messages)
            delivered[socket.name] += count
            socket.send(batch, ())
        except Exception:  # one session's fault must not silence all others
            log.exception("writing to a session failed")
    return left


def write(server: BayeuxServer, session: ServerSession) -> bool:
    """The same for one session, whatever there is to say of it; True if that answered its held connect."""
    queue = session.queue
    if queue.controlled:
        answering.drop_stale(server, session)
    if session.batches or session.is_batching or len(queue.messages) <= queue.lazy:
        return False  # BAT-4: the answer that is about to be written takes them; CN-5: lazy ones wait for company
    socket = session.transport
    if socket is not None and not session.connect_only:
        if session.may_push and socket.writable and not socket.closed:
            push(server, session, socket)
    elif session.held_by is not None and session.held_by.writable:
        session.return_token()
        if rest := answering.release(server, session):
            server.go(rest)
        return True
    return False


def push(server: BayeuxServer, session: ServerSession, socket: Transport) -> None:
    """Write what waits, if anything does, to a socket without a reply (WS-10)."""
    if not session.queue.messages:
        return
    events = answering.take(server, session, socket, [])
    if not events.messages:
        return
    if session.is_traced:
        trace_sent(session, events, ())
    socket.send(events, ())
