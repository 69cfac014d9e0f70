"""What leaves for a client: its events and the replies beside them, through the hooks that see them last.

Replies pass the outgoing extensions, which may be awaited; from there to the write nothing waits: the queue is
taken, the batch gets its number, everything is encoded.

Rules: BAT-7, QUE-3, ACK-14…18, SN-3.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from bayeux.protocol import json
from bayeux.protocol.channel import META_CONNECT, META_HANDSHAKE
from bayeux.protocol.encoded import NOTHING, Batch
from bayeux.protocol.errors import InternalError
from bayeux.protocol.message import Reply, failed, reply_to
from bayeux.server import attachment, flow
from bayeux.server.extension import is_stopped
from bayeux.server.listeners import tell, tell_plainly
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Transport

log = logging.getLogger(__name__)


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
    reply.request = None  # it refers to the reply: a circle would wait for the garbage collector
    try:
        return json.encode(reply)
    except TypeError:
        log.exception("an outgoing extension left what JSON cannot say")
        plain = {name: value for name, value in reply.items() if name in ("id", "channel", "subscription")}
        return json.encode(failed(reply_to(plain), InternalError()))


def take(server: BayeuxServer, session: ServerSession, transport: Transport, replies: list[Reply]) -> Batch:
    """What the session has waiting, to be written to ``transport`` now beside these replies."""
    is_open = session.is_batching == 0 and transport.writable
    if is_open:
        drop_stale(server, session)
        _ask_dequeue(server, session, replies)
    if session.acknowledgement is None:
        batch = server.flusher.take(session) if is_open else NOTHING
    else:
        batch = _take_numbered(server, session, replies, is_open=is_open)
    server.counters.messages_delivered[transport.name] += len(batch)
    return batch


def drop_stale(server: BayeuxServer, session: ServerSession) -> None:
    """Drop the events that waited too long (QUE-5)."""
    if session.queue.controlled:
        server.counters.messages_dropped["stale"] += flow.drop_stale(session.queue, server.clock())


def answer_held(server: BayeuxServer, session: ServerSession, reply: Reply, *, is_timeout: bool) -> Steps[None]:
    """Answer the held connect, with whatever is waiting (CN-3)."""
    held_by = attachment.let_go(server, session, is_timeout=is_timeout)
    if held_by is None or held_by.closed:
        return
    replies = [reply]
    if has_extensions(server, session):
        replies = yield from extended(server, session, replies)
        if held_by.closed:
            return  # its client left while an extension was awaited: nothing was taken
    events = take(server, session, held_by, replies)
    held_by.send(events, encoded(replies))


def _ask_dequeue(server: BayeuxServer, session: ServerSession, replies: list[Reply]) -> None:
    """QUE-3: the listeners see everything that is about to leave, and say what does."""
    own = session.hooks.listeners.dequeue if session.hooks is not None else ()
    listeners = [*server.listeners.dequeue, *own]
    if not listeners:
        return
    unacknowledged = [] if session.acknowledgement is None else session.acknowledgement.messages
    queue = [*unacknowledged, *session.queue.messages]
    before = queue.copy()
    tell_plainly(listeners, session, queue, replies)
    if queue == before:
        return
    if session.acknowledgement is not None:  # ACK-18: what they drop is gone
        known = set(unacknowledged)
        session.acknowledgement.replace([message for message in queue if message in known])
        queue = [message for message in queue if message not in known]
    session.queue.replace(queue)


def _take_numbered(server: BayeuxServer, session: ServerSession, replies: list[Reply], *, is_open: bool) -> Batch:
    """Events under the number that the client acknowledges with its next connect (ACK-14, ACK-15)."""
    acknowledgement = session.acknowledgement
    assert acknowledgement is not None
    numbered = [reply for reply in replies if _closes_batch(session, reply)]
    if not numbered or not is_open:
        batch, fresh = NOTHING, []
        if not numbered and session.is_over:
            return server.flusher.take(session)  # DSC-6: the last it will get, acknowledged or not
    elif acknowledgement.sent:
        fresh = session.queue.messages.copy()
        options = session.options
        messages = [*acknowledgement.messages, *fresh]
        batch = Batch(messages, options.ws_max_frame_bytes, options.ws_messages_per_frame)
        session.queue.clear()
    else:
        batch = server.flusher.take(session)
        fresh = list(batch.messages)
    for reply in numbered:
        number = acknowledgement.close_batch(fresh)
        is_handshake = reply["channel"] == META_HANDSHAKE
        ack = {"enabled": True, "batch": number} if is_handshake else number
        reply["ext"] = {**reply.get("ext", {}), "ack": ack}
        if server.listeners.batch_sent:
            server.go(tell(server.listeners.batch_sent, session, list(batch.messages), number))
        fresh = []
    session.queue.occupy(acknowledgement.count, acknowledgement.bytes)
    return batch


def _closes_batch(session: ServerSession, reply: Reply) -> bool:
    """Every successful connect reply; a handshake's where events follow it (HS-14)."""
    if reply.get("successful") is not True:
        return False
    channel = reply.get("channel")
    is_handshake = channel == META_HANDSHAKE and session.allow_message_delivery_during_handshake
    return channel == META_CONNECT or is_handshake
