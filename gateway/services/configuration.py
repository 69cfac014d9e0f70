"""What is configured of the customers' side, on this node at this moment.

It is what the configuration file says, and over that what management wrote.

The store has one document for each entry that management changed; one that was removed is a tombstone, which hides
what the file says. Every change takes the next number of one count and stands in an index under it, so that a node
that knows all up to some number finds the rest by one look. Looks are a second apart; a node's own change is followed
by one at once.

Source: MG-20, MG-24, OPT-7, SV-2, RS-7, PT-4.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeVar

from bayeux.protocol.errors import Unavailable
from gateway.access.pool import Pool, PoolInvalid
from gateway.config.model import Config
from gateway.services.entry import Entry
from gateway.services.javaregex import ExpressionRefused
from gateway.services.kinds import Kind, Texts, effective_options
from gateway.services.patterns import Group, compiled
from gateway.services.template import Template
from gateway.store.store import Room
from gateway.store.turn import Turn, decided

log = logging.getLogger(__name__)

ROOM: Final = "services"
"""Of the store; nobody else reads it."""
COUNT: Final = "count"
"""The document that counts changes."""
CHANGES: Final = "changes"
"""The index of what was changed, by its number."""
TOMBSTONE_KEPT: Final = 60 * 60.0
"""Seconds for which nodes can learn that something that no file has is gone."""
TRUSTED: Final = 30 * 60.0
"""Seconds without a look after which a node reads everything anew: it may have missed a tombstone."""
_PAGE: Final = 100

T = TypeVar("T")

Written = Mapping[Kind, Mapping[str, Texts]]
"""What the configuration file says, valid and by its right names."""

Alteration = Callable[[Entry | None], Texts | None]
"""From an entry as it is to what it shall be; None: there is none (any more)."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a change has made of an entry."""

    before: Entry | None
    after: Entry | None


def written(config: Config) -> Written:
    """What the file of a gateway says."""
    return {Kind.SERVICE: config.services, Kind.RESOURCES: config.resources, Kind.PATTERNS: config.patterns}


