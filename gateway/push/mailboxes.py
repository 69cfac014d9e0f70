"""Every user's mailbox, in the store.

A mailbox is one document that tells of its notices, and one document a notice. Whoever tells something puts it in his
own commit; what was taken, given or withdrawn is a commit of its own.

Source: PN-2, PN-7, PN-8, IN-6, CM-16, CM-21, SM-70.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from bayeux.protocol import json
from gateway.push.mailbox import LINGER, MOST, Mailbox, Slot
from gateway.push.notice import Notice
from gateway.store.store import Room
from gateway.store.turn import Turn, decided

USUAL: Final = 24 * 60 * 60.0
"""Seconds that a notice waits of which nobody says how long."""
LONGEST: Final = 7 * 24 * 60 * 60.0
"""Seconds that one waits at most; an empty mailbox stays as long, for its count of what was dropped."""
LARGEST: Final = 512 * 1024
"""Bytes of one notice; a session's queue has to hold it."""
_AT_ONCE: Final = 200

log = logging.getLogger(__name__)

T = TypeVar("T")


class Mailboxes:
    """All of them.

    Args:
        room: the customers'.
        clock: seconds since 1970.
        name: what their documents and their index begin with; those of one name have nothing to do with others.
        most: notices that wait in one.

    What does not take a turn raises Unavailable.
    """

    def __init__(self, room: Room, clock: Callable[[], float], *, name: str = "mailbox", most: int = MOST) -> None:
        self.dropped: int = 0
        """Notices for which this node found no room."""
        self._room = room
        self._clock = clock
        self._most = most
        self._index = f"{name}: changed"
        self._prefix = f"{name}:"
        self._notice_prefix = f"{name} notice:"

    # In somebody's commit

    async def put(self, turn: Turn, user: str, notice: Notice) -> bool:
        """Have it wait for a user; False if it does already, or nobody may be given it any more."""
        until = min(notice.until if notice.until is not None else turn.now + USUAL, turn.now + LONGEST)
        if until <= turn.now:
            return False
        body = notice.to_document()
        size = len(json.encode(body))
        if size > LARGEST:
            self.dropped += 1
            log.warning("a notice of %d bytes is too large for any session", size, extra={"event": "notice_dropped"})
            return False
        before = await self._open(turn, user)
        await turn.read(self._notice_key(user, notice.id))
        slot = Slot(0, notice.id, notice.tag, notice.instance, size, until, notice.is_kept)
        after = before.put(slot, turn.now, self._most)
        self.dropped += after.dropped - before.dropped
        if after is before:
            return False
        turn.write(self._notice_key(user, notice.id), body, ttl=until - turn.now + LINGER)
        await self._close(turn, user, before, after)
        return True

    async def withdraw(self, turn: Turn, user: str, tag: str) -> list[str]:
        """Nobody is given what has this tag; ids of what had it (PN-8)."""
        before = await self._open(turn, user)
        ids = before.tagged(tag)
        if ids:
            await self._close(turn, user, before, before.without(ids))
        return ids

    async def waiting(self, turn: Turn, user: str, tag: str) -> list[Notice]:
        """What has this tag and nobody was found to have, oldest first."""
        slots = (await self._open(turn, user)).slots
        ids = [each.id for each in slots if each.tag == tag and each.waits and each.until > turn.now]
        bodies = await turn.read(*(self._notice_key(user, id) for id in ids)) if ids else []
        return [Notice.from_document(body) for body in bodies if body is not None]

    async def take_kept(self, turn: Turn, user: str, instance: str, *, leaves: bool = False) -> list[Notice]:
        """What somebody polls for, oldest first; he has it, and nobody else gets it (IN-6).

        Args:
            leaves: it stays nevertheless (IN-10).
        """
        before = await self._open(turn, user)
        ids = before.kept_of(instance, turn.now)
        bodies = await turn.read(*(self._notice_key(user, id) for id in ids)) if ids else []
        if ids and not leaves:
            await self._close(turn, user, before, before.without(ids))
        return [Notice.from_document(body) for body in bodies if body is not None]

    # By themselves

    async def take(self, user: str, ids: Collection[str]) -> Mailbox:
        """Somebody has these; the mailbox as it is then."""

        async def decision(turn: Turn) -> Mailbox:
            before = await self._open(turn, user)
            after = before.taken(ids, turn.now)
            if after is not before:
                await self._close(turn, user, before, after)
                await self._linger(turn, user, ids)
            return after

        return await self._decided(decision)

    async def note_given(self, user: str, ids: Collection[str], *, is_on_its_way: bool) -> Mailbox:
        """These are on their way to a session of his, or no more; the mailbox as it is then."""

        async def decision(turn: Turn) -> Mailbox:
            before = await self._open(turn, user)
            after = before.given(ids, turn.now if is_on_its_way else 0.0)
            if after is not before:
                await self._close(turn, user, before, after)
            return after

        return await self._decided(decision)

    async def look(self, users: Sequence[str]) -> list[Mailbox]:
        """Theirs, as of one moment."""
        documents = await self._room.read(*(self._key(user) for user in users))
        return [Mailbox.from_document(each.body if each is not None else None) for each in documents]

    async def notices(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Notice]:
        """Of users and ids, those that there are."""
        found = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            documents = await self._room.read(*(self._notice_key(user, id) for user, id in some))
            found.update(
                {each: Notice.from_document(document.body) for each, document in zip(some, documents, strict=True)
                 if document is not None}
            )  # fmt: skip
        return found

    async def changed_since(self, moment: float) -> list[str]:
        """Users who got something since then."""
        users: list[str] = []
        while page := await self._room.page(self._index, least=moment, offset=len(users), limit=_AT_ONCE):
            users += [entry.key.removeprefix(self._prefix) for entry in page]
            if len(page) < _AT_ONCE:
                break
        return users

    async def _open(self, turn: Turn, user: str) -> Mailbox:
        (document,) = await turn.read(self._key(user))
        return Mailbox.from_document(document)

    async def _close(self, turn: Turn, user: str, before: Mailbox, after: Mailbox) -> None:
        """Write it, and forget the notices that have left it."""
        after = after.tidied(turn.now)
        ids = {each.id for each in after.slots}
        gone = [self._notice_key(user, each.id) for each in before.slots if each.id not in ids]
        if gone:
            await turn.read(*gone)
        for key in gone:
            turn.write(key, None)
        lives = max([turn.now + LONGEST, *(each.until for each in after.slots)]) - turn.now + LINGER
        turn.write(self._key(user), after.to_document(), indexes={self._index: after.changed}, ttl=lives)

    async def _decided(self, decision: Callable[[Turn], Awaitable[T]]) -> T:
        given, _ = await decided(self._room, decision, lambda: Turn(self._room, self._clock()))
        return given

    async def _linger(self, turn: Turn, user: str, ids: Collection[str]) -> None:
        """What was taken stays for the sessions that were listening when it came."""
        keys = [self._notice_key(user, id) for id in ids]
        for key, body in zip(keys, await turn.read(*keys), strict=True):
            if body is not None:
                turn.write(key, body, ttl=LINGER)

    def _key(self, user: str) -> str:
        return f"{self._prefix}{user}"

    def _notice_key(self, user: str, id: str) -> str:
        return f"{self._notice_prefix}{id}:{user}"
