"""One request body or frame on its way: whose it is, what each message gets, what goes back.

Messages are processed strictly one after the other (BAT-1); a refused one does not stop the next
(BAT-3). The way of a message: extensions, session, rate, authorisation, listeners, session core, effects
(PUB-10). Nothing waits unless a hook of the application does.

Source: sections 4…11 of the Bayeux reference.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bayeux.protocol import advice as advices
from bayeux.protocol.channel import META_CONNECT, Kind
from bayeux.protocol.client_id import new_client_id
from bayeux.protocol.effects import Effect, Hold, Reply
from bayeux.protocol.encoded import NOTHING, Batch
from bayeux.protocol.errors import (
    FieldInvalid,
    HandshakeDenied,
    HandshakeFailed,
    InternalError,
    MessageDeleted,
    ProtocolError,
    RateLimited,
    SessionUnknown,
    SubscribeFailed,
    UnsubscribeFailed,
)
from bayeux.protocol.hooks import STOP
from bayeux.protocol.message import Fields, Message, Request, failed, oversized, reply_to, too_large
from bayeux.protocol.reply import Reply as ReplyFields
from bayeux.protocol.session import Arrival
from bayeux.protocol.transitions import Happening, receive
from bayeux.server import answering, attachment, ending, publication
from bayeux.server.authorisation import ask_policy, authorise_subscribe, judge, refusal
from bayeux.server.current import handled
from bayeux.server.security import Denied
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import DONE, Rest, Steps, ask, call
from bayeux.server.trace import trace_received
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.cluster.cluster import Cluster
    from bayeux.server.recovery import Plan
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

# Out of an Enum a member costs ten times as much as a global.
_HANDSHAKE, _CONNECT, _SUBSCRIBE, _PUBLISH = Request.HANDSHAKE, Request.CONNECT, Request.SUBSCRIBE, Request.PUBLISH

_ENDED_MEANWHILE = {Request.SUBSCRIBE: SubscribeFailed, Request.UNSUBSCRIBE: UnsubscribeFailed}


class Begun(NamedTuple):
    """A message that came a short way as far as somebody has to be waited for, or something is wrong.

    Args:
        processing: the rest of it, made of this exchange's own steps.
    """

    message: Message
    started: float
    processing: Steps[None]


class Exchange:
    """The processing of one body or frame; what is sent from inside the server differs in who begins a session, in
    its data, and in where its replies go (``LocalExchange``).

    Args:
        messages: at least one, none of them looked at yet.
        session: the one its first message named and was found to own (SES-4); None if there is none.
        replies: to the messages ahead of these, which came a short way.
    """

    __slots__ = ("_context", "_has_connect_reply", "_is_alone", "_is_handshake", "_is_held", "_messages", "_replies",
                 "_server", "_session", "_transport")  # fmt: skip

    def __init__(
        self,
        server: BayeuxServer,
        messages: Sequence[Fields],
        session: ServerSession | None,
        transport: Transport,
        context: Context,
        replies: Sequence[ReplyFields] = (),
    ) -> None:
        self._server = server
        self._messages = messages
        self._session = session
        self._transport = transport
        self._context = context
        self._replies: list[ReplyFields] = [*replies]
        self._is_alone = len(messages) == 1 and not replies
        self._is_handshake = False
        self._is_held = False
        self._has_connect_reply = any(reply["channel"] == META_CONNECT for reply in replies) if replies else False

    def steps(self, begun: Begun | None = None) -> Steps[None]:
        """Process every message, then answer.

        Args:
            begun: what was done with the first one.
        """
        session = self._session
        too_big = oversized(self._messages, self._context.options)
        if session is not None:
            session.batches += 1
        try:
            for position, fields in enumerate(self._messages):
                if begun is None:
                    yield from self._answer(fields, position in too_big)
                else:
                    yield from self._answer_begun(fields, begun)
                    begun = None
            yield from self._finish()
        except asyncio.CancelledError:
            if not self._transport.closed:
                self._transport.dismiss(503)  # the server stops while a hook is awaited
            raise
        finally:
            if session is not None:
                session.batches -= 1
                if session.queue.is_pressing and not session.is_over:
                    self._server.flusher.mark(session)  # BAT-4: what this answer does not carry

    # One message ---------------------------------------------------------------------------------

    def _answer(self, fields: Fields, is_too_big: bool) -> Steps[None]:
        """Process one message; whatever is wrong with it becomes its reply (BAT-3, BER-2)."""
        server, session = self._server, self._session
        started = server.clock()
        request: Request | None = None
        message: Message | None = None
        try:
            if session is not None and not session.is_over:
                self._charge(session, started)
                if session.is_traced:
                    trace_received(session, fields)
            message = Message.received(fields, self._context.options)
            message.context = self._context
            handled.set(message)
            request = message.request
            if request is _PUBLISH and (revive := self._context.options.json_codec.revive) is not None:
                self._revive(message, revive)
            server.counters.messages_received[message.channel.kind, self._transport.name] += 1
            if is_too_big:
                server.reject("SEC-L8")
                raise too_large(self._context.options)
            if request is _HANDSHAKE:
                yield from self._handshake(message)
            elif session is None or message.client_id != session.client_id:
                yield from self._process_without_session(message)
            elif request is _CONNECT and not session.is_over:
                yield from self._process_connect(session, message, self._process_for(session, message))
            else:
                yield from self._process_for(session, message)
        except ProtocolError as error:
            self._fail(fields, error, request, message)
        except Exception:
            log.exception("processing a message failed")
            self._fail(fields, InternalError(), request, None)
        server.counters.observe_request(request or _PUBLISH, server.clock() - started)

    def _answer_begun(self, fields: Fields, begun: Begun) -> Steps[None]:
        message, started, processing = begun
        request = message.request
        try:
            yield from processing
        except ProtocolError as error:
            self._fail(fields, error, request, message)
        except Exception:
            log.exception("processing a message failed")
            self._fail(fields, InternalError(), request, None)
        self._server.counters.observe_request(request, self._server.clock() - started)

    def _process_connect(self, session: ServerSession, message: Message, processing: Steps[None]) -> Steps[None]:
        """The expiry clock stands still meanwhile, and runs again whatever comes of it (SES-5, SES-7)."""
        message.begin_reply()  # hooks may add to it for as long as it is held
        if not session.is_over:  # as who was asked on a short way may have decided
            session.stop_clock(self._server.clock())
            self._server.watch(session)
        try:
            yield from processing
        finally:
            if not session.is_over:
                session.ensure_clock(self._server.clock())
                self._server.watch(session)
        if self._has_connect_reply and session.queue.messages:
            session.return_token()

    def _process_for(self, session: ServerSession, message: Message) -> Steps[None]:
        """A message of this exchange's own session."""
        server, request = self._server, message.request
        message.session = session
        session.last_seen_at = server.clock()
        if request is not _CONNECT:
            session.touch(session.last_seen_at)
        if answering.has_extensions(server, session):
            yield from self._extend(session, message)
        if session.is_over:
            self._bid_farewell(session, message)
        elif request is _PUBLISH:
            session.options = self._context.options
            yield from self.succeed_behind(message, publication.pass_on(server, message, session))
        else:
            yield from self._process_meta(session, message)

    def _process_meta(self, session: ServerSession, message: Message) -> Steps[None]:
        yield from self._settle(session, message, asked(self._server, session, message))

    def settle(self, session: ServerSession, message: Message, asking: Rest) -> Steps[None]:
        """The rest of a connect or subscribe about which these steps ask."""
        settling = self._settle(session, message, asking)
        return self._process_connect(session, message, settling) if message.request is _CONNECT else settling

    def _settle(self, session: ServerSession, message: Message, asking: Steps[Plan | None] | Rest) -> Steps[None]:
        """Ask the session what a meta request comes to, and do it."""
        request = message.request
        plan = yield from asking
        if session.is_over and request in _ENDED_MEANWHILE:
            raise _ENDED_MEANWHILE[request]
        if self._transport.closed and request is _CONNECT:
            return  # the client left while a hook was awaited: there is nothing to hold
        effects = receive(session, message, self._arrival(session, may_be_held=request is _CONNECT))
        if plan is not None and self._server.recovery is not None:
            self._server.recovery.begin(session, plan)
        yield from self.perform(session, message, effects, plan=plan)

    def perform(
        self,
        session: ServerSession,
        message: Message,
        effects: Iterable[Effect],
        performing: Rest = DONE,
        *,
        plan: Plan | None = None,
    ) -> Steps[None]:
        """Do what the session asks for on account of a meta request.

        Args:
            performing: the rest of the effect in front of these.
            plan: of what the session is to be sent of the past (RPL-16).
        """
        server = self._server
        yield from performing
        for effect in effects:
            if isinstance(effect, Reply):
                self._has_connect_reply = self._has_connect_reply or message.request is _CONNECT
                if plan is not None and server.recovery is not None:
                    server.recovery.go_on(session)
                    if plan.report:
                        effect.fields["ext"] = {**effect.fields.get("ext", {}), "replay": dict(plan.report)}
                self._reply(effect.fields, message)
            elif isinstance(effect, Hold):
                self._is_held = True
                if session.held is not None and answering.has_extensions(server, session):
                    session.held.reply.request = message
                attachment.hold(server, session, self._transport, message)
            else:
                yield from server.perform(session, effect, message)

    def _process_without_session(self, message: Message) -> Steps[None]:
        """PUB-2: an anonymous publish where that is allowed, else 402."""
        yield from self._extend(None, message)
        is_publish = message.request is _PUBLISH and message.client_id is None
        if not (is_publish and self._context.options.allow_anonymous_publish):
            raise self._server.refusal_of(message.client_id, self._context)
        self._server.admission.admit_anonymous(self._context)
        yield from self.succeed_behind(message, publication.pass_on(self._server, message, None))

    def succeed_behind(self, message: Message, publishing: Rest) -> Steps[None]:
        """The rest of a publish, and its reply (PUB-13)."""
        yield from publishing
        message.reply["successful"] = True  # not before: who vetoes may word the reply (MSGX-2)
        self._reply(message.reply, message)

    def _bid_farewell(self, session: ServerSession, message: Message) -> None:
        """The session ended before this message: kicked (DSC-7), or in this very batch (DSC-12)."""
        if not self._server.sessions.was_kicked(session):
            raise SessionUnknown
        if message.request is not _CONNECT:
            raise SessionUnknown(instead={"advice": dict(advices.STOP)})
        for effect in receive(session, message, self._arrival(session)):
            if isinstance(effect, Reply):
                self._reply(effect.fields, message)

    def _handshake(self, message: Message) -> Steps[None]:
        """HS-1…8: every handshake makes a new session; a refused one leaves nothing behind (LST-5)."""
        server = self._server
        self._is_handshake = True
        session = self._new_session()
        message.session = session
        if answering.has_extensions(server, session):
            yield from self._extend(session, message)
        decision = yield from judge(ask_policy(server.policy.can_handshake, server, session, message))
        if isinstance(decision, Denied):
            raise refusal(HandshakeDenied, decision)
        yield from _heard(server, session, message)
        if decision.user is not None:
            session.user = decision.user
        if decision.roles is not None:
            session.roles = decision.roles
        server.admission.admit_session(session)
        for effect in receive(session, message, self._arrival(session)):
            if isinstance(effect, Reply):
                if server.cluster is not None:
                    yield from server.cluster.before_begin(session, message)
                yield from server.begin(session, self._transport, message)
                if session.is_over:  # a listener kicked it: its client has no id to come back with
                    server.sessions.forget_kicked(session)
                    raise HandshakeFailed
                if decision.ext:
                    effect.fields["ext"] = {**effect.fields.get("ext", {}), **decision.ext}
                self._session = session
                self._reply(effect.fields, message)
        server.counters.handshakes["successful", self._transport.name] += 1

    def _new_session(self) -> ServerSession:
        """One that no policy has been asked about. Raises Unavailable or RateLimited."""
        server, context = self._server, self._context
        server.admission.admit_handshake(context)
        client_id = new_client_id(server.random_bytes)
        if server.cluster is not None:
            client_id = server.cluster.hint + client_id
        return ServerSession(client_id, context.options, server, context, server.clock())

    # Its way ---------------------------------------------------------------------------------------

    def _revive(self, message: Message, revive: Callable[[Any], Any]) -> None:
        """Give the message the data as the application's codec sees it (MSGX-6)."""
        try:
            message.data = call(revive, message.data)
        except Exception:
            log.exception("the codec did not take a message's data", extra={"channel": message.channel.text})
            raise FieldInvalid("data") from None

    def _extend(self, session: ServerSession | None, message: Message) -> Steps[None]:
        """Server-wide extensions, then the session's; any of them may stop the message (EXN-2, EXN-4)."""
        extensions = list(self._server.extensions)
        if session is not None and session.hooks is not None:
            extensions += session.hooks.extensions
        for extension in extensions:
            is_meta = message.channel.kind is Kind.META
            hook = extension.incoming_meta if is_meta else extension.incoming
            try:
                answer = yield from ask(hook, session, message)
            except ProtocolError:
                raise
            except Exception:
                log.exception("an incoming extension raised")
                continue
            if answer is STOP:
                raise MessageDeleted

    def _charge(self, session: ServerSession, now: float) -> None:
        """SEC-L19: a client above its rate is refused, and ended when it goes on regardless."""
        options, server = self._context.options, self._server
        if session.take_token(options, now):
            session.refused_in_a_row = 0
            return
        server.reject("SEC-L19")
        session.refused_in_a_row += 1
        if session.refused_in_a_row >= 10:
            ending.let_happen(server, session, Happening.FLOOD)
        raise RateLimited(f"{options.session_message_rate:g} a second")

    # What goes back --------------------------------------------------------------------------------

    def answer(self, reply: ReplyFields, message: Message) -> Rest:
        """Answer with this reply to the only message, which was processed."""
        self._reply(reply, message)
        return self._finish()

    def _arrival(self, session: ServerSession, *, may_be_held: bool = False) -> Arrival:
        server, transport, context = self._server, self._transport, self._context
        session.options = context.options
        is_streaming = transport.streaming
        return Arrival(
            server.clock(),
            transport.name,
            is_streaming,
            self._is_alone,
            session.batches > 1,
            may_be_held and not is_streaming and server.sessions.is_crowded(session, context),
            server.leaving_interval() if server.is_draining else None,
        )

    def _reply(self, fields: ReplyFields, message: Message | None) -> None:
        if message is not None and answering.has_extensions(self._server, self._session):
            fields.request = message
        self._replies.append(fields)

    def _fail(self, fields: Fields, error: ProtocolError, request: Request | None, message: Message | None) -> None:
        server = self._server
        if request is _HANDSHAKE:
            server.counters.handshakes["failed", self._transport.name] += 1
        if message is not None and message.is_handled:  # MSGX-2
            message.reply.setdefault("successful", False)
            self._reply(message.reply, message)
            return
        advice = advices.for_failure(error, request, self._context.options, server.admission.pause())
        reply = reply_to(fields)
        if message is not None and "ext" in message.reply:
            reply["ext"] = message.reply["ext"]
        self._reply(failed(reply, error, advice), message)

    def _finish(self) -> Rest:
        """Answer: the events first, then the replies (BAT-5, BAT-6)."""
        if self._is_held or self._transport.closed:
            return DONE
        if answering.has_extensions(self._server, self._session):
            return self._finish_extended()
        self._send(self._replies)
        return DONE

    def _finish_extended(self) -> Steps[None]:
        """The same with the replies that the extensions let pass."""
        session, transport = self._session, self._transport
        batch = 0 if session is None else answering.next_batch(session)
        replies = yield from answering.extended(self._server, session, self._replies)
        if transport.closed:
            return  # the client left while an extension was awaited: nothing was taken
        if session is not None and self._has_connect_reply and answering.is_overtaken(session, batch):
            replies = [reply for reply in replies if reply.get("channel") != META_CONNECT]
            self._has_connect_reply = False
            if not replies:
                transport.dismiss(session.options.duplicate_meta_connect_http_code)
                return
        self._send(replies)

    def _send(self, replies: list[ReplyFields]) -> None:
        session, transport = self._session, self._transport
        events = NOTHING if session is None else self._events(session, replies)
        if self._is_handshake and events.messages:
            self._send_behind_handshake(events, replies)
        else:
            answering.send(session, transport, events, answering.encoded(replies))
        if session is not None:
            answering.tell_sent(self._server, session, events, replies)

    def _send_behind_handshake(self, events: Batch, replies: list[ReplyFields]) -> None:
        """HS-14: the reply says how many events follow it, in the same response or in frames of their own."""
        transport = self._transport
        replies[0]["x-messages"] = len(events)
        if transport.streaming:
            answering.send(self._session, transport, NOTHING, answering.encoded(replies))
            answering.send(self._session, transport, events, ())
        else:
            behind = [event.json for event in events.messages]
            answering.send(self._session, transport, NOTHING, [*answering.encoded(replies), *behind])

    def _events(self, session: ServerSession, replies: list[ReplyFields]) -> Batch:
        """What of the session's events leaves with this answer (DEL-1…3, HS-11)."""
        server, transport = self._server, self._transport
        if server.cluster is not None and server.cluster.is_fenced:
            answering.refuse_connects(replies)
            return NOTHING
        if session.is_over:
            if not server.sessions.was_kicked(session):
                return NOTHING
            server.sessions.forget_kicked(session)
            if transport.streaming:
                ending.close_soon(server, transport)
            return answering.take(server, session, transport, replies)
        return (
            answering.take(server, session, transport, replies) if self._carries_events(session, replies) else NOTHING
        )

    def _carries_events(self, session: ServerSession, replies: list[ReplyFields]) -> bool:
        transport = self._transport
        if self._is_handshake:
            is_successful = bool(replies) and replies[0].get("successful") is True
            return session.allow_message_delivery_during_handshake and is_successful
        if (session.connect_only or transport.connect_only) and not self._has_connect_reply:
            return False
        return not transport.streaming or session.transport is transport


