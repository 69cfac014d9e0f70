"""Remote calls: a publish to a service channel, answered by an event with the id of the request.

Owns what a method is given to answer with, and what becomes of a method that raises. Calls go from clients to the
server only; Bayeux has none the other way.

Source: RPC-1…9, PUB-14; CometD's ``remoteCall``.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, TypeAlias

from bayeux.protocol.json import Json
from bayeux.protocol.message import Fields, Message
from bayeux.server import publication
from bayeux.server.steps import Steps, call

if TYPE_CHECKING:
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

RemoteMethod: TypeAlias = Callable[..., Any]
"""``(caller, data)``, and by name the values of a template's parameters; plain or a coroutine function."""

HIDDEN: Fields = {"class": "Error", "message": "internal error"}


class Caller:
    """Who waits for the answer of one remote call; it is answered once, now or later (RPC-2)."""

    __slots__ = ("_is_answered", "_sender", "message", "session")

    def __init__(self, session: ServerSession, message: Message, sender: ServerSession | None = None) -> None:
        self.session: ServerSession = session
        """Who called."""
        self.message: Message = message
        """The call; its ``data`` are the method's second argument."""
        self._sender = sender
        self._is_answered = False

    def __repr__(self) -> str:
        return f"<Caller of {self.message.channel}: {'answered' if self._is_answered else 'waiting'}>"

    @property
    def cancelled(self) -> bool:
        """Its session is gone: nobody would get the answer (RPC-7)."""
        return self.session.is_over

    def result(self, value: Json = None) -> bool:
        """Answer with the result; False if the call was answered already, or its session is gone.

        Raises TypeError for a value that JSON cannot say; then the call is still to be answered.
        """
        return self._answer(value, successful=True)

    def failure(self, value: Json = None) -> bool:
        """Answer that it failed, and why; otherwise like ``result``."""
        return self._answer(value, successful=False)

    def _answer(self, value: Json, *, successful: bool) -> bool:
        if self._is_answered or self.cancelled:
            return False
        message, server = self.message, self.session.server
        event: Fields = {"channel": message.channel.text, "successful": successful, "data": value}
        if message.id is not None:
            event["id"] = message.id  # PUB-14: by it the client finds the call, and no event has one otherwise
        publication.check_encodable(server, event)
        self._is_answered = True
        steps = publication.spread(server, event, [self.session], self._sender, None)
        return server.reach(steps, [self.session]) > 0


class RemoteCall:
    """A method as a listener of its service channel.

    Args:
        sender: as whom it answers.
    """

    __slots__ = ("_method", "_sender")

    def __init__(self, method: RemoteMethod, sender: Callable[[], ServerSession | None] | None = None) -> None:
        self._method = method
        self._sender = sender

    def __call__(self, session: ServerSession | None, message: Message, /, **values: str) -> Steps[None]:
        """Call the method; what comes without a session cannot be answered, and is no call."""
        if session is None:
            return
        caller = Caller(session, message, self._sender() if self._sender is not None else None)
        try:
            answer = call(partial(self._method, caller, message.data, **values))
            if isawaitable(answer):
                caller.result((yield answer))
            elif answer is not None:  # a plain function that returns nothing answers later
                caller.result(answer)
        except asyncio.CancelledError as error:
            caller.failure(_words_of(error, caller))
            raise
        except Exception as error:
            log.exception("a remote call raised", extra={"channel": message.channel.text})
            caller.failure(_words_of(error, caller))


def _words_of(error: BaseException, caller: Caller) -> Fields:
    """What the client is told of an exception (RPC-3)."""
    context, server = caller.message.context, caller.session.server
    options = server.options if context is None else context.options
    return HIDDEN if options.rpc_hide_errors else {"class": type(error).__name__, "message": str(error)}
