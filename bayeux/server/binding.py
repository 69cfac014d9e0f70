"""Whose session a request may speak for: a clientId alone is not enough.

Over HTTP the browser cookie of the handshake proves it, or the same authenticated user; a socket is its own
proof once a session is bound to it.

Source: COOK-3, COOK-4, JP-7, WS-30, WS-32, SEC-42, AG-103.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bayeux.protocol.errors import ProtocolError, SessionUnknown, SpeakerDenied
from bayeux.server.authorisation import refusal
from bayeux.server.security import Denied
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)


CALLBACK_POLLING = "callback-polling"
# Seconds that a socket may be older or younger than the session it was opened for.
SOCKET_AHEAD, SOCKET_BEHIND = 10.0, 2.0


class Binding:
    """Finds the session that a request names and may use."""

    __slots__ = ("_has_warned", "_server", "_sessions")

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        self._sessions = server.sessions
        self._has_warned = False

    def find(self, client_id: str | None, transport: Transport, context: Context) -> ServerSession | None:
        """The session of that id, or None where it is unknown or somebody else's."""
        if transport.streaming:
            return self._on_socket(client_id, transport, context)
        session = self._sessions.find(client_id)
        if session is None or self._is_foreign_user(session, context):
            return None
        browser = context.browser
        if browser is not None and browser == session.browser:
            session.browser = browser  # one string in place of two, for as long as its connect is held
            return session
        if transport.name != CALLBACK_POLLING and (  # JP-7: any page can make a browser load a script
            _is_same_user(session, context) or context.options.trust_client_session
        ):
            return session
        if context.browser is None and not self._has_warned:
            self._has_warned = True
            log.warning(
                "a client was answered 402 because it sent no %s cookie; clients without cookies "
                "need trust_client_session, or must sign in (COOK-4); callback-polling needs the cookie (JP-7)",
                context.options.browser_cookie_name,
                extra={"event": "cookie_missing"},
            )
        return None

    def refusal(self, client_id: str | None, context: Context) -> ProtocolError:
        """What a message is told whose session is unknown or somebody else's."""
        session = self._sessions.find(client_id)
        if session is not None and _differs(session, context):
            verdict = self._ask(session, context)
            if isinstance(verdict, Denied):
                return refusal(SpeakerDenied, verdict)
        return SessionUnknown()

    def _on_socket(self, client_id: str | None, transport: Transport, context: Context) -> ServerSession | None:
        """WS-30: the bound session, or another one only where the socket has none that lives."""
        bound = transport.session
        if bound is not None:
            if bound.client_id == client_id:
                if not bound.is_over or self._sessions.was_kicked(bound):
                    return bound
                transport.session = None
                return None
            if not bound.is_over:
                return None
        session = self._sessions.find(client_id)
        if session is None or self._is_foreign_user(session, context):
            return None
        if context.options.ws_require_handshake_per_connection:
            return None
        rebind = context.options.ws_rebind
        is_proven = _has_proof(session, context) or _is_guest_with_nothing_to_show(session, context)
        if rebind == "clientid" or (rebind == "bound" and is_proven):
            return session
        return None

    def _is_foreign_user(self, session: ServerSession, context: Context) -> bool:
        """AG-103: a request authenticated as somebody else, whatever cookie it has."""
        if not _differs(session, context) or self._ask(session, context) is True:
            return False
        log.warning(
            "a request of one user named the session of another and was answered 402",
            extra={"event": "foreign_session", "user": context.user, "peer": context.peer},
        )
        return True

    def _ask(self, session: ServerSession, context: Context) -> bool | Denied:
        try:
            return self._server.policy.can_speak_for(self._server, session, context)
        except Exception:
            log.exception("the security policy raised")
            return False


def _differs(session: ServerSession, context: Context) -> bool:
    return context.user is not None and session.user is not None and context.user != session.user


def _is_guest_with_nothing_to_show(session: ServerSession, context: Context) -> bool:
    """SEC-42: a guest whose socket was opened while it could have no cookie yet, from the same address.

    Faye opens its socket while its handshake is still under way, and each of the two gets a cookie of its own.
    """
    has_cookie = context.options.browser_cookie_name in context.cookies
    is_guest = session.user is None and context.user is None and not has_cookie
    overlaps = -SOCKET_AHEAD <= context.arrived_at - session.begun_at <= SOCKET_BEHIND and not session.is_taken_over
    return is_guest and overlaps and context.peer == session.peer


def _has_proof(session: ServerSession, context: Context) -> bool:
    is_same_browser = context.browser is not None and context.browser == session.browser
    return is_same_browser or _is_same_user(session, context)


def _is_same_user(session: ServerSession, context: Context) -> bool:
    return context.user is not None and context.user == session.user
