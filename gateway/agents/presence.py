"""Which media channels an agent's desktops can show, as the Bayeux sessions of this node tell.

Looks at a user's sessions whenever one of them came, went, or changed its subscriptions, and reports what differs from
its latest report. Says regularly that this node lives: what a dead node reported is taken back by whoever leads.

Source: AG-36, AG-102, AG-104, AG-125.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.errors import Unavailable
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from channels.private import CHATS, EMAILS, INTERACTIONS

log = logging.getLogger(__name__)

_RETRY = 1.0
_SHOWN_BY: Final[Mapping[ChannelName, frozenset[str]]] = {
    parse_channel(INTERACTIONS): frozenset({"chat", "email"}),
    parse_channel(CHATS): frozenset({"chat"}),
    parse_channel(EMAILS): frozenset({"email"}),
}

Report = Callable[[str, frozenset[str] | None], Awaitable[None]]
"""``(user, media)``; None: this node has no session of his any more. Raises Unavailable."""


class Presence:
    """What this node's sessions show.

    Args:
        report: takes what changed, one user at a time.
    """

    def __init__(self, server: BayeuxServer, report: Report) -> None:
        self._server = server
        self._report = report
        self._reported: dict[str, frozenset[str]] = {}
        self._unsettled: dict[str, None] = {}
        self._wanted = asyncio.Event()

    def watch(self) -> None:
        """From here on look at whoever comes and goes."""
        listeners = self._server.listeners
        listeners.session_removed.append(self._session_changed)
        for of_channels in (listeners.subscribed, listeners.unsubscribed):
            of_channels.append(self._session_changed)
        for of_names in (listeners.privately_subscribed, listeners.privately_unsubscribed):
            of_names.append(self._session_changed)

    def report_again(self) -> None:
        """What was reported was taken back."""
        self._unsettled.update(dict.fromkeys(self._reported))
        self._reported.clear()
        self._wanted.set()

    async def run(self) -> None:
        """Report until cancelled; while the store is away, what changed waits."""
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            try:
                await self._settle()
            except Unavailable:
                await asyncio.sleep(_RETRY)
                self._wanted.set()

    def _session_changed(self, session: ServerSession, *_: Any) -> None:
        if session.user is not None:
            self._unsettled[session.user] = None
            self._wanted.set()

    async def _settle(self) -> None:
        while self._unsettled:
            user = next(iter(self._unsettled))
            del self._unsettled[user]
            media = self._shown_to(user)
            if media == self._reported.get(user):
                continue
            try:
                await self._report(user, media)
            except Unavailable:
                self._unsettled[user] = None
                raise
            except Exception:  # others have desktops, too
                log.exception("defect in reporting whose desktops there are")
                continue
            if media is None:
                self._reported.pop(user, None)
            else:
                self._reported[user] = media

    def _shown_to(self, user: str) -> frozenset[str] | None:
        """None until a session of his shows something, and when there is none left.

        Who has never subscribed has no desktop yet: whoever signs in for other channels costs the store nothing.
        """
        sessions = self._server.sessions.of_user(user)
        shown = frozenset[str]().union(
            *(media for each in sessions for channel, media in _SHOWN_BY.items() if each.is_subscribed_to(channel))
        )
        return shown if shown or (sessions and user in self._reported) else None
