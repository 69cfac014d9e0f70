"""Extensions: hooks that see, change or stop every message, server-wide or of one session.

Source: EXN-1…6, PUB-10, BAT-7.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields, Message
    from bayeux.server.sessions import ServerSession


class _Stop(Enum):
    STOP = "stop"


STOP: Final = _Stop.STOP
"""Returned by a hook: this message goes no further."""


class Extension:
    """Override what is needed; what returns anything but ``STOP`` lets the message go on.

    Incoming hooks run in the order of registration, server-wide ones first, before the session is
    checked, and may be awaitable. Outgoing hooks run in reverse order, are plain functions, and may change
    the fields they are given; a session-wide ``outgoing`` costs its session an encoding of its own.
    A hook that raises is logged and counts as going on (BER-2).
    """

    def incoming(self, session: ServerSession | None, message: Message) -> Any:
        """A publish arrives; ``session`` is None for an unknown client (EXN-5)."""

    def incoming_meta(self, session: ServerSession | None, message: Message) -> Any:
        """A meta request arrives; for a handshake ``session`` is the one it would make."""

    def outgoing(self, session: ServerSession | None, event: Fields) -> Any:
        """An event leaves; ``session`` is None in a server-wide hook for a broadcast, which sees it once (EXN-3)."""

    def outgoing_meta(self, session: ServerSession | None, reply: Fields) -> Any:
        """A reply leaves, also one to a publish."""
