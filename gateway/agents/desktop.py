"""One Bayeux session of an agent, as far as it shows his things: what it hears once, in order, and in its own form.

What is said of a document is numbered; a number that comes late or twice, because two nodes said it, is not heard. The
gateway's additions are for sessions that asked for them in their handshake; all others get the keys of the original.

Source: AG-25, AG-26, AG-58, AG-109, AG-121, AG-122.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bayeux.protocol.channel import ChannelName
from bayeux.protocol.hooks import STOP
from bayeux.protocol.message import Message
from bayeux.server.extension import Extension
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from channels.private import AGENT, reaches_private
from gateway.agents.announcer import GATEWAY_EXT
from gateway.auth.http_sessions import COOKIE, HttpSessions
from gateway.routing import moment

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields

_REMEMBERED: Final = 1000
"""Documents whose latest number a session knows; an agent has to do with a few at a time."""
_WANTS_EXT: Final = "gateway.wants_ext"
_HTTP_SESSION: Final = "gateway.http_session"
_LATEST: Final = "gateway.latest"
"""What a session carries from node to node."""


@dataclass(frozen=True, slots=True)
class Current:
    """One object as it is, for a session that wants to begin with what there is."""

    data: Mapping[str, Any]
    of: str
    seq: int


Snapshot = Callable[[str, str], Awaitable[Sequence[Current]]]
"""``(user, channel)``; what he has that this channel shows. Raises Unavailable."""


class Desktops:
    """Watches a server for sessions that show an agent's things.

    Args:
        snapshot: what such a session may begin with (AG-121).
        clock: seconds since 1970.
    """

    def __init__(self, server: BayeuxServer, snapshot: Snapshot, clock: Callable[[], float]) -> None:
        self._server = server
        self._snapshot = snapshot
        self._clock = clock

    def watch(self) -> None:
        """From here on."""
        self._server.listeners.session_added.append(_remember_wishes)
        self._server.listeners.subscribed.append(lambda session, channel, _: self._adopt(session, channel.name))
        # At once: a session that comes from another node is given its events before anything waits.
        self._server.listeners.privately_subscribed.append(lambda session, channel, _: self._adopt(session, channel))
        self._server.listeners.privately_subscribed.append(self._subscribed)

    async def _subscribed(self, session: ServerSession, channel: ChannelName, message: Message | None) -> None:
        desktop = self._adopt(session, channel)
        if session.user is None or desktop is None or message is None or message.ext.get("snapshot") is not True:
            return
        with desktop.held():
            for each in await self._snapshot(session.user, channel.text):
                gw = {"of": each.of, "seq": each.seq, "at": self._clock(), "snapshot": True}
                session.deliver(channel.text, each.data, ext={GATEWAY_EXT: gw})

    def _adopt(self, session: ServerSession, channel: ChannelName) -> Desktop | None:
        """Have it hear what it shows in its own form; None for one that shows nothing of an agent."""
        if session.user is None or not _shows_agents_things(channel):
            return None
        for each in session.extensions:
            if isinstance(each, Desktop):
                return each
        desktop = Desktop(session)
        session.extensions.append(desktop)
        return desktop


class Desktop(Extension):
    """Sees each event of one session before it is queued."""

    def __init__(self, session: ServerSession) -> None:
        self._session = session
        self._latest: dict[str, int] = session.carried.setdefault(_LATEST, {})
        """By document the last number that was heard; what was heard last stands last."""
        self._holds = 0
        """Snapshots that are being read."""
        self._waiting: list[tuple[str, Any, Mapping[str, Any]]] = []
        """What came meanwhile: channel, data, and the gateway's additions."""

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is new waits until the snapshot is there: it may be only what changed since (AG-121)."""
        self._holds += 1
        try:
            yield
        finally:
            self._holds -= 1
            if not self._holds:
                waiting, self._waiting = self._waiting, []
                for channel, data, gw in waiting:
                    self._session.deliver(channel, data, ext={GATEWAY_EXT: gw})

    def outgoing(self, sender: ServerSession | None, session: ServerSession | None, event: Fields) -> Any:
        """Keep back what is late or not for this session; take off what it did not ask for."""
        gw = event.get("ext", {}).get(GATEWAY_EXT)
        if gw is None or not _is_agents_own(event["channel"]):
            return None
        if self._holds and "snapshot" not in gw:
            self._waiting.append((event["channel"], event["data"], gw))
            return STOP
        own = self._session.carried.get(_HTTP_SESSION, "")
        if own and gw.get("only", own) != own:
            return STOP
        if "end" in gw:
            if not own or own != gw["end"]:
                # Not from within: this event is on its way.
                asyncio.get_running_loop().call_soon(self._session.disconnect)
            return STOP
        if self._is_late(gw) or own == gw.get("but"):
            return STOP
        if self._session.carried.get(_WANTS_EXT):
            event["ext"] = {GATEWAY_EXT: _shown(gw)}
        else:
            del event["ext"]
        return None

    def _is_late(self, gw: Mapping[str, Any]) -> bool:
        of, seq = gw["of"], gw["seq"]
        latest = self._latest.get(of, -1)
        # A snapshot has the last number of its version, and may be asked for on several channels.
        if seq < latest or (seq == latest and "snapshot" not in gw):
            return True
        self._latest.pop(of, None)
        self._latest[of] = seq
        if len(self._latest) > _REMEMBERED:
            del self._latest[next(iter(self._latest))]
        return False


def _remember_wishes(session: ServerSession, message: Message) -> None:
    """What the handshake said, for when the session shows something."""
    if session.user is None:
        return
    if message.ext.get(GATEWAY_EXT) is True:
        session.carried[_WANTS_EXT] = True
    cookie = message.context.cookies.get(COOKIE, "") if message.context is not None else ""
    if cookie:
        session.carried[_HTTP_SESSION] = HttpSessions.key_of(cookie).hex()


def _shows_agents_things(channel: ChannelName) -> bool:
    return _is_agents_own(channel.text) or reaches_private(channel, (AGENT,))


def _is_agents_own(channel: str) -> bool:
    """Only the gateway speaks there: on other channels anybody may have written an ``ext`` that looks like ours."""
    return channel == AGENT or channel.startswith(f"{AGENT}/")


def _shown(gw: Mapping[str, Any]) -> dict[str, Any]:
    """What a client may know of it (AG-109)."""
    kept = {key: gw[key] for key in ("reason", "snapshot", "acceptWithin") if key in gw}
    return {"seq": gw["seq"], "ts": moment.written(gw["at"]), **kept}
