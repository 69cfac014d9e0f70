"""Whose session a request is for, and how a session comes to this node or leaves it.

A session lives on one node, its owner. Who that is stands in the clientId, as a hint, and in the store, as a claim with
a number that rises: of two nodes that want it one is slower, and is told. A session *moves* while its owner lives: what
waits for its client goes along. It is *taken over* where its owner has died: its record and the last checkpoint say
from where on its events have to be read again. Where the journal has them no longer its client is told to begin anew.

While a session comes or goes its requests wait.

Source: OPS-42, OPS-62, SES-2, SEC-41, WS-14; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from bayeux.backplane.backplane import Arrived, Backplane, Claim, JournalGap, Places, StaleClaim
from bayeux.protocol import json
from bayeux.protocol.channel import META_HANDSHAKE, parse_channel
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.message import Message, Request
from bayeux.protocol.session import State
from bayeux.protocol.transitions import Happening
from bayeux.server import attachment, fanout
from bayeux.server.cluster.baggage import Baggage
from bayeux.server.cluster.checkpoints import Behind, Checkpoint
from bayeux.server.cluster.interest import Interest
from bayeux.server.cluster.keeping import Keeping, ttl
from bayeux.server.cluster.publishing import Publishing
from bayeux.server.cluster.records import Kept, Record
from bayeux.server.cluster.wire import Unreadable
from bayeux.server.ending import let_happen
from bayeux.server.listeners import tell
from bayeux.server.recovery import Cursor, Plan

if TYPE_CHECKING:
    from bayeux.protocol.channel import ChannelName
    from bayeux.server.cluster.wire import Header
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

HINT_LENGTH: Final = 8
MAX_NOTES: Final = 100_000
"""Sessions of which it is remembered where they went."""
PATIENCE: Final = 5.0
"""Seconds for which requests of a session wait that comes or goes, or whose other requests are being processed."""
CHECKPOINT_KNOWN_FOR: Final = 10.0


class Ownership:
    """Finds owners, takes sessions over, gives them away."""

    def __init__(
        self,
        server: BayeuxServer,
        backplane: Backplane,
        interest: Interest,
        keeping: Keeping,
        publishing: Publishing,
    ) -> None:
        self._server = server
        self._backplane = backplane
        self._interest = interest
        self._keeping = keeping
        self._publishing = publishing
        self._notes: dict[str, str] = {}
        self._unsettled: dict[str, asyncio.Future[None]] = {}
        self._checkpoints: dict[str, tuple[float, asyncio.Future[Checkpoint | None]]] = {}
        self.taken_over: int = 0
        self.moved_here: int = 0
        self.moved_away: int = 0
        self.gaps: int = 0
        self.restored: Callable[[ServerSession, tuple[str, ...]], None] = lambda session, users: None
        """Told of a session that has come, and whom it was associated with."""

    # Who owns it --------------------------------------------------------------------------------------

    def may_exist(self, client_id: str) -> bool:
        """Whether it looks like a clientId of this cluster."""
        return len(client_id) > HINT_LENGTH and client_id.isalnum() and len(client_id) < 64

    def is_unsettled(self, client_id: str) -> bool:
        """It is about to come or to go: whatever is for it must wait."""
        return client_id in self._unsettled

    async def settled(self, client_id: str) -> None:
        """Wait until it has come, or gone. Raises Unavailable if that takes too long."""
        future = self._unsettled.get(client_id)
        if future is not None:
            done, _ = await asyncio.wait([future], timeout=PATIENCE)
            if not done:
                raise Unavailable

    def guess(self, client_id: str) -> str | None:
        """The node that is likely to own it, if it lives; None if only the store can tell."""
        node = self._notes.get(client_id, client_id[:HINT_LENGTH])
        return node if node != self._backplane.node.id and self.lives(node) else None

    def note(self, client_id: str, node: str) -> None:
        """Remember where a session lives."""
        self._notes.pop(client_id, None)
        if len(self._notes) >= MAX_NOTES:
            del self._notes[next(iter(self._notes))]
        self._notes[client_id] = node

    def forget(self, client_id: str) -> None:
        """It has come here, or is over."""
        self._notes.pop(client_id, None)

    def disbelieve(self, client_id: str) -> None:
        """It does not live where it was thought to: the store must tell."""
        self.note(client_id, "")

    async def is_alive(self, node: str) -> bool:
        """Whether it may be serving sessions. Raises Unavailable."""
        return node == self._backplane.node.id or self.lives(node) or await self._backplane.is_alive(node)

    def lives(self, node: str) -> bool:
        """It is another node, and alive by what is known."""
        return any(each.id == node for each in self._backplane.nodes)

    def node_left(self, node: str) -> None:
        """What was read of its checkpoints may not be the last."""
        self._checkpoints.pop(node, None)

    # Coming -------------------------------------------------------------------------------------------

    async def take_over(self, client_id: str, claim: Claim) -> None:
        """Own a session whose owner has died, or that was claimed for this node and never came.

        It may not be here afterwards: somebody else was faster, or it had to be ended. Raises Unavailable.
        """
        with self._settling(client_id):
            if self._keeping.is_ending(client_id):
                await self._keeping.tell_end(client_id)
                return
            try:
                record = Record.read(claim.record)
                brought = Baggage.read(record.left) if record.left else None
            except Unreadable as error:
                log.warning("a session was given up: %s", error, extra={"event": "unreadable_record"})
                await self._backplane.sessions.end(client_id, claim.number)
                return
            late: Behind | None = Behind(record.base, record.replays)
            if brought is None:
                late = await self._behind(client_id, claim, record)
                is_lost = late is not None and late.places is None
                if is_lost or (late is None and self._counts_on_history(record)):
                    await self._give_up(client_id, claim.number)
                    return
            base, replays = (None, {}) if late is None else (late.places, late.replays)
            kept = self._kept(record, base)
            kept.replays = replays
            session = record.session(self._server, client_id)
            packed = Record.of(self._server, session, kept).packed()
            self._keeping.mark_unsettled(client_id)
            try:
                me = self._backplane.node.id
                kept.number = await self._backplane.sessions.claim(client_id, claim.number, me, packed, ttl(session))
            except StaleClaim:
                self._keeping.unsettled.pop(client_id, None)
                return
            if brought is not None:
                is_here = await self._unpack(session, kept, brought)
            else:
                session.become(State.HANDSHAKEN)  # its next connect is answered at once, as its client does not know
                session.is_taken_over = True
                is_here = await self._restore(session, kept, base, replays, [])
            if is_here:
                self.taken_over += 1

    async def arrive(self, client_id: str, number: int, packed: bytes, baggage: bytes) -> None:
        """Own a session that its owner gave away. Raises Unavailable, Unreadable."""
        record, brought = Record.read(packed), Baggage.read(baggage)
        kept = self._kept(record, record.base)
        kept.number = number
        session = record.session(self._server, client_id)
        self._keeping.mark_unsettled(client_id)
        if await self._unpack(session, kept, brought):
            self.moved_here += 1

    async def _unpack(self, session: ServerSession, kept: Kept, brought: Baggage) -> bool:
        """Have it go on here with all that its former owner had; False if it had to end."""
        now = self._server.clock()
        brought.unpack_into(session, now)
        kept.restored_at = now
        return await self._restore(session, kept, brought.places, brought.replays, brought.unhooked)

    def _kept(self, record: Record, base: Places | None) -> Kept:
        return Kept(0, dict(record.begun), base, self._keeping.next_number, self._server.clock(), record.users)

    async def _behind(self, client_id: str, claim: Claim, record: Record) -> Behind | None:
        """From where on its events are to be read again; None = not at all."""
        checkpoint = None
        if claim.owner != self._backplane.node.id:
            checkpoint = await self._checkpoint_of(claim.owner)
        told = None if checkpoint is None or checkpoint.number < record.since else checkpoint.of(client_id)
        if not record.acknowledges:
            # Only who left in order knows what he has sent.
            return told if checkpoint is not None and checkpoint.is_last else None
        if told is None:
            base = record.base or {}
            told = Behind(base if self._is_enough(record, base) else None, record.replays)
        return told

    def _is_enough(self, record: Record, base: Places) -> bool:
        """Whether it is known from where on to read for every subscription."""
        own = () if record.user is None else self._interest.of_user(record.user)
        return all(
            each in base or each in begun
            for name, begun in record.begun.items()
            for each in (*self._interest.of_channel(parse_channel(name)), *own)
        )

    async def _checkpoint_of(self, node: str) -> Checkpoint | None:
        """The last of a node that has died; read once for all of its sessions. Raises Unavailable."""
        now = self._server.clock()
        at, reading = self._checkpoints.get(node, (0.0, None))
        if reading is None or now - at > CHECKPOINT_KNOWN_FOR or (reading.done() and reading.exception()):
            reading = asyncio.ensure_future(self._read_checkpoint(node))
            self._checkpoints = {node: (now, reading), **dict(list(self._checkpoints.items())[:15])}
        return await asyncio.shield(reading)

    async def _read_checkpoint(self, node: str) -> Checkpoint | None:
        packed = await self._backplane.sessions.read_checkpoint(node)
        try:
            return None if packed is None else Checkpoint.read(packed)
        except Unreadable as error:
            log.warning("a checkpoint could not be read: %s", error, extra={"event": "unreadable_checkpoint"})
            return None

    def _counts_on_history(self, record: Record) -> bool:
        """Its client does not acknowledge, and asks for events of the past where it missed some: it must know."""
        recovery = self._server.recovery
        return recovery is not None and any(recovery.follows(parse_channel(name)) for name in record.begun)

    async def _restore(
        self,
        session: ServerSession,
        kept: Kept,
        after: Places | None,
        replays: Any,
        unhooked: list[Any],
    ) -> bool:
        """Have a session that was claimed live here, with all that came for it since; False if it had to end."""
        server, names = self._server, [parse_channel(name) for name in kept.begun]
        partitions = self._keeping.partitions_of(session, names)
        await self._interest.listen(partitions)
        came: list[tuple[Arrived, Header, ChannelName]] = []

        def deliver(event: Arrived) -> None:
            header, name = self._publishing.read(event)
            if self._is_for(session, kept, event, header, name):
                came.append((event, header, name))

        def join() -> None:
            self._enter(session, kept, names, replays)
            for message in unhooked:
                fields = json.decode_own(message.json)
                if session.hooks is not None:
                    fanout.replay(server, session, message, fields)
                else:
                    fanout.deliver(server, message, fields, [session])
            for event, header, name in came:
                self._publishing.deliver(event, header, name, [session])
            kept.restored_at = self._server.clock()

        try:
            await self._backplane.rewind(_start(kept, partitions, after), deliver, join)
        except (JournalGap, Unreadable):
            await self._give_up(session.client_id, kept.number)
            return False
        return True

    def _enter(self, session: ServerSession, kept: Kept, names: list[ChannelName], replays: Any) -> None:
        """Have it be one of this node's sessions from this instant on."""
        server = self._server
        self._keeping.adopt(session, kept)
        self._keeping.unsettled.pop(session.client_id, None)
        self.forget(session.client_id)
        server.sessions.add(session)
        assert server.cluster is not None
        server.cluster.session_begins(session)
        session.restart_clock(server.clock())
        server.watch(session)
        log.info("session comes from another node", extra={"event": "session_restored"})
        if server.listeners.session_added:
            fields = {"channel": META_HANDSHAKE, "clientId": session.client_id, "successful": True}
            handshake = Message(parse_channel(META_HANDSHAKE), fields, Request.HANDSHAKE)
            handshake.session = session
            server.go(tell(server.listeners.session_added, session, handshake))
        if server.recovery is not None and replays:
            server.recovery.begin(session, Plan({name: Cursor(after) for name, after in replays.items()}))
        for name in names:
            server.go(server.channels.enter(session, name, None))
        self.restored(session, kept.users)
        if server.recovery is not None and replays:
            server.recovery.go_on(session)

    def _is_for(self, session: ServerSession, kept: Kept, event: Arrived, header: Header, name: ChannelName) -> bool:
        """A subscription of the session sees the event, and began before it."""
        if header.user is not None and header.user != session.user:
            return False
        if header.user is None and self._server.is_private(name):
            return False
        return any(
            pattern in kept.begun and event.place > kept.begun[pattern].get(event.partition, 0)
            for pattern in name.patterns
        )

    async def _give_up(self, client_id: str, number: int) -> None:
        """Its client has lost events for good: it is told to begin anew, never left with a hole (OPS-74)."""
        self.gaps += 1
        self._keeping.unsettled.pop(client_id, None)
        log.warning(
            "a session could not be taken over without a gap in its events: its client is told to handshake again",
            extra={"event": "takeover_gap"},
        )
        await self._backplane.sessions.end(client_id, number)

    # Going --------------------------------------------------------------------------------------------

    async def give_away(self, session: ServerSession, node: str, since: int) -> tuple[int, bytes, bytes] | None:
        """Give a session to another node: the number of its claim, its record, what it takes along.

        None if it stays, or is somebody else's. From here on nothing of it leaves here; it ends here, silently.

        Args:
            since: the first checkpoint of the other node that can know of it.
        """
        server, kept = self._server, self._keeping.of(session)
        if kept is None:
            return None
        client_id = session.client_id
        with self._settling(client_id):
            session.is_batching += 1
            try:
                self.let_go_of_connect(session)
                if not await _is_idle(session):
                    return None
                late = self._keeping.base_of(session, kept)
                base = late.places if late.places is not None else {}
                theirs = Kept(0, kept.begun, base, since, users=kept.users, replays=late.replays)
                record = Record.of(server, session, theirs).packed()
                number = await self._claim_for(session, kept, node, record)
                if number is None or session.is_over:
                    return None
                self.let_go_of_connect(session)
                baggage = Baggage.of(session, dict(self._backplane.places), server.clock()).packed()
            finally:
                session.is_batching -= 1
                if session.queue.is_pressing and not session.is_over:
                    server.flusher.mark(session)
            self.note(client_id, node)
            self.moved_away += 1
            let_happen(server, session, Happening.MOVE)
            return number, record, baggage

    def end_here(self, session: ServerSession) -> None:
        """Another node has claimed it."""
        self.let_go_of_connect(session, 503)
        let_happen(self._server, session, Happening.MOVE)

    def let_go_of_connect(self, session: ServerSession, status: int | None = None) -> None:
        """End the request that is held for it with this HTTP status; as one that was replaced, if none is given."""
        held_by = attachment.let_go(self._server, session)
        if held_by is not None and not held_by.closed:
            held_by.dismiss(status or session.options.duplicate_meta_connect_http_code)
        session.lose_held_connect(self._server.clock())
        if not session.is_over:
            self._server.watch(session)

    async def _claim_for(self, session: ServerSession, kept: Kept, node: str, record: bytes) -> int | None:
        """Let another node have it; None if somebody else has it already, or it stays here."""
        sessions, client_id = self._backplane.sessions, session.client_id
        try:
            return await sessions.claim(client_id, kept.number, node, record, ttl(session))
        except StaleClaim:
            self.end_here(session)
            return None
        except Unavailable:
            pass
        while not session.is_over:  # nobody may serve it until it is known whose it is
            await asyncio.sleep(0.25)
            try:
                claim = await sessions.find(client_id)
            except Unavailable:
                continue
            if claim is not None and claim.owner == node:
                return claim.number
            if claim is not None and claim.number != kept.number:
                self.end_here(session)
            return None
        return None

    @contextmanager
    def _settling(self, client_id: str) -> Iterator[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._unsettled[client_id] = future
        try:
            yield
        finally:
            if self._unsettled.get(client_id) is future:
                del self._unsettled[client_id]
            future.set_result(None)

    def settling(self, client_id: str) -> Any:
        """Have its requests wait until it has come."""
        return self._settling(client_id)


def _start(kept: Kept, partitions: list[int], after: Places | None) -> Places:
    """From where on each partition is read: what is known of the node's places, else where subscriptions began."""
    if after is None:
        return {}
    start = {}
    for each in partitions:
        begun = [places[each] for places in kept.begun.values() if each in places]
        earliest = min(begun, default=None)
        place = after.get(each)
        known = [number for number in (place, earliest) if number is not None]
        if known:
            start[each] = max(known)
    return start


async def _is_idle(session: ServerSession) -> bool:
    """Wait until none of its requests is being processed; False if that takes too long."""
    for _ in range(int(PATIENCE / 0.01)):
        if not session.batches:
            return True
        await asyncio.sleep(0.01)
    return False
