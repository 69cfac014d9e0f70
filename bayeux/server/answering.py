"""What leaves for a client: its events and the replies beside them, through the hooks that see them last.

Replies pass the outgoing extensions, which may be awaited; from there to the write nothing waits: the queue is
taken, the batch gets its number, everything is encoded.

Rules: BAT-7, QUE-3, ACK-14…18, CN-11, SN-3.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

from bayeux.protocol import json
from bayeux.protocol.channel import META_CONNECT, META_HANDSHAKE
from bayeux.protocol.encoded import NOTHING, Batch
from bayeux.protocol.errors import InternalError, Unavailable
from bayeux.protocol.message import failed, reply_to
from bayeux.protocol.reply import Reply
from bayeux.server import attachment, flow
from bayeux.server.extension import is_stopped
from bayeux.server.listeners import tell, tell_plainly
from bayeux.server.steps import DONE, Rest, Steps
from bayeux.server.trace import trace_sent

if TYPE_CHECKING:
    from bayeux.protocol.acknowledgement import Acknowledgement
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Transport

log: logging.Logger = logging.getLogger(__name__)


def has_extensions(server: BayeuxServer, session: ServerSession | None) -> bool:
    """Somebody may want to see its replies."""
    return bool(server.extensions) or (session is not None and session.hooks is not None)


def extended(server: BayeuxServer, session: ServerSession | None, replies: Iterable[Reply]) -> Steps[list[Reply]]:
    """The replies that the outgoing extensions let pass (BAT-7)."""
    hooks = None if session is None else session.hooks
    kept = []
    for reply in replies:
        for extension in (*reversed(server.extensions), *reversed(hooks.extensions if hooks else ())):
            if (yield from is_stopped(extension.outgoing_meta, session, reply)):
                break
        else:
            kept.append(reply)
    return kept


def encoded(replies: Iterable[Reply]) -> list[bytes]:
    """Their bytes; one that an extension spoiled becomes ``500::internal_error``."""
    return [_encoded(reply) for reply in replies]


def _encoded(reply: Reply) -> bytes:
    if reply.request is not None:
        reply.request = None  # it refers to the reply: a circle would wait for the garbage collector
    try:
        return json.encode(reply)
    except TypeError:
        log.exception("an outgoing extension left what JSON cannot say")
        plain = {name: value for name, value in reply.items() if name in ("id", "channel", "subscription")}
        return json.encode(failed(reply_to(plain), InternalError()))


def take(server: BayeuxServer, session: ServerSession, transport: Transport, replies: list[Reply]) -> Batch:
    """What the session has waiting, to be written to ``transport`` now beside these replies."""
    batch, queue = NOTHING, session.queue
    if not (
        queue.messages
        or server.listeners.dequeue
        or session.hooks is not None
        or session.acknowledgement is not None
        or session.recovering is not None
    ):
        return NOTHING
    # A batch that is open at the end of its session is over, too: there is no later.
    is_open = transport.writable and (not session.is_batching or session.is_over)
    if session.acknowledgement is not None:
        batch = _take_numbered(server, session, session.acknowledgement, replies, is_open=is_open)
    elif is_open:
        if queue.controlled:
            drop_stale(server, session)
        if server.listeners.dequeue or session.hooks is not None:
            _ask_dequeue(server, session, replies)
        if queue.messages:
            batch = server.flusher.take(session)
    if batch.messages:
        server.counters.messages_delivered[transport.name] += len(batch.messages)
    if session.recovering is not None and server.recovery is not None:
        server.call_later(0.0, partial(server.recovery.go_on, session))
    return batch


def drop_stale(server: BayeuxServer, session: ServerSession) -> None:
    """Drop the events that waited too long (QUE-5)."""
    server.counters.messages_dropped["stale"] += flow.drop_stale(session.queue, server.clock())


def release(server: BayeuxServer, session: ServerSession, *, is_timeout: bool = False) -> Rest:
    """Answer its held connect with whatever is waiting (CN-3)."""
    reply = session.release(server.clock(), server.leaving_interval() if server.is_draining else None)
    if reply is None:
        return DONE
    server.watch(session)
    return answer_held(server, session, reply, is_timeout=is_timeout)


def answer_held(server: BayeuxServer, session: ServerSession, reply: Reply, *, is_timeout: bool) -> Rest:
    """Answer the held connect, with whatever is waiting (CN-3)."""
    held_by = attachment.let_go(server, session, is_timeout=is_timeout)
    if held_by is None or held_by.closed:
        return DONE
    if server.extensions or session.hooks is not None:
        return _answer_held_extended(server, session, held_by, reply)
    answer(server, session, held_by, reply)
    return DONE


def _answer_held_extended(
    server: BayeuxServer, session: ServerSession, held_by: Transport, reply: Reply
) -> Steps[None]:
    batch = next_batch(session)
    try:
        replies = yield from extended(server, session, [reply])
    except asyncio.CancelledError:
        if not held_by.closed:
            held_by.dismiss(503)  # the server stops while an extension is awaited
        raise
    if held_by.closed:
        return  # its client left while an extension was awaited: nothing was taken
    if server.cluster is not None and server.cluster.is_fenced:
        refuse_connects(replies)
        send(session, held_by, NOTHING, encoded(replies))
        return
    if is_overtaken(session, batch):
        held_by.dismiss(session.options.duplicate_meta_connect_http_code)
        return
    _send_taken(server, session, held_by, replies)


def answer(server: BayeuxServer, session: ServerSession, transport: Transport, reply: Reply) -> None:
    """Answer a connect that no extension sees, with whatever is waiting."""
    replies = [reply]
    events = take(server, session, transport, replies)
    written = (_encoded(reply),)
    if session.is_traced:
        trace_sent(session, events, written)
    transport.send(events, written)
    if session.acknowledgement is not None:
        tell_sent(server, session, events, replies)


def _send_taken(server: BayeuxServer, session: ServerSession, transport: Transport, replies: list[Reply]) -> None:
    events = take(server, session, transport, replies)
    send(session, transport, events, encoded(replies))
    tell_sent(server, session, events, replies)


def send(session: ServerSession | None, transport: Transport, events: Batch, replies: Sequence[bytes]) -> None:
    """Write, and log it where the session is traced (MON-3)."""
    if session is not None and session.is_traced:
        trace_sent(session, events, replies)
    transport.send(events, replies)


def refuse_connects(replies: Iterable[Reply]) -> None:
    """Behind the fence, which went up while somebody was awaited: nothing is taken, for the session may be another
    node's by now, and a connect that succeeds would close a batch (ACK-14).
    """
    for reply in replies:
        if reply.get("channel") == META_CONNECT and reply.get("successful") is True:
            failed(reply, Unavailable())


def next_batch(session: ServerSession) -> int:
    """The number that its next connect reply gets; 0 where batches have none."""
    return 0 if session.acknowledgement is None else session.acknowledgement.next_batch


def is_overtaken(session: ServerSession, batch: int) -> bool:
    """A later connect took the place of one whose reply was waited for since it should have been that batch (CN-11).

    Its client would get the same events twice: with this reply, and with that of the later one.
    """
    return session.acknowledgement is not None and (session.held is not None or next_batch(session) != batch)


def tell_sent(server: BayeuxServer, session: ServerSession, events: Batch, replies: list[Reply]) -> None:
    """Tell who wants to know which events left under which number (ACK-15)."""
    if server.listeners.batch_sent and session.acknowledgement is not None:
        for reply in replies:
            ack = (reply.get("ext") or {}).get("ack") if _closes_batch(session, reply) else None
            if ack is not None:
                number = ack["batch"] if isinstance(ack, dict) else ack
                server.go(tell(server.listeners.batch_sent, session, list(events.messages), number))


def _ask_dequeue(server: BayeuxServer, session: ServerSession, replies: list[Reply]) -> None:
    """QUE-3: the listeners see everything that is about to leave, and say what does."""
    own = session.hooks.listeners.dequeue if session.hooks is not None else ()
    listeners = [*server.listeners.dequeue, *own]
    if not listeners:
        return
    acknowledgement = session.acknowledgement
    sent = [] if acknowledgement is None else acknowledgement.messages
    queue = [*sent, *session.queue.messages]
    before = queue.copy()
    tell_plainly(listeners, session, queue, replies)
    if queue == before:
        return
    if acknowledgement is not None:  # ACK-18: what they drop is gone
        known = set(sent)
        seen_before = list(takewhile(known.__contains__, queue))
        acknowledgement.replace(seen_before)
        queue = queue[len(seen_before) :]  # what was sent and stands behind news leaves as news
    session.queue.replace(queue)


def _take_numbered(
    server: BayeuxServer,
    session: ServerSession,
    acknowledgement: Acknowledgement,
    replies: list[Reply],
    *,
    is_open: bool,
) -> Batch:
    """Events under the number that the client acknowledges with its next connect (ACK-14, ACK-15)."""
    numbered = [reply for reply in replies if _closes_batch(session, reply)]
    if not numbered:
        # DSC-6: what a session that is over gets without a connect is the last it will get.
        return server.flusher.take(session) if is_open and session.is_over else NOTHING
    if is_open:
        drop_stale(server, session)
        _ask_dequeue(server, session, replies)
    fresh = server.flusher.take(session) if is_open else NOTHING
    batch = fresh
    if acknowledgement.sent:  # also where nothing else may leave: the number would acknowledge these, too
        options = session.options
        messages = [*acknowledgement.messages, *fresh.messages]
        batch = Batch(messages, options.ws_max_frame_bytes, options.ws_messages_per_frame)
    for reply in numbered:
        number = acknowledgement.close_batch(fresh.messages)
        fresh = NOTHING
        is_handshake = reply["channel"] == META_HANDSHAKE
        ack = {"enabled": True, "batch": number} if is_handshake else number
        reply["ext"] = {**(reply.get("ext") or {}), "ack": ack}
    session.queue.occupy(acknowledgement.count, acknowledgement.bytes)
    return batch


def _closes_batch(session: ServerSession, reply: Reply) -> bool:
    """Every successful connect reply; a handshake's where events follow it (HS-14)."""
    if reply.get("successful") is not True:
        return False
    channel = reply.get("channel")
    is_handshake = channel == META_HANDSHAKE and session.allow_message_delivery_during_handshake
    return channel == META_CONNECT or is_handshake
