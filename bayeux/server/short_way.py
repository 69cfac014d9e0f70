"""The short way of a publish that nobody looks at before its subscribers do.

Most of what comes by a socket is just that: alone in its frame, from the session of the socket, with no extension to
see it. It needs nothing of what ``Exchange`` keeps for bodies of several messages, for meta requests and for hooks that
are waited for. The same functions decide about it, and both ways say the same, byte for byte (``test_short_way``).
Where somebody has to be waited for after all, or the message is refused, the long way goes on from there.

Cost model: some questions, then the plain calls that check, authorise, pass on and answer one message; no generator,
no task. Half of what the long way costs (benchmarks/quick).

Rules: PUB-1…13, BAT-4, BAT-6, WS-30, SEC-L8, SEC-L19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayeux.protocol.encoded import NOTHING
from bayeux.protocol.errors import ProtocolError
from bayeux.protocol.message import Fields, Message, Request, oversized, success
from bayeux.server import answering, publication
from bayeux.server.current import set_handled
from bayeux.server.exchange import Begun, Exchange
from bayeux.server.steps import DONE, Rest, fail

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context, Transport


_PUBLISH = Request.PUBLISH  # a member of an enumeration costs two look-ups


def publish(server: BayeuxServer, messages: Sequence[Fields], transport: Transport, context: Context) -> Rest | None:
    """Process the messages of a frame if they are one such publish; what is left to do, which mostly is nothing.

    None for any others, to which nothing has happened then.
    """
    session = transport.session
    if session is None or len(messages) > 1:
        return None
    name = messages[0].get("channel")
    is_publish = isinstance(name, str) and not name.startswith("/meta/")
    if not is_publish or not _is_plain(server, session, transport):
        return None
    started = server.clock()
    message = _admitted(messages, session, context, started)
    if message is None:
        return None
    set_handled(message)
    server.counters.messages_received[message.channel.kind, transport.name] += 1
    try:
        rest = publication.pass_on(server, message, session)
    except Exception as error:  # noqa: BLE001 - the long way says what is wrong
        rest = fail(error)
    if rest:
        exchange = Exchange(server, messages, session, transport, context)
        return exchange.steps(Begun(message, started, exchange.succeed_behind(message, rest)))
    server.counters.observe_request(_PUBLISH, server.clock() - started)
    is_plain = not transport.closed and _is_plain(server, session, transport)  # or a hook, or a full queue did it
    if is_plain and (encoded := success(message)) is not None and not server.listeners.dequeue:
        is_quiet = not session.queue.messages and session.recovering is None
        events = NOTHING if is_quiet else answering.take(server, session, transport, [])
        transport.send(events, (encoded,))
    else:
        reply = message.reply
        reply["successful"] = True
        if not is_plain:
            return Exchange(server, messages, session, transport, context).answer(reply, message)
        transport.send(answering.take(server, session, transport, [reply]), answering.encoded((reply,)))
    if session.queue.messages:
        server.flusher.mark(session)
    return DONE


def _is_plain(server: BayeuxServer, session: ServerSession, transport: Transport) -> bool:
    """Nobody wants to see the session's messages, and all it is sent goes by this socket."""
    return not (
        session.transport is not transport
        or session.is_over
        or session.hooks is not None
        or session.batches
        or session.is_traced
        or session.connect_only
        or transport.connect_only
        or server.extensions
    )


def _admitted(messages: Sequence[Fields], session: ServerSession, context: Context, now: float) -> Message | None:
    """The publish, if it is by this session, in order and within its rate (SEC-L19)."""
    fields, options = messages[0], context.options
    if fields.get("clientId") != session.client_id:
        return None
    if options.json_codec.revive is not None or oversized(messages, options):
        return None
    try:
        message = Message.received(fields, options)
    except ProtocolError:
        return None
    if not admit(session, message, context, now):
        return None
    session.may_push = True
    session.touch(now)
    return message


def admit(session: ServerSession, message: Message, context: Context, now: float) -> bool:
    """Whether the session is within its rate (SEC-L19); if so, the message is its latest."""
    if not session.take_token(context.options, now):
        return False
    session.refused_in_a_row = 0
    session.options = context.options
    session.last_seen_at = now
    message.context, message.session = context, session
    return True
