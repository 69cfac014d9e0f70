"""Every user's mailbox, in the store.

A mailbox is one document that tells of its notices, and one document a notice. Whoever tells something puts it in his
own commit; what was taken, given or withdrawn is a commit of its own.

Source: PN-2, PN-7, PN-8, IN-6, CM-16, CM-21, SM-70, SM-71.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Final, TypeVar

from bayeux.protocol import json
from gateway.push.mailbox import LINGER, Mailbox, Slot
from gateway.push.notice import Notice
from gateway.store.store import Room
from gateway.store.turn import Turn, decided

CHANGED: Final = "mailboxes"
"""Index of the mailboxes by when the newest notice came."""
RETENTION: Final = 24 * 60 * 60.0
"""Seconds that a notice waits at most."""
_KEPT_LONGER: Final = 7 * 24 * 60 * 60.0
"""Seconds that an empty mailbox stays, for its count of what was dropped."""
_AT_ONCE: Final = 200

T = TypeVar("T")


class Mailboxes:
    """All of them.

    Args:
        room: the customers'.
        clock: seconds since 1970.

    What does not take a turn raises Unavailable.
    """

    def __init__(self, room: Room, clock: Callable[[], float]) -> None:
        self._room = room
        self._clock = clock

    # In somebody's commit

    async def put(self, turn: Turn, user: str, notice: Notice) -> bool:
        """Have it wait for a user; False if it does already, or nobody may be given it any more."""
        until = min(notice.until if notice.until is not None else turn.now + RETENTION, turn.now + RETENTION)
        if until <= turn.now:
            return False
        body = notice.to_document()
        before = await self._open(turn, user)
        await turn.read(_notice_key(user, notice.id))
        slot = Slot(0, notice.id, notice.tag, notice.instance, len(json.encode(body)), until, notice.is_kept)
        after = before.put(slot, turn.now)
        if after is before:
            return False
        turn.write(_notice_key(user, notice.id), body, ttl=until - turn.now + LINGER)
        await self._close(turn, user, before, after)
        return True

    async def withdraw(self, turn: Turn, user: str, tag: str) -> list[str]:
        """Nobody is given what has this tag; ids of what had it (PN-8)."""
        before = await self._open(turn, user)
        ids = before.tagged(tag)
        if ids:
            await self._close(turn, user, before, before.without(ids))
        return ids

    async def take_kept(self, turn: Turn, user: str, instance: str, *, leaves: bool = False) -> list[Notice]:
        """What somebody polls for, oldest first; he has it, and nobody else gets it (IN-6).

        Args:
            leaves: it stays nevertheless (IN-10).
        """
        before = await self._open(turn, user)
        ids = before.kept_of(instance, turn.now)
        bodies = await turn.read(*(_notice_key(user, id) for id in ids)) if ids else []
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
                await _linger(turn, user, ids)
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
        documents = await self._room.read(*(_key(user) for user in users))
        return [Mailbox.from_document(each.body if each is not None else None) for each in documents]

    async def notices(self, wanted: Sequence[tuple[str, str]]) -> Mapping[tuple[str, str], Notice]:
        """Of users and ids, those that there are."""
        found = {}
        for first in range(0, len(wanted), _AT_ONCE):
            some = wanted[first : first + _AT_ONCE]
            documents = await self._room.read(*(_notice_key(user, id) for user, id in some))
            found.update(
                {each: Notice.from_document(document.body) for each, document in zip(some, documents, strict=True)
                 if document is not None}
            )  # fmt: skip
        return found

    async def changed_since(self, moment: float) -> list[str]:
        """Users who got something since then."""
        users: list[str] = []
        while page := await self._room.page(CHANGED, least=moment, offset=len(users), limit=_AT_ONCE):
            users += [entry.key.removeprefix(_KEY) for entry in page]
            if len(page) < _AT_ONCE:
                break
        return users

    async def _open(self, turn: Turn, user: str) -> Mailbox:
        (document,) = await turn.read(_key(user))
        return Mailbox.from_document(document)

    async def _close(self, turn: Turn, user: str, before: Mailbox, after: Mailbox) -> None:
        """Write it, and forget the notices that have left it."""
        after = after.tidied(turn.now)
        ids = {each.id for each in after.slots}
        gone = [_notice_key(user, each.id) for each in before.slots if each.id not in ids]
        if gone:
            await turn.read(*gone)
        for key in gone:
            turn.write(key, None)
        lives = max([turn.now + _KEPT_LONGER, *(each.until for each in after.slots)]) - turn.now + LINGER
        turn.write(_key(user), after.to_document(), indexes={CHANGED: after.changed}, ttl=lives)

    async def _decided(self, decision: Callable[[Turn], Awaitable[T]]) -> T:
        given, _ = await decided(self._room, decision, lambda: Turn(self._room, self._clock()))
        return given


async def _linger(turn: Turn, user: str, ids: Collection[str]) -> None:
    """What was taken stays for the sessions that were listening when it came."""
    keys = [_notice_key(user, id) for id in ids]
    for key, body in zip(keys, await turn.read(*keys), strict=True):
        if body is not None:
            turn.write(key, body, ttl=LINGER)


def _key(user: str) -> str:
    return f"{_KEY}{user}"


def _notice_key(user: str, id: str) -> str:
    return f"notice:{id}:{user}"


_KEY: Final = "mailbox:"
