"""The short way of connects and subscribes of a session that nobody watches, alone or together.

Clients set a session up by little else. It needs nothing of what ``Exchange`` asks again before each message and each
reply. The same functions decide, the session by the table of its transitions, and both ways say the same, byte for byte
(``test_joining``). The application may be asked; as soon as an answer of its must be waited for, something is refused,
or a hook did more than answer, the long way goes on from there.

Cost model: some questions a body, then for each message the plain calls that check, authorise and process it; no
task, and a generator only where the application may be asked (benchmarks/quick).

Rules: SES-4, SES-5, CN-1…6, CN-24, SUB-1…7, BAT-1…6, SEC-L8, SEC-L11, SEC-L19.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bayeux.protocol.channel import Kind, parse_channel
from bayeux.protocol.effects import Hold, Reply
from bayeux.protocol.errors import ProtocolError
from bayeux.protocol.message import Fields, Message, Request, has_numbers, is_valid_id, oversized
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply as ReplyFields
from bayeux.protocol.session import Arrival
from bayeux.protocol.transitions import receive
from bayeux.server import answering, attachment
from bayeux.server.current import handled
from bayeux.server.exchange import Begun, Exchange, asked
from bayeux.server.short_way import admit
from bayeux.server.steps import DONE, Rest, begin, fail

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context, Transport

# Out of an Enum a member costs ten times as much as a global.
_CONNECT, _SUBSCRIBE, _META = Request.CONNECT, Request.SUBSCRIBE, Kind.META
_REQUESTS = {request.value: (parse_channel(request), request) for request in (_CONNECT, _SUBSCRIBE)}
_USUAL = frozenset(("advice", "channel", "clientId", "connectionType", "id", "subscription"))
"""Fields of nearly every such message; where they tell its session, only two of them are left to check (MSG-14)."""


def join(server: BayeuxServer, messages: Sequence[Fields], transport: Transport, context: Context) -> Rest | None:
    """Process the messages of a body or frame if they are such requests; what is left, which mostly is nothing.

    None for any others, to which nothing has happened then.
    """
    requests = _requests(messages, context.options)
    if requests is None:
        return None
    is_poll = requests[0].request is _CONNECT and not transport.streaming
    session = server.owned_session(messages[0], transport, context, is_poll=is_poll)
    if session is None or not _is_plain(server, session, transport) or _replaces(session, requests):
        return Exchange(server, messages, session, transport, context).steps()
    rest = _process(server, session, transport, messages, requests, context)
    if not rest and session.queue.is_pressing and not session.is_over:
        server.flusher.mark(session)  # BAT-4: what the answer did not carry
    return rest


def _requests(messages: Sequence[Fields], options: Options) -> list[Message] | None:
    """The messages, if all of them are connects and subscribes of one session and in order."""
    if 0 < options.max_batch_messages < len(messages) or oversized(messages, options):
        return None
    client_id, requests = messages[0].get("clientId"), []
    for fields in messages:
        name = fields.get("channel")
        known = _REQUESTS.get(name) if isinstance(name, str) else None
        if known is None or fields.get("clientId") != client_id:
            return None
        given, advice = fields.get("id"), fields.get("advice")
        is_checked = (given is None or is_valid_id(given)) and (
            advice is None or (isinstance(advice, dict) and has_numbers(advice))
        )
        if is_checked and fields.keys() <= _USUAL:
            requests.append(Message(known[0], fields, known[1]))
            continue
        try:
            requests.append(Message.received(fields, options))
        except ProtocolError:
            return None
    return requests


def _replaces(session: ServerSession, requests: list[Message]) -> bool:
    """A connect of it is held, and another one takes its place (CN-10)."""
    return session.held is not None and any(request.request is _CONNECT for request in requests)


def _is_plain(server: BayeuxServer, session: ServerSession, transport: Transport) -> bool:
    """Nobody wants to see the session's messages, and all it is sent may go by this transport."""
    return not (
        server.extensions
        or session.hooks is not None
        or session.batches
        or session.acknowledgement is not None
        or server.recovery is not None
        or session.is_traced
        or session.is_over
        or session.connect_only
        or transport.connect_only
        or transport.closed
        or server.is_draining
        or (transport.streaming and session.transport is not transport)
    )


def _process(
    server: BayeuxServer,
    session: ServerSession,
    transport: Transport,
    messages: Sequence[Fields],
    requests: list[Message],
    context: Context,
) -> Rest:
    counters, clock, name, is_streaming = server.counters, server.clock, transport.name, transport.streaming
    replies: list[ReplyFields] = []
    for message in requests:
        started = clock()
        if not admit(session, message, context, started):
            return _long_way(server, session, transport, messages, context, replies).steps()
        request = message.request
        is_connect = request is _CONNECT
        if not is_connect:
            session.touch(started)
        else:
            session.stop_clock(started)  # SES-5
            if server.listeners.suspended:
                message.begin_reply()  # they may add to it
        handled.set(message)
        counters.messages_received[_META, name] += 1
        effects = None
        session.batches += 1  # as who is asked will find it
        try:
            asking = begin(asked(server, session, message))
        except Exception as error:  # noqa: BLE001 - the long way says what is wrong
            asking = fail(error)
        finally:
            session.batches -= 1
        if not asking and _is_plain(server, session, transport):
            is_crowded = is_connect and not is_streaming and server.sessions.is_crowded(session, context)
            arrival = Arrival(started, name, is_streaming, len(requests) == 1, crowded=is_crowded)
            try:
                effects = receive(session, message, arrival)
            except Exception as error:  # noqa: BLE001 - likewise
                asking = fail(error)
        if effects is None:
            exchange = _long_way(server, session, transport, messages, context, replies)
            return exchange.steps(Begun(message, started, exchange.settle(session, message, asking)))
        if is_connect:
            server.watch(session)
        performing = iter(effects)
        for effect in performing:
            if isinstance(effect, Reply):
                replies.append(effect.fields)
            elif isinstance(effect, Hold):
                attachment.hold(server, session, transport, message)
                counters.observe_request(request, clock() - started)
                return DONE
            else:
                rest = begin(server.perform(session, effect, message))
                if rest or not _is_plain(server, session, transport):
                    exchange = _long_way(server, session, transport, messages, context, replies)
                    return exchange.steps(Begun(message, started, exchange.perform(session, message, performing, rest)))
        if is_connect and session.queue.messages:
            session.return_token()
        counters.observe_request(request, clock() - started)
    transport.send(answering.take(server, session, transport, replies), answering.encoded(replies))
    return DONE


def _long_way(
    server: BayeuxServer,
    session: ServerSession,
    transport: Transport,
    messages: Sequence[Fields],
    context: Context,
    replies: list[ReplyFields],
) -> Exchange:
    """For what was not replied to yet."""
    return Exchange(server, messages[len(replies) :], session, transport, context, replies)
