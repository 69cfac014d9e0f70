"""Gives users what waits in their mailboxes: one node's part, for the sessions that live here and listen.

Looks into a mailbox when its user is nudged, when a session of his begins to listen or proves that it has something,
and every two seconds into those that changed, so that a nudge may be lost. What is in a mailbox is the store's
business, how far a session is its ``Progress``'s.

Cost model: users that are due at the same time share two reads of the store; what sessions have taken costs a commit a
user.

Source: PN-1, PN-2, PN-7, PN-9, CM-15…17, CM-21, IN-4, IN-6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from bayeux.protocol.channel import META_CONNECT, parse_channel
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.message import Message
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from channels.private import CUSTOMER
from gateway.auth.customers import customer_named
from gateway.push.mailbox import Mailbox, Slot
from gateway.push.mailboxes import Mailboxes
from gateway.push.notice import Notice
from gateway.push.progress import Progress

log = logging.getLogger(__name__)

LOOK: Final = 2.0
"""Seconds between two looks at what changed."""
OVERLAP: Final = 15.0
"""Seconds by which looks overlap: clocks of nodes differ, and a commit takes its time."""
ROUND: Final = 30
"""Looks after which all mailboxes of listening users are looked into, whatever the clocks say."""
MOST_TOGETHER: Final = 64
_RETRY: Final = 1.0
_NAME = parse_channel(CUSTOMER)


@dataclass(slots=True)
class Tally:
    """What a reader counts."""

    given: int = 0
    """Notices, for each session that was given one."""
    taken: int = 0
    """Notices that a client was found to have."""


class Reader:
    """Use: ``watch`` before the first session comes, have a task ``run`` it.

    Args:
        clock: seconds since 1970.
    """

    def __init__(self, server: BayeuxServer, mailboxes: Mailboxes, clock: Callable[[], float]) -> None:
        self.tally: Tally = Tally()
        self.server: BayeuxServer = server
        self._mailboxes = mailboxes
        self._clock = clock
        self._progress: dict[str, dict[ServerSession, Progress]] = {}
        """By user; of sessions that listen."""
        self._wanted: dict[str, None] = {}
        self._proven: dict[str, set[str]] = {}
        """By user: what his clients were found to have, and nobody else knows yet."""
        self._returned: dict[str, set[str]] = {}
        """By user: what was on its way to a session that is over."""
        self._is_wanted = asyncio.Event()

    def watch(self) -> None:
        """From here on look at whoever comes and goes."""
        listeners = self.server.listeners
        listeners.privately_subscribed.append(self._begins)
        listeners.privately_unsubscribed.append(self._ends)
        listeners.session_removed.append(self._is_over)
        self.server.on(META_CONNECT, self._connects)
        if self.server.cluster is not None:
            self.server.cluster.listeners.user_addressed.append(self._is_addressed)

    def wake(self, user: str) -> None:
        """There may be something for him."""
        if user in self._progress:
            self._want(user)

    def serves(self, user: str) -> bool:
        """Whether a session of his listens here."""
        return user in self._progress

    @property
    def listening(self) -> int:
        """How many users listen here."""
        return len(self._progress)

    async def run(self) -> None:
        """Give until cancelled; while the store is away, everything waits."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._serve_wanted(), name="customers are given their notices")
            tasks.create_task(self._keep_looking(), name="mailboxes are looked at")

    async def serve(self) -> None:
        """Give what there is for whoever is wanted, then return. Raises Unavailable, and they are still wanted."""
        while self._wanted:
            users = list(self._wanted)[:MOST_TOGETHER]
            for user in users:
                del self._wanted[user]
            try:
                await self._serve(users)
            except BaseException:
                self._wanted.update(dict.fromkeys(users))
                raise

    # What it hears

    def _begins(self, session: ServerSession, name: Any, message: Message | None) -> None:
        user = customer_named(session.user)
        if name != _NAME or user is None or session.is_over:
            return
        # What leaves with a connect reply alone is proven by the next connect.
        session.connect_only = True
        self._progress.setdefault(user, {}).setdefault(session, Progress(session))
        if self.server.cluster is not None and session.user is not None:
            self.server.cluster.seti.associate(session.user, session)
        self._want(user)

    def _ends(self, session: ServerSession, name: Any, message: Message | None) -> None:
        if name == _NAME:
            self._forget(session)

    def _is_over(self, session: ServerSession, reason: object) -> None:
        self._forget(session)

    def _connects(self, session: ServerSession | None, message: Message) -> None:
        user = customer_named(session.user) if session is not None else None
        if session is None or user is None:
            return
        progress = self._progress.get(user, {}).get(session)
        if progress is None:
            return
        had = progress.in_flight
        proven = progress.prove()
        if proven:
            self._proven.setdefault(user, set()).update(proven)
        if had != progress.in_flight:
            self._want(user)

    def _is_addressed(self, user: str, channel: str) -> None:
        name = customer_named(user)
        if name is not None:
            self.wake(name)

    def _forget(self, session: ServerSession) -> None:
        user = customer_named(session.user)
        if user is None:
            return
        sessions = self._progress.get(user, {})
        progress = sessions.pop(session, None)
        if progress is None:
            return
        if not sessions:
            del self._progress[user]
        if progress.in_flight:
            self._returned.setdefault(user, set()).update(progress.in_flight)
            self._want(user)

    def _want(self, user: str) -> None:
        self._wanted[user] = None
        self._is_wanted.set()

    # What it does

    async def _serve_wanted(self) -> None:
        while True:
            await self._is_wanted.wait()
            self._is_wanted.clear()
            try:
                await self.serve()
            except Unavailable:
                await asyncio.sleep(_RETRY)
                self._is_wanted.set()
            except Exception:
                log.exception("defect in giving customers their notices")
                await asyncio.sleep(_RETRY)
                self._is_wanted.set()

    async def _keep_looking(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK)
            looks += 1
            try:
                await self.look(everywhere=looks % ROUND == 0)
            except Unavailable:
                log.debug("mailboxes cannot be looked at")
            except Exception:
                log.exception("defect in looking at mailboxes")

    async def look(self, *, everywhere: bool = False) -> None:
        """Serve whoever got something lately, or everybody, soon. Raises Unavailable."""
        if not self._progress:
            return
        for user in list(self._progress) if everywhere else await self._mailboxes.changed_since(self._since()):
            self.wake(user)

    def _since(self) -> float:
        return self._clock() - LOOK - OVERLAP

    async def _serve(self, users: Sequence[str]) -> None:
        await _all(self._tell_taken(user) for user in users if user in self._proven)
        await _all(self._tell_returned(user) for user in users if user in self._returned)
        listening = [user for user in users if user in self._progress]
        if not listening:
            return
        mailboxes = dict(zip(listening, await self._mailboxes.look(listening), strict=True))
        wanted = self._due(mailboxes)
        if not wanted:
            return
        for user, slots in wanted.items():
            kept = [slot.id for slot in slots.values() if slot.is_kept and slot.waits]
            if kept:  # before they leave: who polls must not get them, too
                mailboxes[user] = await self._mailboxes.note_given(user, kept, is_on_its_way=True)
        notices = await self._mailboxes.notices([(user, id) for user, slots in wanted.items() for id in slots])
        for user, slots in wanted.items():
            self._give(user, mailboxes[user], {id: notices.get((user, id)) for id in slots})

    def _due(self, mailboxes: Mapping[str, Mailbox]) -> dict[str, dict[str, Slot]]:
        now = self._clock()
        due = {
            user: {
                slot.id: slot
                for progress in self._progress.get(user, {}).values()
                for slot in progress.due(mailbox, now)
            }
            for user, mailbox in mailboxes.items()
        }
        return {user: slots for user, slots in due.items() if slots}

    def _give(self, user: str, mailbox: Mailbox, notices: Mapping[str, Notice | None]) -> None:
        """Nothing is awaited from here on: a session that ended, or began anew, is not given what it must not have."""
        now = self._clock()
        for session, progress in list(self._progress.get(user, {}).items()):
            for slot in progress.due(mailbox, now):
                if slot.id not in notices:
                    self._want(user)  # it was not due when we read them
                    break
                notice = notices[slot.id]
                if notice is None:
                    progress.skip(slot)  # it was withdrawn meanwhile
                    continue
                if not session.deliver(CUSTOMER, notice.body):
                    break  # its queue is full, and it is about to end
                progress.give(slot)
                self.tally.given += 1

    async def _tell_taken(self, user: str) -> None:
        with _popped(self._proven, user) as ids:
            await self._mailboxes.take(user, ids)
        self.tally.taken += len(ids)

    async def _tell_returned(self, user: str) -> None:
        with _popped(self._returned, user) as ids:
            elsewhere = {id for progress in self._progress.get(user, {}).values() for id in progress.in_flight}
            await self._mailboxes.note_given(user, ids - elsewhere, is_on_its_way=False)


@contextmanager
def _popped(table: dict[str, set[str]], user: str) -> Iterator[set[str]]:
    """A user's ids; back in the table, beside what came meanwhile, where telling of them failed."""
    ids = table.pop(user)
    try:
        yield ids
    except BaseException:
        table.setdefault(user, set()).update(ids)
        raise


async def _all(work: Iterable[Any]) -> None:
    """Done when all of it is; raises what the first one that failed raised."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
