"""Which message is being handled: for hooks that cannot be given it as an argument.

Source: MSGX-4; CometD's ``bayeux.getContext()``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bayeux.protocol.message import Message
    from bayeux.server.sessions import ServerSession
    from bayeux.server.transport import Context

handled: ContextVar[Message | None] = ContextVar("bayeux message", default=None)
# Its methods, for those who call them for every message: made once.
get_handled: Callable[[], Message | None] = handled.get
set_handled: Callable[[Message | None], object] = handled.set


def current_message() -> Message | None:
    """The message of a client that is being handled; None outside of hooks."""
    return handled.get()


def current_session() -> ServerSession | None:
    """The session that sent it; None outside of hooks, and for an unknown client."""
    message = handled.get()
    session: ServerSession | None = None if message is None else message.session
    return session


def current_context() -> Context | None:
    """The request that brought it; None outside of hooks."""
    message = handled.get()
    context: Context | None = None if message is None else message.context
    return context
