"""Asking the policy and the authorizers, and what their answers mean.

Source: SUB-4, PUB-6, AUZ-4…6, BER-2.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from bayeux.protocol import advice as advices
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.errors import HandshakeDenied, ProtocolError
from bayeux.protocol.message import Message
from bayeux.server.channels import Channels
from bayeux.server.security import (
    DENIED_BY_NOT_GRANTING,
    DENIED_BY_POLICY,
    Decision,
    Denied,
    Granted,
    Operation,
    Verdict,
)
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps, ask

log = logging.getLogger(__name__)


def decide(question: Callable[..., Any], *arguments: Any) -> Steps[Granted | Denied]:
    """Ask the policy one question; a policy that raises denies (BER-2)."""
    try:
        decision: Decision = yield from ask(question, *arguments)
    except Exception:
        log.exception("the security policy raised")
        return Denied()
    if isinstance(decision, (Granted, Denied)):
        return decision
    return Granted() if decision else Denied()


def refusal(error: type[ProtocolError], denied: Denied, *about: str) -> ProtocolError:
    """The error of a denial, with the words of whoever denied (HS-7)."""
    is_handshake = error is HandshakeDenied
    refused = error() if is_handshake else error(denied.reason, *about)
    instead: dict[str, Any] = {}
    if denied.error is not None:
        instead["error"] = denied.error
    if denied.advice is not None:
        instead["advice"] = {**advices.STOP, **denied.advice} if is_handshake else dict(denied.advice)
    if denied.ext is not None:
        instead["ext"] = dict(denied.ext)
    refused.instead = instead
    return refused


def consult(
    channels: Channels, operation: Operation, name: ChannelName, session: ServerSession | None, message: Message
) -> Steps[Denied | None]:
    """Ask the authorizers of all channels that match; None if they let it pass (AUZ-5)."""
    guards = [guard for channel in channels.matching(name) for guard in channel.authorizers]
    is_granted = not guards
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
