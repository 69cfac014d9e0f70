"""Timestamp: every event and reply says when it was sent.

Source: TST-1…4.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from bayeux.protocol.instant import iso_8601
from bayeux.server.extension import Extension

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields
    from bayeux.protocol.reply import Reply
    from bayeux.server.sessions import ServerSession


class Timestamp(Extension):
    """Writes the field ``timestamp`` into what leaves; one that a publisher sent is replaced (TST-4).

    For a server: a broadcast keeps its one encoding, and all subscribers see the same value (TST-3). On a session it
    gives that session an encoding of its own.

    Args:
        written: how seconds since 1970 are written; the default is ``2031-05-04T12:00:00.250Z``.
        clock: seconds since 1970.
    """

    def __init__(self, *, written: Callable[[float], str] = iso_8601, clock: Callable[[], float] = time.time) -> None:
        self._written = written
        self._clock = clock

    def outgoing(self, sender: ServerSession | None, session: ServerSession | None, event: Fields) -> None:
        """When the event was given to its subscribers, whenever each of them takes it."""
        event["timestamp"] = self._written(self._clock())

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        """When the reply was made; that of a held connect at its end."""
        reply["timestamp"] = self._written(self._clock())
