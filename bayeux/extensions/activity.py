"""Activity: ends the sessions of users who do nothing, though their browsers keep polling.

Looks at the time when a connect arrives, so a session may last up to one ``timeout`` longer than it may be inactive.

Source: ACT-1…6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from bayeux.protocol import advice as advices
from bayeux.protocol.channel import META_CONNECT
from bayeux.protocol.effects import EndReason
from bayeux.protocol.errors import SessionUnknown
from bayeux.protocol.message import Request
from bayeux.server import ending
from bayeux.server.extension import Extension
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.protocol.message import Message
    from bayeux.protocol.reply import Reply
    from bayeux.server.server import BayeuxServer

_ATTRIBUTE = "bayeux.activity"  # with the session, for it lives and moves with it (XT-4)
_ADVICE = {**advices.STOP, "interval": 0}


class _Watched:
    """When a session was last active, and how long it need not be."""

    __slots__ = ("last_active_at", "max_inactivity")

    def __init__(self, max_inactivity: float, now: float) -> None:
        self.max_inactivity = max_inactivity
        self.last_active_at = now

    def heard_of_event(self, session: ServerSession, sender: ServerSession | None, message: EncodedMessage) -> None:
        """A listener for queued events."""
        self.last_active_at = session.server.clock()


class Activity(Extension):
    """Ends inactive sessions with the reason ``inactive``; their clients are told not to come back.

    Added to a server it watches every session from its handshake on; added to a session, that one from then on.

    Args:
        max_inactivity: seconds.
        mode: active is who sends anything but a connect (``client``), or is sent anything but its reply, too
            (``client_server``).

    Raises ValueError.
    """

    def __init__(self, max_inactivity: float, *, mode: Literal["client", "client_server"] = "client") -> None:
        if max_inactivity <= 0:
            raise ValueError("max_inactivity: more than 0 seconds")
        if mode not in ("client", "client_server"):
            raise ValueError(f"mode: client or client_server, not {mode!r}")
        self.max_inactivity = max_inactivity
        self._counts_what_is_sent = mode == "client_server"

    def max_inactivity_of(self, session: ServerSession, message: Message | None) -> float | None:
        """Seconds that this session may be inactive, None = for ever; override it to choose.

        Args:
            message: its handshake; None for a session that began before the extension was added.
        """
        return self.max_inactivity

    def added(self, owner: BayeuxServer | ServerSession) -> None:
        """Watch a session that it was added to."""
        if isinstance(owner, ServerSession):
            self._watch(owner, None)

    def incoming(self, session: ServerSession | None, message: Message) -> None:
        """A publish is activity."""
        self._note(session)

    def incoming_meta(self, session: ServerSession | None, message: Message) -> Steps[None] | None:
        """Any request but a connect is activity; a connect of who is inactive is the last (ACT-3, ACT-4).

        Raises SessionUnknown.
        """
        if session is None:
            return None
        if message.request is Request.HANDSHAKE:
            if not session.is_local:  # LOC-4
                self._watch(session, message)
            return None
        if message.request is not Request.CONNECT:
            self._note(session)
            return None
        watched = self._watched(session)
        if watched is None or session.is_over:
            return None
        if session.server.clock() - watched.last_active_at <= watched.max_inactivity:
            return None
        return _end(session)

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        """In mode ``client_server`` any reply but that of a connect is activity."""
        if self._counts_what_is_sent and reply.get("channel") != META_CONNECT:
            self._note(session)

    def _note(self, session: ServerSession | None) -> None:
        watched = None if session is None else self._watched(session)
        if session is not None and watched is not None:
            watched.last_active_at = session.server.clock()

    def _watched(self, session: ServerSession) -> _Watched | None:
        if _ATTRIBUTE not in session.attributes:
            self._watch(session, None)
        watched: _Watched | None = session.attributes[_ATTRIBUTE]
        return watched

    def _watch(self, session: ServerSession, message: Message | None) -> None:
        max_inactivity = self.max_inactivity_of(session, message)
        watched = None if max_inactivity is None else _Watched(max_inactivity, session.server.clock())
        session.attributes[_ATTRIBUTE] = watched
        if watched is not None and self._counts_what_is_sent:
            session.listeners.queued.add(watched.heard_of_event)


def _end(session: ServerSession) -> Steps[None]:
    """The answer waits for the listeners of the end, and goes with what the session had waiting."""
    yield from ending.kick(session.server, session, EndReason.INACTIVE)
    raise SessionUnknown(instead={"advice": dict(_ADVICE)})
