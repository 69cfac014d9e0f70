"""Telling customers: whoever has news for one says so in his own commit, and it reaches him by the way he chose.

Source: PN-2, PN-7, PN-8, CB-2, IN-6.
"""

from __future__ import annotations

from typing import Final

from bayeux.server.server import BayeuxServer
from channels.private import CUSTOMER
from gateway.auth.customers import bayeux_user
from gateway.push.mailboxes import Mailboxes
from gateway.push.notice import Notice
from gateway.push.reader import Reader
from gateway.store.turn import Turn

NUDGE: Final = f"{CUSTOMER}/nudge"
"""Wakes other nodes; nobody may subscribe to it."""


class Push:
    """The way to customers.

    Args:
        reader: gives what is in mailboxes to the sessions of this node.
    """

    def __init__(self, server: BayeuxServer, mailboxes: Mailboxes, reader: Reader) -> None:
        self._server = server
        self._mailboxes = mailboxes
        self._reader = reader

    async def tell(self, turn: Turn, notice: Notice) -> None:
        """Have a customer told of this, if the turn is committed; call ``nudge`` then."""
        if notice.user:
            await self._mailboxes.put(turn, notice.user, notice)

    async def withdraw(self, turn: Turn, user: str, tag: str) -> None:
        """Who was not told of what has this tag is not told any more (PN-8)."""
        if user:
            await self._mailboxes.withdraw(turn, user, tag)

    def nudge(self, user: str) -> None:
        """There is something for this user: what waits is given at once, on all nodes. Nothing is lost without it."""
        if not user:
            return
        self._reader.wake(user)
        if self._server.cluster is not None:
            self._server.deliver_to_user(bayeux_user(user), NUDGE, {})
