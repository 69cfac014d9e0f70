"""Whether there is room for one more session, or for a message without one.

Source: HS-17, PUB-2, SEC-L2, SEC-L15, SEC-L19, SEC-L20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeux.protocol.errors import RateLimited, Unavailable
from bayeux.protocol.options import Options
from bayeux.server.rates import RateByKey
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer


class Admission:
    """Asked before a handshake is looked at, and again when its user is known."""

    __slots__ = ("_anonymous", "_handshakes", "_server")

    def __init__(self, server: BayeuxServer) -> None:
        self._server = server
        options = server.options
        self._handshakes: RateByKey[str] = RateByKey(options.handshake_rate_per_ip, options.handshake_burst_per_ip)
        self._anonymous: RateByKey[str] = RateByKey(options.session_message_rate, options.session_message_burst)

    def admit_handshake(self, context: Context) -> None:
        """Raise Unavailable or RateLimited where the server or the address has too much already."""
        self._check_room(context.options, context.peer)
        if not self._handshakes.take(context.peer, self._server.clock()):
            self._server.reject("SEC-L20")
            raise RateLimited(f"{self._handshakes.rate:g} a second")

    def admit_session(self, session: ServerSession) -> None:
        """Raise Unavailable where its user has too many already, or others came while hooks were awaited."""
        self._check_room(session.options, session.peer)
        bound = session.options.max_sessions_per_user
        if bound and session.user is not None and len(self._server.sessions.of_user(session.user)) >= bound:
            self._server.reject("SEC-L15")
            raise Unavailable

    def admit_anonymous(self, context: Context) -> None:
        """Raise RateLimited where an address without a session publishes too much (PUB-2, SEC-L19)."""
        if not self._anonymous.take(context.peer, self._server.clock()):
            self._server.reject("SEC-L19")
            raise RateLimited(f"{self._anonymous.rate:g} a second")

    def _check_room(self, options: Options, address: str) -> None:
        server = self._server
        if server.is_draining:
            raise Unavailable
        if options.max_sessions and len(server.sessions) >= options.max_sessions:
            server.reject("SEC-L15")
            raise Unavailable
        if options.max_sessions_per_ip and server.sessions.by_address[address] >= options.max_sessions_per_ip:
            server.reject("SEC-L2")
            raise Unavailable

    def pause(self) -> float:
        """How many seconds a client that was refused should wait before its next handshake."""
        return 5.0 + 10.0 * self._server.chance()
