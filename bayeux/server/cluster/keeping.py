"""Writes into the store what another node needs to go on with this node's sessions.

Owns the claims of this node, and when something is written: a session before its client is told that it has one, its
subscriptions before they take effect, how far all of them have come once a second. A client is never told of anything
that would be forgotten with this node.

Source: OPS-62, SES-2, SEC-41; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from bayeux.backplane.backplane import Backplane, Places, StaleClaim
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.errors import Unavailable
from bayeux.server.cluster.baggage import Baggage
from bayeux.server.cluster.checkpoints import REMEMBERED, Behind, Checkpoint, Ring, behind
from bayeux.server.cluster.interest import Interest
from bayeux.server.cluster.records import Kept, Record
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

Result = TypeVar("Result")

KEPT_FOR: Final = 60.0
"""Seconds that a session is kept for, besides the time that its client may stay away, since its owner last said so."""
TOUCH_PERIOD: Final = 20.0
PATIENCE: Final = 5.0
"""Seconds that a handshake, a subscribe or an unsubscribe waits for a store that cannot be reached."""
RETRY_PERIOD: Final = 0.1
TOUCHED_AT_ONCE: Final = 500
LEAVING: Final = 5.0
"""Seconds in which a node that leaves writes down where its sessions stay."""
MOST_LEFT: Final = 32 * 1024 * 1024
"""Bytes of what waits for clients that such a node writes down: half of what may be under way to the store."""
MAX_UNSETTLED: Final = 20_000
PERIOD: Final = 1.0
"""Seconds between two checkpoints."""
_LONG_BEGUN: Places = {}


class ClaimedElsewhere(Unavailable):
    """Another node owns the session; asked again, its client is served there."""


class Keeping:
    """The claims of this node.

    Args:
        soon: begins a coroutine whose failure is none: what it was to write is written again, or runs out.
        lost: told of a session that another node has claimed.
    """

    def __init__(
        self,
        server: BayeuxServer,
        backplane: Backplane,
        interest: Interest,
        soon: Callable[[Any], object],
        lost: Callable[[ServerSession], None],
    ) -> None:
        self._server = server
        self._backplane = backplane
        self._interest = interest
        self._soon = soon
        self._lost = lost
        self._kept: dict[ServerSession, Kept] = {}
        self._ring = Ring(server.clock())
        self._number = 0
        self._touch_at = 0.0
        self._to_check: dict[ServerSession, float] = {}
        self._ending: dict[str, int] = {}
        self._longest = KEPT_FOR
        """For how long the session is kept whose client may stay away longest."""
        self.unsettled: dict[str, None] = {}
        """Sessions that are being brought here: claimed, perhaps, and not at work yet. Who comes after this node must
        know that it knew nothing of them."""
        self.is_leaving: bool = False
        """The node goes: its sessions are left to the others."""

    def __iter__(self) -> Iterator[ServerSession]:
        return iter(tuple(self._kept))

    def of(self, session: ServerSession) -> Kept | None:
        """What is kept of a session; None of one inside the server."""
        return self._kept.get(session)

    @property
    def next_number(self) -> int:
        """That of the next checkpoint."""
        return self._number + 1

    def mark_unsettled(self, client_id: str) -> None:
        """A session may be this node's from here on, until it is at work."""
        if len(self.unsettled) >= MAX_UNSETTLED:
            del self.unsettled[next(iter(self.unsettled))]
        self.unsettled[client_id] = None

    # Beginnings and ends ------------------------------------------------------------------------------

    def begin(self, session: ServerSession) -> Steps[None]:
        """Keep a session whose handshake was accepted, before its client is told. Raises Unavailable."""
        if session.is_local:
            return
        kept = Kept(0, since=self.next_number)
        record = Record.of(self._server, session, kept).packed()
        create, me = self._backplane.sessions.create, self._backplane.node.id
        kept.number = yield patiently(lambda: create(session.client_id, me, record, ttl(session)))
        self.adopt(session, kept)

    def adopt(self, session: ServerSession, kept: Kept) -> None:
        """It was claimed for this node."""
        self._kept[session] = kept
        self._longest = max(self._longest, ttl(session))

    def end(self, session: ServerSession, *, is_elsewhere: bool) -> None:
        """It is over here."""
        kept = self._kept.pop(session, None)
        self._to_check.pop(session, None)
        if kept is not None and not is_elsewhere and not self.is_leaving:
            if len(self._ending) >= MAX_UNSETTLED:
                del self._ending[next(iter(self._ending))]
            self._ending[session.client_id] = kept.number
            self._soon(self.tell_end(session.client_id))

    def is_ending(self, client_id: str) -> bool:
        """It is over, and the store may not know yet: nobody is to bring it back from there."""
        return client_id in self._ending

    async def tell_end(self, client_id: str) -> None:
        """See to it that the store knows; what cannot be told now is told again. Raises Unavailable."""
        number = self._ending.get(client_id)
        if number is not None:
            await self._backplane.sessions.end(client_id, number)
            self._ending.pop(client_id, None)

    # Subscriptions ------------------------------------------------------------------------------------

    def before_subscribe(self, session: ServerSession, names: list[ChannelName]) -> Steps[None]:
        """See to it that no event of these channels passes by, and keep whom they are for. Raises Unavailable."""
        names = [name for name in names if name.kind is Kind.BROADCAST and not session.is_in(name.text)]
        if not names:
            return
        partitions = self.partitions_of(session, names)
        if self._interest.is_missing(partitions):
            yield patiently(lambda: self._interest.listen(partitions))
        kept = self._kept.get(session)
        if kept is None:
            return
        fresh = {name.text: self._begun(session, name) for name in names if name.text not in kept.begun}
        kept.begun.update(fresh)
        kept.fresh.update(dict.fromkeys(fresh, self._server.clock()))
        try:
            yield patiently(lambda: self.write(session, kept))
        except BaseException:
            for each in fresh:
                kept.begun.pop(each, None)
            raise
        self._to_check[session] = self._server.clock() + KEPT_FOR  # it may be refused yet

    def before_unsubscribe(self, session: ServerSession, names: list[ChannelName]) -> Steps[None]:
        """Keep that events of these channels are not for it. Raises Unavailable."""
        kept = self._kept.get(session)
        if kept is None:
            return
        left = {name.text: kept.begun.pop(name.text) for name in names if name.text in kept.begun}
        if left:
            try:
                yield patiently(lambda: self.write(session, kept))
            except BaseException:
                kept.begun.update(left)
                raise
            self._to_check[session] = self._server.clock()

    def check_soon(self, session: ServerSession) -> None:
        """Its subscriptions were changed from inside: keep what they are."""
        if session in self._kept:
            self._to_check[session] = self._server.clock()
            self._soon(self._check(session))

    def keep_users(self, session: ServerSession, users: tuple[str, ...]) -> None:
        """Keep with a session whom the application associated it with."""
        kept = self._kept.get(session)
        if kept is not None and kept.users != users:
            kept.users = users
            self._soon(self.write(session, kept))

    def partitions_of(self, session: ServerSession, names: list[ChannelName]) -> list[int]:
        """Where the events of these channels come that are for this session."""
        partitions = {each for name in names for each in self._interest.of_channel(name)}
        if session.user is not None:
            partitions.update(self._interest.of_user(session.user))
        return sorted(partitions)

    async def write(self, session: ServerSession, kept: Kept) -> None:
        """Keep it as it is. Raises Unavailable, also where somebody else has claimed it."""
        record = Record.of(self._server, session, kept).packed()
        sessions = self._backplane.sessions
        try:
            await sessions.update(session.client_id, kept.number, record, ttl(session))
        except StaleClaim:
            if await sessions.find(session.client_id) is not None:
                log.info("a session was claimed by another node", extra={"event": "claim_lost"})
                self._lost(session)
                raise ClaimedElsewhere from None
            if self._kept.get(session) is not kept:
                return  # it ended meanwhile
            # The store has lost its data, not we our session.
            kept.number = await sessions.create(session.client_id, self._backplane.node.id, record, ttl(session))

    # Time ---------------------------------------------------------------------------------------------

    def checkpoint(self, *, is_last: bool = False) -> Checkpoint:
        """How far the sessions of this node are at this instant."""
        self._number += 1
        places = dict(self._backplane.places)
        found: dict[str, Behind] = {}
        for session, kept in self._kept.items():
            if (late := behind(session, kept, self._ring, places)) is not None:
                found[session.client_id] = late
            elif kept.base is not None:
                kept.base = None  # what it was brought with has been acknowledged
        self._ring.add(self._server.clock(), places)
        return Checkpoint(self._number, places, found, frozenset(self.unsettled), is_last)

    def base_of(self, session: ServerSession, kept: Kept) -> Behind:
        """From where on a session would have to be given events once more if this node died now."""
        places = dict(self._backplane.places)
        return behind(session, kept, self._ring, places) or Behind(places, {})

    async def write_checkpoint(self, *, is_last: bool = False) -> None:
        """Raises Unavailable."""
        checkpoint = self.checkpoint(is_last=is_last)
        await self._backplane.sessions.write_checkpoint(
            self._backplane.node.id, checkpoint.packed(), KEPT_FOR + self._longest
        )

    async def leave(self) -> None:
        """Write where all of them stay, with what waits for their clients, so that others lose and repeat nothing
        (OPS-63). From before this on nothing of them may leave here. Raises Unavailable, TimeoutError.
        """
        self.is_leaving = True
        left: list[tuple[ServerSession, int, bytes]] = []
        room = MOST_LEFT
        places, now = dict(self._backplane.places), self._server.clock()
        for session, kept in self._kept.items():
            baggage = Baggage.of(session, places, now)
            if baggage.is_empty:
                continue
            packed = baggage.packed()
            room -= len(packed)
            if room < 0:
                break  # of these the checkpoint tells, less exactly
            late = self.base_of(session, kept)
            base = {} if late.places is None else late.places
            stays = Kept(kept.number, kept.begun, base, kept.since, users=kept.users, replays=late.replays)
            left.append((session, kept.number, Record.of(self._server, session, stays, packed).packed()))
        async with asyncio.timeout(LEAVING):
            await self.write_checkpoint(is_last=True)
            for first in range(0, len(left), TOUCHED_AT_ONCE):
                await asyncio.gather(
                    *[
                        self._backplane.sessions.update(session.client_id, number, record, ttl(session))
                        for session, number, record in left[first : first + TOUCHED_AT_ONCE]
                    ],
                    return_exceptions=True,  # of a session that another node has claimed
                )

    async def look(self) -> None:
        """What is due: sessions that live are kept, changed ones are written. Raises Unavailable."""
        now = self._server.clock()
        await asyncio.gather(*[self.tell_end(each) for each in list(self._ending)[:TOUCHED_AT_ONCE]])
        for session in [each for each, at in self._to_check.items() if at <= now]:
            await self._check(session)
        if now < self._touch_at:
            return
        self._touch_at = now + TOUCH_PERIOD
        by_ttl: dict[float, list[str]] = {}
        for session, kept in self._kept.items():
            if kept.fresh:
                _settle(kept, now - 2 * REMEMBERED * PERIOD)
            by_ttl.setdefault(ttl(session), []).append(session.client_id)
        self._longest = max(by_ttl, default=KEPT_FOR)
        for seconds, client_ids in by_ttl.items():
            for first in range(0, len(client_ids), TOUCHED_AT_ONCE):
                some = client_ids[first : first + TOUCHED_AT_ONCE]
                forgotten = await self._backplane.sessions.touch(some, seconds)
                await asyncio.gather(*[self._write_again(each) for each in forgotten])

    async def find_lost(self) -> list[ServerSession]:
        """The sessions that others have claimed; what the store has forgotten is kept anew. Raises Unavailable."""
        lost = []
        sessions = list(self._kept.items())
        for first in range(0, len(sessions), TOUCHED_AT_ONCE):
            part = sessions[first : first + TOUCHED_AT_ONCE]
            claims = await asyncio.gather(*[self._backplane.sessions.find(each.client_id) for each, _ in part])
            forgotten = []
            for (session, kept), claim in zip(part, claims, strict=True):
                if claim is None:
                    forgotten.append(self.write(session, kept))
                elif claim.number != kept.number or claim.owner != self._backplane.node.id:
                    lost.append(session)
            await asyncio.gather(*forgotten)
        return lost

    async def _write_again(self, client_id: str) -> None:
        """The store has lost it: it was full, or went back."""
        session = self._server.session(client_id)
        kept = None if session is None else self._kept.get(session)
        if session is not None and kept is not None:
            await self.write(session, kept)

    async def _check(self, session: ServerSession) -> None:
        kept = self._kept.get(session)
        self._to_check.pop(session, None)
        if kept is None or session.is_over:
            return
        subscriptions = session.subscriptions
        begun = {name: places for name, places in kept.begun.items() if name in subscriptions}
        for name in subscriptions - begun.keys():
            begun[name] = self._begun(session, parse_channel(name))
        if begun.keys() != kept.begun.keys():
            kept.begun = begun
            try:
                await self.write(session, kept)
            except Unavailable:
                self._to_check[session] = self._server.clock() + 1.0

    def _begun(self, session: ServerSession, name: ChannelName) -> Places:
        places: Mapping[int, int] = self._backplane.places
        return {each: places[each] for each in self.partitions_of(session, [name]) if each in places}


def _settle(kept: Kept, before: float) -> None:
    """Forget where subscriptions began that are older than all that may be read again: it takes much room."""
    if kept.base is None:
        for name in [name for name, at in kept.fresh.items() if at < before]:
            del kept.fresh[name]
            if name in kept.begun:
                kept.begun[name] = _LONG_BEGUN


def ttl(session: ServerSession) -> float:
    """Seconds to keep it for."""
    own = session.max_interval
    max_interval = session.options.max_interval if own is None or own < 0 else own
    return KEPT_FOR + min(max_interval + session.options.timeout, 86_400.0)


async def patiently(ask: Callable[[], Awaitable[Result]]) -> Result:
    """What the store answers, asked again for a while where it cannot be reached: clients take a refusal for final.

    What is asked is the same if it comes twice. Raises Unavailable.
    """
    until = asyncio.get_running_loop().time() + PATIENCE
    while True:
        try:
            return await ask()
        except Unavailable as error:
            if isinstance(error, ClaimedElsewhere) or asyncio.get_running_loop().time() >= until:
                raise
        await asyncio.sleep(RETRY_PERIOD)
