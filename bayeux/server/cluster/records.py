"""What the store keeps of a session: enough for another node to go on with it.

Owns what is in a record, and how it is written. Where a subscription began is kept with it, because events from before
are not for it, and whoever takes the session over may have to read from an earlier place on.

Source: OPS-62, SEC-80; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bayeux.backplane.backplane import Places
from bayeux.protocol.acknowledgement import ResumedAcknowledgement
from bayeux.protocol.options import TRANSPORTS, Options
from bayeux.server.cluster.wire import (
    Unreadable,
    pack,
    packed_places,
    read_carried,
    read_places,
    string_map,
    strings,
    unpack,
)
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer


@dataclass(slots=True)
class Kept:
    """What a node remembers of a session of its own for the store.

    Args:
        number: of its claim.
        begun: by subscription, the places from which on events are for it.
        base: where whoever takes it over reads from, as long as nothing else is known; None = where its subscriptions
            began.
        since: the first checkpoint of its owner that says more than ``base``.
        restored_at: what it was brought with waits since then, on the server's clock.
        users: whom the application associated it with (CLU-10).
        replays: with ``base``: by channel whose history it was being sent, the last id that it has.
    """

    number: int
    begun: dict[str, Places] = field(default_factory=dict)
    base: Places | None = None
    since: int = 0
    restored_at: float = float("-inf")
    users: tuple[str, ...] = ()
    fresh: dict[str, float] = field(default_factory=dict)
    """When subscriptions began, on the server's clock, as long as anybody might read from before them."""
    replays: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Record:
    """A session as the store knows it."""

    user: str | None
    roles: frozenset[str]
    browser: str | None
    peer: str
    user_agent: str
    mount: str
    transport: str
    acknowledges: bool
    connect_only: bool
    broadcast_to_publisher: bool
    allow_message_delivery_during_handshake: bool
    timeout: float | None
    interval: float | None
    max_interval: float | None
    begun: Mapping[str, Places]
    base: Places | None
    since: int
    users: tuple[str, ...]
    replays: Mapping[str, int]
    left: bytes
    """What a node that left had waiting for its client (``Baggage``); nothing where its last checkpoint says it all."""
    carried: Mapping[str, Any]
    """What the application gave it to take along."""

    @classmethod
    def of(cls, server: BayeuxServer, session: ServerSession, kept: Kept, left: bytes = b"") -> Record:
        """What is to be known of a session of this node."""
        mount, transport = options_key(server, session.options)
        return cls(
            session.user,
            session.roles,
            session.browser,
            session.peer,
            session.user_agent,
            mount,
            transport,
            session.acknowledgement is not None,
            session.connect_only,
            session.broadcast_to_publisher,
            session.allow_message_delivery_during_handshake,
            session.timeout,
            session.interval,
            session.max_interval,
            kept.begun,
            kept.base,
            kept.since,
            kept.users,
            kept.replays,
            left,
            dict(session.carried) if session.carries else {},
        )

    def packed(self) -> bytes:
        """In the form that ``read`` takes."""
        return pack(
            self.user,
            sorted(self.roles),
            self.browser,
            self.peer,
            self.user_agent,
            self.mount,
            self.transport,
            self.acknowledges,
            self.connect_only,
            self.broadcast_to_publisher,
            self.allow_message_delivery_during_handshake,
            [self.timeout, self.interval, self.max_interval],
            {name: packed_places(places) for name, places in self.begun.items()},
            None if self.base is None else packed_places(self.base),
            self.since,
            list(self.users),
            dict(self.replays),
            self.left,
            dict(self.carried),
        )

    @classmethod
    def read(cls, packed: bytes) -> Record:
        """Raises Unreadable."""
        values = unpack(packed, _TYPES)
        carried = read_carried(values, len(_TYPES))
        values = values[: len(_TYPES)]
        times, begun, base, since, users, replays, left = values[-7:]
        if len(times) != 3 or not all(each is None or isinstance(each, int | float) for each in times):
            raise Unreadable("no times")
        user, roles, *others = values[:-7]
        if not all(type(each) is int for each in string_map(replays).values()):
            raise Unreadable("no ids")
        return cls(
            user,
            frozenset(strings(roles)),
            *(*others, *times),  # type: ignore[call-arg]
            {name: read_places(places) for name, places in string_map(begun).items()},
            None if base is None else read_places(base),
            since,
            tuple(strings(users)),
            replays,
            left,
            carried,
        )

    def session(self, server: BayeuxServer, client_id: str) -> ServerSession:
        """A session like it, which nobody knows of yet and nothing waits for."""
        options = options_of(server, self.mount, self.transport)
        context = Context(
            transport=self.transport, options=options, browser=self.browser, peer=self.peer, user=self.user,
            roles=self.roles, headers={"user-agent": self.user_agent},
        )  # fmt: skip
        session = ServerSession(client_id, options, server, context, server.clock())
        session.connect_only = self.connect_only
        session.broadcast_to_publisher = self.broadcast_to_publisher
        session.allow_message_delivery_during_handshake = self.allow_message_delivery_during_handshake
        session.timeout, session.interval, session.max_interval = self.timeout, self.interval, self.max_interval
        session.acknowledgement = ResumedAcknowledgement() if self.acknowledges else None
        session.enter(*self.begun)
        if self.carried:
            session.carried.update(self.carried)
        return session


_TEXT = (str, type(None))
_SETTINGS = (bool, bool, bool, bool, list)
_TYPES = (_TEXT, list, _TEXT, str, str, str, str, *_SETTINGS, dict, (list, type(None)), int, list, dict, bytes)


def options_key(server: BayeuxServer, options: Options) -> tuple[str, str]:
    """The mount and transport whose options these are, by which another node finds its own; empty if none."""
    for mount in server.mounts:
        for transport in TRANSPORTS:
            if mount.options(transport) is options:
                return mount.path, transport
    return "", ""


def options_of(server: BayeuxServer, path: str, transport: str) -> Options:
    """The options of this mount and transport here; those of the server where there is no such mount."""
    if transport in TRANSPORTS:
        for mount in server.mounts:
            if mount.path == path:
                return mount.options(transport)
    return server.options
