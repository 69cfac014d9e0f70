"""The short way of a connect that is all its request brings, of a session that no extension watches.

Most requests of a client that polls are just that. It needs nothing of what ``Exchange`` keeps for bodies of several
messages and for hooks that are waited for. The session decides about it as about any other, by the table of its
transitions, and both ways say the same, byte for byte (``test_lone_connect``). Whatever is not in order goes the long
way from its beginning; where a listener must be waited for, or leaves things other than they were, the long way goes on
from there.

Cost model: some questions, then the plain calls that find the session, check the message and hold the request; no
generator, no task, and nothing that is kept but the held connect (benchmarks/quick).

Rules: SES-4, SES-5, CN-1…6, CN-24, BAT-5, SEC-L8, SEC-L19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayeux.protocol.channel import META_CONNECT, Kind, parse_channel
from bayeux.protocol.effects import Hold, Reply
from bayeux.protocol.errors import ProtocolError
from bayeux.protocol.message import Fields, Message, Request, is_valid_id, oversized
from bayeux.protocol.session import Arrival
from bayeux.protocol.transitions import receive
from bayeux.server import answering, attachment, publication
from bayeux.server.current import handled
from bayeux.server.exchange import Begun, Exchange
from bayeux.server.short_way import admit
from bayeux.server.steps import DONE, Rest

if TYPE_CHECKING:
    from bayeux.server.channels import ServerChannel
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context, Transport

_CHANNEL = parse_channel(META_CONNECT)
_USUAL = frozenset(("channel", "clientId", "connectionType", "id"))
"""Fields of nearly every connect; where its session was found by them, only its ``id`` is left to check (MSG-14)."""


def connect(server: BayeuxServer, messages: Sequence[Fields], transport: Transport, context: Context) -> Rest | None:
    """Process the messages of a request if they are one connect; what is left to do, which mostly is nothing.

    None for any others, to which nothing has happened then.
    """
    if len(messages) > 1 or messages[0].get("channel") != META_CONNECT:
        return None
    session = server.owned_session(messages[0], transport, context, is_poll=True)
    started = server.clock()
    if session is not None and _is_plain(server, session):
        message = _admitted(messages, session, context, started)
        if message is not None:
            handled.set(message)
            server.counters.messages_received[Kind.META, transport.name] += 1
            channel = server.channels.get(META_CONNECT)
            if channel is None or not channel.is_heard:
                _process(server, session, transport, message, context, started, started)
                return DONE
            rest = _listen(server, channel, session, message, started)
            if not (rest or transport.closed) and _is_plain(server, session):
                _process(server, session, transport, message, context, started, server.clock())
                return DONE
            exchange = Exchange(server, messages, session, transport, context)
            return exchange.steps(Begun(message, started, exchange.settle(session, message, rest)))
    return Exchange(server, messages, session, transport, context).steps()


def _is_plain(server: BayeuxServer, session: ServerSession) -> bool:
    """Nobody but listeners wants to see the session's messages, and nothing else of it is going on."""
    return not (
        server.extensions
        or session.hooks is not None
        or session.held is not None
        or session.batches
        or session.acknowledgement is not None
        or session.recovering is not None
        or session.is_traced
        or session.is_over
        or server.is_draining
    )


def _admitted(messages: Sequence[Fields], session: ServerSession, context: Context, now: float) -> Message | None:
    """The message, if it is in order and within its session's rate (SEC-L19)."""
    fields, options = messages[0], context.options
    if oversized(messages, options):
        return None
    if fields.keys() <= _USUAL and ((given := fields.get("id")) is None or is_valid_id(given)):
        message = Message(_CHANNEL, fields, Request.CONNECT)
    else:
        try:
            message = Message.received(fields, options)
        except ProtocolError:
            return None
    return message if admit(session, message, context, now) else None


def _listen(server: BayeuxServer, channel: ServerChannel, session: ServerSession, message: Message, now: float) -> Rest:
    """Have the listeners hear it; they find all as they do on the long way. What is left if one must be waited for."""
    message.begin_reply()
    session.stop_clock(now)
    server.watch(session)
    session.batches += 1
    try:
        return publication.hear(channel, session, message)
    finally:
        session.batches -= 1


def _process(
    server: BayeuxServer,
    session: ServerSession,
    transport: Transport,
    message: Message,
    context: Context,
    started: float,
    now: float,
) -> None:
    if server.listeners.suspended:
        message.begin_reply()  # they may add to it
    counters, name = server.counters, transport.name
    is_crowded = server.sessions.is_crowded(session, context)
    (effect,) = receive(session, message, Arrival(now, name, crowded=is_crowded))
    server.watch(session)
    if isinstance(effect, Hold):
        attachment.hold(server, session, transport, message)
        counters.observe_request(Request.CONNECT, server.clock() - started)
        return
    assert isinstance(effect, Reply)
    if session.queue.messages:
        session.return_token()
    counters.observe_request(Request.CONNECT, server.clock() - started)
    answering.answer(server, session, transport, effect.fields)
    if session.queue.is_pressing:
        server.flusher.mark(session)