def asked(server: BayeuxServer, session: ServerSession, message: Message) -> Steps[Plan | None] | tuple[()]:
    """Ask whoever has a say in a meta request; what follows for the events that its session missed.

    Raises ProtocolError, as the steps do.
    """
    if message.request is _SUBSCRIBE:
        return _asked_of_subscribe(server, session, message)
    if message.request is Request.UNSUBSCRIBE and server.cluster is not None:
        return _asked_of_unsubscribe(server.cluster, server, session, message)
    return _heard(server, session, message)


def _asked_of_subscribe(server: BayeuxServer, session: ServerSession, message: Message) -> Steps[Plan | None]:
    plan: Plan | None = None
    yield from authorise_subscribe(server, message, session)
    if server.cluster is not None:
        yield from server.cluster.before_subscribe(session, message)
    if server.recovery is not None:
        plan = yield from server.recovery.plan(session, message)
    yield from _heard(server, session, message)
    return plan


def _asked_of_unsubscribe(
    cluster: Cluster, server: BayeuxServer, session: ServerSession, message: Message
) -> Steps[None]:
    yield from cluster.before_unsubscribe(session, message)
    yield from _heard(server, session, message)


def _heard(server: BayeuxServer, session: ServerSession, message: Message) -> Rest:
    """Listeners on a meta channel hear only that very channel (CHN-5, CN-24)."""
    channel = server.channels.get(message.channel.text)
    if channel is None or not channel.is_heard:
        return DONE
    if message.request is _CONNECT:
        message.begin_reply()  # hooks may add to it for as long as it is held
    return publication.hear(channel, session, message)
