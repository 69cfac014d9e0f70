"""Asking the policy and the authorizers, and what their answers mean.

Source: SUB-4, PUB-6, AUZ-4…6, BER-2.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bayeux.protocol import advice as advices
from bayeux.protocol.channel import META_CHANNELS, ChannelName, Kind
from bayeux.protocol.errors import (
    ChannelCreateDenied,
    ChannelInvalid,
    CreateDenied,
    HandshakeDenied,
    ProtocolError,
    PublishDenied,
    SubscribeDenied,
)
from bayeux.protocol.message import Message, subscriptions_of
from bayeux.server.channels import Channels
from bayeux.server.security import (
    DENIED_BY_NOT_GRANTING,
    DENIED_BY_POLICY,
    Authorizer,
    Decision,
    Denied,
    Granted,
    Operation,
    Verdict,
)
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import DONE, Rest, Steps, ask, settle

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

_GRANTED = Granted()


def authorise_subscribe(server: BayeuxServer, message: Message, session: ServerSession) -> Steps[None]:
    """Let it pass only if every channel of the request is granted: none takes effect before (SUB-3…6).

    Raises ProtocolError.
    """
    is_array = isinstance(message.fields.get("subscription"), list)
    for channel in subscriptions_of(message, session.options):
        about = (channel.text,) if is_array else ()
        if channel.kind is Kind.SERVICE:
            continue
        if channel.kind is Kind.META:
            error = SubscribeDenied if channel.text in META_CHANNELS else CreateDenied
            raise error(DENIED_BY_POLICY, *about)
        if server.channels.get(channel.text) is None and not server.is_private(channel):
            yield from _authorise_create(server, channel, session, message, CreateDenied, about)
        yield from authorise(server, Operation.SUBSCRIBE, channel, session, message, SubscribeDenied, about)


def authorise_publish(server: BayeuxServer, message: Message, session: ServerSession | None) -> Rest:
    """PUB-5, PUB-6; private names are the application's to address, whatever the policy says (SEC-44).

    Raises ProtocolError.
    """
    channel = message.channel
    if channel.is_wild or channel.is_template:
        raise ChannelInvalid
    if channel.is_below(server.options.private_prefixes):
        raise PublishDenied(DENIED_BY_POLICY)
    if server.channels.get(channel.text) is None:
        return _authorise_first_publish(server, channel, session, message)
    try:  # as ``ask_policy``, without a tuple of arguments: every publish is asked about
        answer: Any = server.policy.can_publish(server, session, channel, message)
    except (Exception, asyncio.CancelledError):
        log.exception("the security policy raised")
        answer = Denied()
    if answer is True and not (server.channels.may_be_guarded and _guards(server.channels, channel)):
        return DONE
    return _weigh(answer, server.channels, Operation.PUBLISH, channel, session, message, PublishDenied, ())


def _authorise_first_publish(
    server: BayeuxServer, channel: ChannelName, session: ServerSession | None, message: Message
) -> Steps[None]:
    yield from _authorise_create(server, channel, session, message, ChannelCreateDenied, ())
    yield from authorise(server, Operation.PUBLISH, channel, session, message, PublishDenied, ())


def _authorise_create(
    server: BayeuxServer,
    channel: ChannelName,
    session: ServerSession | None,
    message: Message,
    error: type[ProtocolError],
    about: tuple[str, ...],
) -> Steps[None]:
    """CH-30: a channel that does not exist needs it."""
    bound = server.options.max_channels
    if bound and len(server.channels) - len(META_CHANNELS) >= bound:
        raise error("limit", *about)
    yield from authorise(server, Operation.CREATE, channel, session, message, error, about)


def authorise(
    server: BayeuxServer,
    operation: Operation,
    channel: ChannelName,
    session: ServerSession | None,
    message: Message,
    error: type[ProtocolError],
    about: tuple[str, ...],
) -> Rest:
    """The policy first, then the authorizers; raises ``error`` with the words of whoever denies."""
    answer = ask_policy(getattr(server.policy, f"can_{operation}"), server, session, channel, message)
    if answer is True and not (server.channels.may_be_guarded and _guards(server.channels, channel)):
        return DONE
    return _weigh(answer, server.channels, operation, channel, session, message, error, about)


def _weigh(
    answer: Any,
    channels: Channels,
    operation: Operation,
    channel: ChannelName,
    session: ServerSession | None,
    message: Message,
    error: type[ProtocolError],
    about: tuple[str, ...],
) -> Steps[None]:
    """The same where the policy has not just granted it, or somebody guards the channel."""
    decision = yield from judge(answer)
    denied = decision if isinstance(decision, Denied) else None
    if denied is None and (guards := _guards(channels, channel)):
        denied = yield from _consult(guards, operation, channel, session, message)
    if denied is not None:
        raise refusal(error, denied, *about)


def _guards(channels: Channels, name: ChannelName) -> list[Authorizer]:
    """The authorizers of all channels that match."""
    guards: list[Authorizer] = []
    for channel in channels.matching(name):
        if channel.is_guarded:
            guards += channel.authorizers
    return guards


def ask_policy(question: Callable[..., Any], *arguments: Any) -> Any:
    """Ask the policy one question; a policy that raises denies (BER-2). ``judge`` tells what an answer means."""
    try:
        return question(*arguments)
    except (Exception, asyncio.CancelledError):  # of something it asked for the result of: nobody cancelled us
        log.exception("the security policy raised")
        return Denied()


def judge(answer: Any) -> Steps[Granted | Denied]:
    """The decision that the policy's answer is, or comes to when it was awaited."""
    if answer is True:
        return _GRANTED
    try:
        decision: Decision = yield from settle(answer)
    except Exception:
        log.exception("the security policy raised")
        return Denied()
    if isinstance(decision, (Granted, Denied)):
        return decision
    return Granted() if decision else Denied()


def refusal(error: type[ProtocolError], denied: Denied, *about: str) -> ProtocolError:
    """The error of a denial, with the words of whoever denied (HS-7)."""
    is_handshake = error is HandshakeDenied
    instead: dict[str, Any] = {}
    if denied.error is not None:
        instead["error"] = denied.error
    if denied.advice is not None:
        instead["advice"] = {**advices.STOP, **denied.advice} if is_handshake else dict(denied.advice)
    if denied.ext is not None:
        instead["ext"] = dict(denied.ext)
    return error(instead=instead) if is_handshake else error(denied.reason, *about, instead=instead)


def _consult(
    guards: list[Authorizer], operation: Operation, name: ChannelName, session: ServerSession | None, message: Message
) -> Steps[Denied | None]:
    """Ask the authorizers, of which there is at least one; None if they let it pass (AUZ-5)."""
    is_granted = False
    for guard in guards:
        try:
            verdict = yield from ask(guard.authorize, operation, name, session, message)
        except Exception:
            log.exception("an authorizer raised")
            return Denied(reason=DENIED_BY_POLICY)
        if isinstance(verdict, Denied):
            return verdict
        is_granted = is_granted or verdict is Verdict.GRANT
    return None if is_granted else Denied(reason=DENIED_BY_NOT_GRANTING)