class Configuration:
    """What is configured at this moment, on this node.

    Args:
        written: the file's.
        room: ``ROOM`` of the store.
        clock: seconds since 1970.
        period: seconds between two looks at the store.
    """

    def __init__(self, written: Written, room: Room, *, clock: Callable[[], float], period: float = 1.0) -> None:
        self._written = {
            (kind, name): Entry.written(kind, name, texts)
            for kind, entries in written.items()
            for name, texts in entries.items()
        }
        self._room = room
        self._clock = clock
        self._period = period
        self._looking = asyncio.Lock()
        self._known = 0
        self._looked_at = float("-inf")
        self._bodies: dict[str, Mapping[str, Any]] = {}
        self._entries: Mapping[Kind, Mapping[str, Entry]] = {}
        self._services: Mapping[str, Mapping[str, str]] = {}
        self._pools: Mapping[str, Pool] = {}
        self._patterns: Mapping[str, Group] = {}
        self._templates: Mapping[str, Template] = {}
        self._take_effect()

    # What is configured

    @property
    def services(self) -> Mapping[str, Mapping[str, str]]:
        """Options of each service, with those of its profile."""
        return self._services

    @property
    def pools(self) -> Mapping[str, Pool]:
        """Resource groups by name."""
        return self._pools

    @property
    def patterns(self) -> Mapping[str, Group]:
        """Pattern groups by name."""
        return self._patterns

    @property
    def templates(self) -> Mapping[str, Template]:
        """Those that were uploaded, by name."""
        return self._templates

    def entries(self, kind: Kind) -> Mapping[str, Entry]:
        """All of a kind: the file's in its order, then those that management made, the oldest first."""
        return self._entries[kind]

    # Keeping up with the store

    async def begin(self) -> None:
        """Take over what was changed before; while the store is away the file counts."""
        try:
            await self.look()
        except Unavailable:
            log.warning("what management changed cannot be read yet; the configuration file counts until it can")

    async def run(self) -> None:
        """Follow the changes of all nodes, until cancelled."""
        while True:
            await asyncio.sleep(self._period)
            try:
                await self.look()
            except Unavailable:
                log.debug("changes of the configuration cannot be looked for")

    async def look(self) -> None:
        """Take over what has changed since the last time. Raises Unavailable."""
        async with self._looking:
            now = self._clock()
            if now - self._looked_at > TRUSTED:
                self._known, found = 0, {}
            else:
                found = dict(self._bodies)
            (count,) = await self._room.read(COUNT)
            latest = int(count.body["last"]) if count is not None else 0
            if latest != self._known or found != self._bodies:
                found.update(await self._changed_since(self._known))
                self._known, self._bodies = latest, found
                self._take_effect()
            self._looked_at = now

    async def _changed_since(self, known: int) -> dict[str, Mapping[str, Any]]:
        keys: list[str] = []
        while True:
            page = await self._room.page(CHANGES, least=known + 1, offset=len(keys), limit=_PAGE)
            keys += [entry.key for entry in page]
            if len(page) < _PAGE:
                break
        found: dict[str, Mapping[str, Any]] = {}
        for start in range(0, len(keys), _PAGE):
            some = keys[start : start + _PAGE]
            documents = await self._room.read(*some)
            found |= {document.key: document.body for document in documents if document is not None}
        return found

    # Changing it

    async def alter(
        self, kind: Kind, name: str, alteration: Alteration, by: str, *, match: Callable[[Entry | None], None]
    ) -> Change:
        """Change one entry, on the condition that it is as the caller knows it; it counts here at once.

        Args:
            alteration: is asked anew where another one was first.
            by: who changes it.
            match: raises where the entry is not the one that was meant.

        Raises what these two raise, and Unavailable.
        """
        key = _key(kind, name)

        async def decide(turn: Turn) -> Change:
            count, body = await turn.read(COUNT, key)
            before = self._entry(kind, name, body)
            match(before)
            texts = alteration(before)
            if texts is None and before is None:
                return Change(before, None)
            number = int(count["last"]) + 1 if count is not None else 1
            after = {
                "texts": texts,
                "revision": number,
                "created": before.created if before is not None else number,
                "by": by,
                "at": turn.now,
            }
            is_forgotten = texts is None and (kind, name) not in self._written
            turn.write(COUNT, {"last": number})
            turn.write(key, after, indexes={CHANGES: number}, ttl=TOMBSTONE_KEPT if is_forgotten else None)
            return Change(before, self._entry(kind, name, after))

        return await self._decided(decide)

    async def alter_template(self, name: str, alteration: Callable[[Template | None], Template | None]) -> None:
        """Keep a template, or keep it no more. Raises what the alteration raises, and Unavailable."""
        key, archive = f"templates:{name}", f"archive:{name}"

        async def decide(turn: Turn) -> None:
            count, body, _ = await turn.read(COUNT, key, archive)
            before = Template.stored(body) if body is not None and body["manifest"] is not None else None
            after = alteration(before)
            number = int(count["last"]) + 1 if count is not None else 1
            turn.write(COUNT, {"last": number})
            kept = after.to_document(number) if after is not None else {"manifest": None, "revision": number}
            turn.write(key, kept, indexes={CHANGES: number}, ttl=None if after is not None else TOMBSTONE_KEPT)
            turn.write(archive, {"base64": after.archive} if after is not None else None)

        await self._decided(decide)

    async def archive(self, name: str) -> str | None:
        """The zip of a template, in base64; None: there is none. Raises Unavailable."""
        (document,) = await self._room.read(f"archive:{name}")
        return document.body["base64"] if document is not None else None

    async def _decided(self, decide: Callable[[Turn], Awaitable[T]]) -> T:
        given, _ = await decided(self._room, decide, lambda: Turn(self._room, self._clock()))
        await self.look()
        return given

    def _entry(self, kind: Kind, name: str, body: Mapping[str, Any] | None) -> Entry | None:
        """What counts where the store has this."""
        if body is None:
            return self._written.get((kind, name))
        return Entry.stored(kind, name, body) if body["texts"] is not None else None

    # What of it counts

    def _take_effect(self) -> None:
        self._entries = {kind: MappingProxyType(self._entries_of(kind)) for kind in Kind}
        services = self._entries[Kind.SERVICE]
        self._services = MappingProxyType(
            {name: MappingProxyType(effective_options(entry.texts)) for name, entry in services.items()}
        )
        self._pools = MappingProxyType(_understood(self._entries[Kind.RESOURCES], _pool))
        self._patterns = MappingProxyType(_understood(self._entries[Kind.PATTERNS], _group))
        self._templates = MappingProxyType(
            {
                key.removeprefix("templates:"): Template.stored(body)
                for key, body in self._bodies.items()
                if key.startswith("templates:") and body["manifest"] is not None
            }
        )

    def _entries_of(self, kind: Kind) -> dict[str, Entry]:
        found = {name: entry for (of, name), entry in self._written.items() if of is kind}
        made = []
        for key, body in self._bodies.items():
            of, _, name = key.partition(":")
            if of != kind:
                continue
            if body["texts"] is None:
                found.pop(name, None)
            elif name in found:
                found[name] = Entry.stored(kind, name, body)
            else:
                made.append(Entry.stored(kind, name, body))
        return found | {entry.name: entry for entry in sorted(made, key=lambda entry: entry.created)}


def _key(kind: Kind, name: str) -> str:
    return f"{kind}:{name}"


def _pool(entry: Entry) -> Pool:
    return Pool.read(entry.name, entry.texts)


def _group(entry: Entry) -> Group:
    return compiled({name: text or "" for name, text in entry.texts.items()})


def _understood(entries: Mapping[str, Entry], reader: Callable[[Entry], Any]) -> dict[str, Any]:
    """What of it this version understands: another one may have stored it."""
    found = {}
    for name, entry in entries.items():
        try:
            found[name] = reader(entry)
        except (PoolInvalid, ExpressionRefused) as wrong:
            log.error("a stored entry is not understood and left out", extra={"entry": name, "reason": str(wrong)})
    return found
