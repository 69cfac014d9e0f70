"""Extensions: hooks that see, change or stop every message, server-wide or of one session.

Source: EXN-1…6, PUB-10, BAT-7.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol, Self, SupportsIndex, TypeVar

from bayeux.protocol.hooks import STOP, Registry
from bayeux.server.steps import Steps, ask

if TYPE_CHECKING:
    from collections.abc import Callable

    from bayeux.protocol.message import Fields, Message
    from bayeux.protocol.reply import Reply
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)


class Extension:
    """Override what is needed; what returns anything but ``STOP`` lets the message go on.

    Every hook may be a coroutine function; the message waits for it, those of other sessions do not. Incoming
    hooks run in the order of registration, server-wide ones first, before the session is checked (EXN-5).
    Outgoing hooks run server-wide first, then the session's, each in reverse order (EXN-2). A hook that raises is
    logged and counts as going on (BER-2), but an incoming hook that raises a ``ProtocolError`` refuses the message
    with it. A session-wide ``outgoing`` costs its session an encoding of its own where it changes something (EXN-8).
    """

    def incoming(self, session: ServerSession | None, message: Message) -> Any:
        """A publish arrives; ``session`` is None for an unknown client."""

    def incoming_meta(self, session: ServerSession | None, message: Message) -> Any:
        """A meta request arrives; for a handshake ``session`` is the one it would make."""

    def outgoing(self, sender: ServerSession | None, session: ServerSession | None, event: Fields) -> Any:
        """An event leaves; server-wide, ``session`` is None for a broadcast, which is seen once (EXN-3).

        A session-wide hook may change ``event``, or return another one for this subscriber alone.
        """

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> Any:
        """A reply leaves, also one to a publish; ``reply.request`` is what it answers."""

    def added(self, owner: BayeuxServer | ServerSession) -> None:
        """It was registered, for a server or a session (EXN-6)."""

    def removed(self, owner: BayeuxServer | ServerSession) -> None:
        """It no longer is."""


class Attachable(Protocol):
    """What is told of its owner."""

    def added(self, owner: Any) -> object:
        """It was registered."""

    def removed(self, owner: Any) -> object:
        """It no longer is."""


Kind = TypeVar("Kind", bound=Attachable)


class Extensions(Registry[Kind]):
    """The extensions of a server or a session; each is told when it comes and goes."""

    __slots__ = ("_owner",)

    def __init__(self, owner: object) -> None:
        super().__init__()
        self._owner = owner

    def append(self, extension: Kind) -> None:
        """Register it behind the others; what its ``added`` raises leaves it out."""
        self.insert(len(self), extension)

    def insert(self, position: SupportsIndex, extension: Kind) -> None:
        """Register it in front of the one at that position."""
        super().insert(position, extension)
        try:
            extension.added(self._owner)
        except BaseException:
            super().remove(extension)
            raise

    def extend(self, extensions: Iterable[Kind]) -> None:
        """Register several, in their order."""
        for extension in extensions:
            self.append(extension)

    def __iadd__(self, extensions: Iterable[Kind]) -> Self:  # type: ignore[override, misc]
        self.extend(extensions)
        return self

    def remove(self, extension: Kind) -> None:
        """Take it out. Raises ValueError if it is not there."""
        super().remove(extension)
        extension.removed(self._owner)

    def pop(self, position: SupportsIndex = -1) -> Kind:
        """Take out and give the one at that position. Raises IndexError."""
        extension = super().pop(position)
        extension.removed(self._owner)
        return extension

    def __delitem__(self, position: SupportsIndex | slice) -> None:
        gone = self[position] if isinstance(position, slice) else [self[position]]
        super().__delitem__(position)
        for extension in gone:
            extension.removed(self._owner)

    def clear(self) -> None:
        """Take out all of them, the last one first."""
        while self:
            self.pop()


def is_stopped(hook: Callable[..., Any], *arguments: Any) -> Steps[bool]:
    """Ask an outgoing hook; one that raises lets the message go on."""
    try:
        return (yield from ask(hook, *arguments)) is STOP
    except Exception:
        log.exception("an outgoing extension raised")
        return False
