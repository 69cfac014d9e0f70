"""How far a node's sessions have come, written down once a second in place of once an acknowledgement.

A checkpoint says how far the node itself had come in every partition at one instant, and which of its sessions had not
taken all of that: each with the last checkpoint from before the oldest event that it has not acknowledged. Whoever
takes a session over reads from there. Nothing is lost, and what comes twice is at most what came in that while.

Cost model: one look at each session that acknowledges and has something unacknowledged, and one write, a second.

Source: ACK-1, OPS-62; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Final

from bayeux.backplane.backplane import Places
from bayeux.server.cluster.records import Kept
from bayeux.server.cluster.wire import Unreadable, pack, packed_places, read_places, string_map, strings, unpack

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bayeux.protocol.encoded import EncodedMessage
    from bayeux.server.sessions import ServerSession

REMEMBERED: Final = 120
"""Checkpoints a node remembers of its own. A session that is further behind is told that it has lost events."""

_LOST = -1


class Ring:
    """The last checkpoints of this node: when they were made, and how far it had come."""

    def __init__(self, now: float) -> None:
        self._entries: deque[tuple[float, Places]] = deque([(now, {})], maxlen=REMEMBERED)

    def add(self, now: float, places: Places) -> None:
        """It is here at ``now``; what comes from now on comes later."""
        self._entries.append((now, places))

    def before(self, moment: float) -> Places | None:
        """How far it had come at the last checkpoint before a moment; None if that is forgotten."""
        entries = self._entries
        index = bisect_left(entries, moment, key=lambda entry: entry[0])
        return entries[index - 1][1] if index else None


@dataclass(frozen=True, slots=True)
class Behind:
    """How far a session had come that had not taken everything.

    Args:
        places: None if that is not known any more.
        replays: by channel whose history it was being sent: the last id that it has.
    """

    places: Places | None
    replays: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a node said of itself and its sessions at one instant."""

    number: int
    places: Places
    behind: Mapping[str, Behind]
    unsettled: frozenset[str] = frozenset()
    """Sessions that were on their way to the node: their records know better."""
    is_last: bool = False
    """The node left: where it says that a session has taken everything, that is so to the last event."""

    def of(self, client_id: str) -> Behind | None:
        """How far a session had come that this node owned then; None if the node could not know."""
        if client_id in self.unsettled:
            return None
        return self.behind.get(client_id) or Behind(self.places, {})

    def packed(self) -> bytes:
        """In the form that ``read`` takes; sessions that are equally far share what says so."""
        tables: list[list[int]] = [packed_places(self.places)]
        known = {id(self.places): 0}
        rows = {}
        for client_id, behind in self.behind.items():
            index = _LOST
            if behind.places is not None:
                index = known.setdefault(id(behind.places), len(tables))
                if index == len(tables):
                    tables.append(packed_places(behind.places))
            rows[client_id] = [index, dict(behind.replays)]
        return pack(self.number, tables, rows, sorted(self.unsettled), self.is_last)

    @classmethod
    def read(cls, packed: bytes) -> Checkpoint:
        """Raises Unreadable."""
        number, packed_tables, rows, unsettled, is_last = unpack(packed, (int, list, dict, list, bool))[:5]
        tables = [read_places(table) for table in packed_tables]
        if not tables:
            raise Unreadable("a checkpoint without places")
        behind = {client_id: _read(row, tables) for client_id, row in string_map(rows).items()}
        return cls(number, tables[0], behind, frozenset(strings(unsettled)), is_last)


def behind(session: ServerSession, kept: Kept, ring: Ring, places: Places) -> Behind | None:
    """How far a session has come; None if it has acknowledged, or been sent, everything up to ``places``."""
    acknowledgement = session.acknowledgement
    if acknowledgement is None:
        return None
    hooks = session.hooks
    if not (session.queue.messages or acknowledgement.sent or session.recovering or (hooks and hooks.waiting)):
        return None
    waiting = [] if hooks is None else [each.message for each in hooks.waiting]
    messages = list(chain(acknowledgement.messages, session.queue.messages, waiting))
    oldest = min((each.accepted_at for each in messages if each.accepted_at), default=None)
    replays = _replays(session, messages)
    if oldest is None:
        return Behind(places, replays) if replays else None
    if kept.base is not None and oldest <= kept.restored_at:
        return Behind(kept.base, replays)
    return Behind(ring.before(oldest), replays)


def _replays(session: ServerSession, messages: Iterable[EncodedMessage]) -> dict[str, int]:
    cursors = session.recovering or {}
    replays = {name: cursor.after for name, cursor in cursors.items() if not cursor.is_at_end}
    for message in messages:
        if message.position and not message.accepted_at:
            replays[message.channel] = min(message.position - 1, replays.get(message.channel, message.position))
    return replays


def _read(row: object, tables: list[Places]) -> Behind:
    if not isinstance(row, list) or len(row) != 2:
        raise Unreadable("a session of a checkpoint")
    index, replays = row
    replays = string_map(replays)
    if type(index) is not int or index >= len(tables) or not all(type(each) is int for each in replays.values()):
        raise Unreadable("a session of a checkpoint")
    return Behind(None if index < 0 else tables[index], replays)
