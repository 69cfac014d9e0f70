"""The exchange of a client inside the server: the way of every message, without bytes at either end.

Source: LOC-1…4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bayeux.protocol.encoded import Batch
from bayeux.protocol.message import Fields, Message
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply
from bayeux.protocol.session import NEVER
from bayeux.server import answering
from bayeux.server.exchange import Exchange
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps
from bayeux.server.transport import Context

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

TRANSPORT = "local"
"""What stands for the name of a transport in counters, contexts and connects."""


class LocalExchange(Exchange):
    """The processing of what a local session sends at once.

    Args:
        make_session: makes the session of a handshake.
    """

    __slots__ = ("_answered", "_make_session")

    def __init__(
        self,
        server: BayeuxServer,
        messages: Sequence[Fields],
        session: ServerSession | None,
        context: Context,
        make_session: Callable[[Context], ServerSession],
    ) -> None:
        super().__init__(server, messages, session, Inside(), context)
        self._make_session = make_session
        self._answered: list[Reply | None] = []

    def replies(self) -> Steps[list[Reply | None]]:
        """Process every message; the reply to each, None for one that an outgoing extension stopped (BAT-7)."""
        yield from self.steps()
        return self._answered

    def _new_session(self) -> ServerSession:
        return self._make_session(self._context)

    def _revive(self, message: Message, revive: Callable[[Any], Any]) -> None:
        """Its data never was JSON."""

    def _finish(self) -> Steps[None]:
        for reply in self._replies:
            kept = [reply]
            if answering.has_extensions(self._server, self._session):
                kept = yield from answering.extended(self._server, self._session, kept)
            reply.request = None
            self._answered.append(kept[0] if kept else None)


class Inside:
    """In place of a transport: nothing comes by it, events go to the session's ``receive``."""

    closed = False
    streaming = False
    connect_only = False
    writable = True

    def __init__(self) -> None:
        self.name: str = TRANSPORT
        self.session: ServerSession | None = None

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Nothing is encoded for it."""

    def dismiss(self, status: int) -> None:
        """Whoever awaits the reply is told by the end of the task."""

    def close(self, code: int, reason: str) -> None:
        """There is nothing to close."""


def unbounded(options: Options) -> Options:
    """These options without what protects the server from the network, and without an end by time (LOC-4)."""
    return options.replaced(
        {
            "max_queue": 0,
            "max_queue_bytes": 0,
            "max_interval": NEVER,
            "max_processing": 0.0,
            "max_sessions": 0,
            "max_sessions_per_user": 0,
            "max_sessions_per_ip": 0,
            "max_subscriptions_per_session": 0,
            "max_bayeux_message_size": 0,
            "max_ext_size": 0,
            "session_message_rate": 0.0,
            "handshake_reconnect": False,
            "strict_handshake": False,
        }
    )
