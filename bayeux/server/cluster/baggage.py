"""What a session takes along when it moves to another node: all that waits for its client, and where it stands.

With it the newcomer goes on exactly where the owner stopped: no event is lost, none comes twice, batches keep their
numbers.

Source: OPS-42, ACK-14, WS-14.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from bayeux.backplane.backplane import Places
from bayeux.protocol.acknowledgement import Acknowledgement
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.session import State
from bayeux.server.cluster.wire import Unreadable, pack, packed_places, read_carried, read_places, string_map, unpack

if TYPE_CHECKING:
    from bayeux.server.sessions import ServerSession


@dataclass(slots=True)
class Baggage:
    """What waits for a client.

    Args:
        is_connected: it has connected before.
        places: what came up to there is in here.
        sent: the batches that it has not acknowledged, each with its number.
        next_batch: the number of the next one; 0 where it does not acknowledge.
        queue: what it was not sent yet, oldest first.
        unhooked: likewise, behind that; hooks of the session have not seen these.
        replays: by channel whose history it is being sent: the last id that it was given.
        age: seconds since its handshake, which a guest's socket may have to match (SEC-42); infinite if not known.
        carried: what the application gave it to take along.
    """

    is_connected: bool
    places: Places
    sent: list[tuple[int, list[EncodedMessage]]]
    next_batch: int
    resends: int
    queue: list[EncodedMessage]
    unhooked: list[EncodedMessage]
    replays: Mapping[str, int]
    age: float
    carried: Mapping[str, Any]

    @classmethod
    def of(cls, session: ServerSession, places: Places, now: float) -> Baggage:
        """All that a session has at this instant."""
        acknowledgement = session.acknowledgement
        samples = [] if session.samples is None else session.samples.take_due(math.inf)
        hooks, cursors = session.hooks, session.recovering or {}
        return cls(
            session.state is State.CONNECTED,
            places,
            [] if acknowledgement is None else [(number, list(sent)) for number, sent in acknowledgement.sent],
            0 if acknowledgement is None else acknowledgement.next_batch,
            0 if acknowledgement is None else acknowledgement.resends,
            [*session.queue.messages, *samples],
            [] if hooks is None else [each.message for each in hooks.waiting if not each.is_withdrawn],
            {name: cursor.after for name, cursor in cursors.items()},
            math.inf if session.is_taken_over else now - session.begun_at,
            dict(session.carried) if session.carries else {},
        )

    @property
    def is_empty(self) -> bool:
        """Nothing waits: its places say it all."""
        return not (self.sent or self.queue or self.unhooked or self.replays)

    def packed(self) -> bytes:
        """In the form that ``read`` takes."""
        return pack(
            self.is_connected,
            packed_places(self.places),
            [[number, _packed(sent)] for number, sent in self.sent],
            self.next_batch,
            self.resends,
            _packed(self.queue),
            _packed(self.unhooked),
            dict(self.replays),
            self.age,
            dict(self.carried),
        )

    @classmethod
    def read(cls, packed: bytes) -> Baggage:
        """Raises Unreadable."""
        values = unpack(packed, _TYPES)
        carried = read_carried(values, len(_TYPES))
        values = values[: len(_TYPES)]
        connected, places, sent, next_batch, resends, queue, unhooked, replays, age = values
        batches = []
        for batch in sent:
            if not isinstance(batch, list) or len(batch) != 2 or type(batch[0]) is not int:
                raise Unreadable("a batch that is none")
            batches.append((batch[0], _read(batch[1])))
        ids = string_map(replays)
        if not all(type(each) is int for each in ids.values()):
            raise Unreadable("no ids")
        waiting = _read(queue), _read(unhooked)
        return cls(connected, read_places(places), batches, next_batch, resends, *waiting, ids, float(age), carried)

    def unpack_into(self, session: ServerSession, now: float) -> None:
        """Have it wait there; all of it counts as having come ``now``."""
        for message in chain(self.queue, self.unhooked, *[sent for _, sent in self.sent]):
            message.accepted_at = now if message.accepted_at else 0.0
        if self.next_batch > 1 or self.sent:
            # Where no batch was made yet, its client's number goes on: it may have had others from a node that died.
            acknowledgement = Acknowledgement()
            acknowledgement.next_batch, acknowledgement.resends = self.next_batch, self.resends
            acknowledgement.restore([*self.sent])
            session.acknowledgement = acknowledgement
            session.queue.occupy(acknowledgement.count, acknowledgement.bytes)
        session.queue.replace(list(self.queue))
        if math.isinf(self.age):
            session.is_taken_over = True
        else:
            session.begun_at = now - self.age
        if self.carried:
            session.carried.update(self.carried)
        session.become(State.CONNECTED if self.is_connected else State.HANDSHAKEN)


def _packed(messages: Iterable[EncodedMessage]) -> list[Any]:
    return [[each.channel, each.json, each.position, each.accepted_at > 0] for each in messages]


def _read(packed: Any) -> list[EncodedMessage]:
    messages = []
    if not isinstance(packed, list):
        raise Unreadable("no events")
    for each in packed:
        if not isinstance(each, list) or len(each) != 4 or not all(map(isinstance, each, (str, bytes, int, bool))):
            raise Unreadable("an event that is none")
        channel, json, position, has_come_live = each
        message = EncodedMessage(channel, json, 1.0 if has_come_live else 0.0)
        message.position = position
        messages.append(message)
    return messages


_TYPES = (bool, list, list, int, int, list, list, dict, (int, float))
