"""People: which users are here and elsewhere, and how to reach them wherever they are.

The application says which session belongs to which user; a user may have sessions on many nodes, a session several
users. Each node knows of every other how many sessions each user has there: it is told the whole list when the two
meet, and each change after that.

Source: CLU-10…14; CometD's Seti.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bayeux.backplane.backplane import Backplane, NodeInfo
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import ProtocolError, Unavailable
from bayeux.protocol.hooks import Registry
from bayeux.protocol.message import Fields
from bayeux.server import fanout, publication
from bayeux.server.cluster.wire import Unreadable, pack, string_map, strings
from bayeux.server.listeners import tell
from bayeux.server.local import LocalSession, session_of
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

Presence: TypeAlias = "Callable[[str, NodeInfo], object]"
"""``(user, node)``; the node is ``cluster.local`` where it happened here."""


@dataclass(slots=True)
class SetiListeners:
    """Who is told of people."""

    present: Registry[Presence] = field(default_factory=Registry)
    """A user's first session appeared on a node (CLU-13)."""
    absent: Registry[Presence] = field(default_factory=Registry)
    """The last one has gone, or the whole node."""


class Seti:
    """The people of a cluster, as this node knows them.

    Args:
        soon: begins a coroutine of this node.
        keep: has it kept with a session whom it belongs to.
    """

    def __init__(
        self,
        server: BayeuxServer,
        backplane: Backplane,
        soon: Callable[[Any], None],
        keep: Callable[[ServerSession, tuple[str, ...]], None],
    ) -> None:
        self.listeners: SetiListeners = SetiListeners()
        self._server = server
        self._backplane = backplane
        self._soon = soon
        self._keep = keep
        self._here: dict[str, dict[ServerSession, None]] = {}
        self._users: dict[ServerSession, dict[str, None]] = {}
        self._elsewhere: dict[str, Counter[str]] = {}
        self._nodes: dict[str, NodeInfo] = {}
        self._to_refresh: set[str] = set()
        self._local: LocalSession | None = None

    # Whom a session belongs to --------------------------------------------------------------------------

    def associate(self, user: str, session: ServerSession) -> bool:
        """Say that a session is one of this user's; whether it is his first on this node (CLU-10).

        It ends by itself with the session. False also for a session that is over.
        """
        sessions = self._here.get(user, {})
        if session.is_over or session in sessions:
            return False
        self._here.setdefault(user, sessions)[session] = None
        self._users.setdefault(session, {})[user] = None
        self._changed(user, session)
        if len(sessions) == 1:
            self._tell(self.listeners.present, user, self._backplane.node)
        return len(sessions) == 1

    def disassociate(self, user: str, session: ServerSession) -> bool:
        """Take it back; whether it was his last on this node."""
        sessions = self._here.get(user, {})
        if session not in sessions:
            return False
        del sessions[session]
        users = self._users[session]
        del users[user]
        if not users:
            del self._users[session]
        if not sessions:
            del self._here[user]
        self._changed(user, session)
        if not sessions:
            self._tell(self.listeners.absent, user, self._backplane.node)
        return not sessions

    # Who is there ---------------------------------------------------------------------------------------

    def is_associated(self, user: str) -> bool:
        """He has a session on this node (CLU-12)."""
        return user in self._here

    def is_present(self, user: str) -> bool:
        """He has one on any node, by what is known."""
        return user in self._here or any(user in users for users in self._elsewhere.values())

    def session_count(self, user: str) -> int:
        """How many he has on all nodes."""
        return len(self._here.get(user, ())) + sum(users[user] for users in self._elsewhere.values())

    def users(self, *, everywhere: bool = False) -> set[str]:
        """Who has sessions on this node, or on any."""
        users = set(self._here)
        return users.union(*self._elsewhere.values()) if everywhere else users

    # Reaching them --------------------------------------------------------------------------------------

    async def send(self, users: Iterable[str], channel: str, data: json.Json, *, ext: Fields | None = None) -> set[str]:
        """Send to all sessions of these users, subscribed or not, on whatever node; whom nobody could be found for.

        It is a direct delivery (CLU-14, DEL-6): who is not there now does not get it. What is sent by one node to one
        user comes in order.

        Raises ChannelInvalid for a pattern and a meta channel; TypeError for data that JSON cannot say; Unavailable
        where the store cannot be reached, and some may have got it.
        """
        server, name = self._server, self._server.addressable(channel)
        event: Fields = {"channel": name.text, "data": data}
        if ext:
            event["ext"] = ext
        publication.check_encodable(server, event)
        wanted = dict.fromkeys(users)
        by_node: dict[str, list[str]] = {}
        for node, there in self._elsewhere.items():
            if found := [user for user in wanted if user in there]:
                by_node[node] = found
        sender = await self._sender()
        task = server.go(self._spread(event, name, list(wanted), sender, by_node))
        if task is not None:
            await task
        return {user for user in wanted if not self.is_present(user)}

    def _spread(
        self,
        event: Fields,
        name: ChannelName,
        users: Sequence[str],
        sender: ServerSession | None,
        by_node: Mapping[str, Sequence[str]],
    ) -> Steps[None]:
        server = self._server
        if (yield from publication.is_stopped_by_any(server, event, sender)):
            return
        payload = server.options.json_codec.encode(event)
        self._deliver(name, payload, users, sender)
        for node, there in by_node.items():
            yield self._backplane.send(node, pack("to-users", 0, list(there), name.text, payload))

    def _deliver(self, name: ChannelName, payload: bytes, users: Iterable[str], sender: ServerSession | None) -> None:
        sessions = list(dict.fromkeys(each for user in users for each in self._here.get(user, ())))
        if sessions:
            server = self._server
            sealed = EncodedMessage(name.text, payload, server.clock())
            fanout.deliver(server, sealed, json.decode_own(payload), sessions, sender)

    async def _sender(self) -> ServerSession | None:
        """The local session that all of it comes from; none where the policy refuses it."""
        if self._local is None:
            self._local = self._server.new_local_session("seti")
            await self._local.handshake()
        return session_of(self._local)

    # What happens ---------------------------------------------------------------------------------------

    def session_restored(self, session: ServerSession, users: tuple[str, ...]) -> None:
        """It came from another node, with whom it belongs to."""
        for user in users:
            self.associate(user, session)

    def session_ends(self, session: ServerSession) -> None:
        """It is over here."""
        for user in tuple(self._users.get(session, ())):
            self.disassociate(user, session)

    def node_joined(self, node: NodeInfo) -> None:
        """Tell it who is here."""
        self._nodes[node.id] = node
        self._elsewhere.setdefault(node.id, Counter())
        self.tell(node.id)

    def tell(self, node: str) -> None:
        """Say who is here, to a node that may know nothing of it."""
        self._send(node, pack("people", 0, True, self._counts(self._here)))

    def node_left(self, node: NodeInfo) -> None:
        """All of its users are absent there."""
        self._nodes.pop(node.id, None)
        self._to_refresh.discard(node.id)
        for user in self._elsewhere.pop(node.id, ()):
            self._tell(self.listeners.absent, user, node)

    def take_people(self, sender: str, rest: Sequence[Any]) -> None:
        """Who is there, by that node. Raises Unreadable."""
        is_all, counts = rest[0], string_map(rest[1])
        if not all(type(each) is int and each >= 0 for each in counts.values()):
            raise Unreadable("people who cannot be counted")
        node = self._nodes.get(sender)
        if node is None:
            return  # it is told again when it joins
        known = self._elsewhere[sender]
        gone = set(known) - set(counts) if is_all is True else set()
        for user, count in (*dict.fromkeys(gone, 0).items(), *counts.items()):
            was_there = user in known
            if count:
                known[user] = count
            else:
                known.pop(user, None)
            if was_there != bool(count):
                self._tell(self.listeners.absent if was_there else self.listeners.present, user, node)

    def take_event(self, rest: Sequence[Any]) -> None:
        """Something for users of this node. Raises Unreadable."""
        users, channel, payload = strings(rest[0]), rest[1], rest[2]
        try:
            name = parse_channel(channel)
        except (ProtocolError, TypeError):
            raise Unreadable("a channel that is none") from None
        if not isinstance(payload, bytes):
            raise Unreadable("an event that is none")
        self._deliver(name, payload, users, session_of(self._local))

    def look(self) -> None:
        """Tell again those who could not be told."""
        nodes, self._to_refresh = self._to_refresh, set()
        for node in nodes & self._nodes.keys():
            self.tell(node)

    def _changed(self, user: str, session: ServerSession) -> None:
        self._keep(session, tuple(self._users.get(session, ())))
        change = pack("people", 0, False, self._counts((user,)))
        for node in self._nodes:
            self._send(node, change)

    def _counts(self, users: Iterable[str]) -> dict[str, int]:
        return {user: len(self._here.get(user, ())) for user in users}

    def _send(self, node: str, message: bytes) -> None:
        self._soon(self._send_or_note(node, message))

    async def _send_or_note(self, node: str, message: bytes) -> None:
        try:
            await self._backplane.send(node, message)
        except Unavailable:
            self._to_refresh.add(node)

    def _tell(self, listeners: Registry[Presence], user: str, node: NodeInfo) -> None:
        self._server.go(tell(listeners, user, node))
