"""Extensions of a client: hooks that see, change or stop every message on its way out and in.

Owns their order and what becomes of a hook that fails. What they do is theirs.

Source: CLI-1; the extensions of CometD's client, whose order this is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bayeux.client.errors import ClientError, ReplyTimeout
from bayeux.client.event import Message
from bayeux.client.hook import call_hook
from bayeux.protocol.hooks import STOP, Registry, Removal

if TYPE_CHECKING:
    from bayeux.client.client import BayeuxClient

log: logging.Logger = logging.getLogger(__name__)


class Extension:
    """Override what is needed.

    A hook may be a coroutine function. It changes the message in place, returns another one, or
    returns ``STOP``: a request that is stopped fails with ``404::message_deleted``, an incoming
    message that is stopped was never there. ``data`` is the application's own: replace it, leave
    what is in it. A hook that raises is logged and counts as going on, but a ``ClientError`` of
    ``outgoing`` becomes the outcome of the request.

    A hook may wait for ``max_network_delay``, a longer one counts as having raised. While
    ``incoming`` waits, all that comes after it is held back, replies included; so it must not wait
    for a request of the same client.
    """

    def outgoing(self, message: Message) -> Any:
        """A request is about to be sent; the last extension of the list sees it first."""

    def incoming(self, message: Message) -> Any:
        """A reply or an event has come; the first extension of the list sees it first."""

    def added(self, client: BayeuxClient) -> None:
        """It was registered with a client."""

    def removed(self, client: BayeuxClient) -> None:
        """It no longer is."""


class Extensions(Registry[Extension]):
    """The extensions of one client, each told when it comes and goes.

    Args:
        patience: seconds a hook may wait.
    """

    __slots__ = ("_client", "_patience")

    def __init__(self, client: BayeuxClient, patience: float) -> None:
        super().__init__()
        self._client = client
        self._patience = patience

    def append(self, extension: Extension) -> None:
        """Register it behind the others."""
        super().append(extension)
        extension.added(self._client)

    def remove(self, extension: Extension) -> None:
        """Take it out. Raises ValueError if it is not there."""
        super().remove(extension)
        extension.removed(self._client)

    def add(self, extension: Extension) -> Callable[[], None]:
        """Register it behind the others; returns how to remove it."""
        self.append(extension)
        return Removal(self, extension)

    async def send(self, message: Message) -> Message | None:
        """Ask the outgoing hooks; None if one of them stopped the message. Raises ClientError, which is theirs."""
        return await self._pass(message, [extension.outgoing for extension in reversed(self)], (ClientError,))

    async def receive(self, message: Message) -> Message | None:
        """Ask the incoming hooks; None if one of them stopped the message."""
        return await self._pass(message, [extension.incoming for extension in self], ())

    async def _pass(
        self, message: Message, hooks: Sequence[Callable[[Message], Any]], theirs: tuple[type[ClientError], ...]
    ) -> Message | None:
        for hook in hooks:
            try:
                result = await self._within_patience(hook, message)
            except theirs:
                raise
            except Exception:
                log.exception("an extension raised on %s", message.get("channel"))
                continue
            if result is STOP:
                return None
            if isinstance(result, dict):
                message = result
        return message

    async def _within_patience(self, hook: Callable[[Message], Any], message: Message) -> Any:
        limit = asyncio.timeout(self._patience)
        try:
            async with limit:
                return await call_hook(hook, message)
        except TimeoutError:
            if limit.expired():
                raise ReplyTimeout(f"an extension took longer than {self._patience:g} s") from None
            raise
