"""What has to reach devices by a provider: tried by the leader, tried again at deadlines, and given up in the end.

A delivery is a document, written with what it tells of. By the outbox only its name leaves, so that one that was
withdrawn is not made. A crash between telling a device and storing that it was told has it told again, under the same
id.

Source: NT-12, NT-13, IN-6, PN-8, SM-70.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from bayeux.protocol.errors import Unavailable
from gateway.push.notice import Notice
from gateway.push.provider import DeliveryFailed, Device, Provider
from gateway.routing.outbox import Pump
from gateway.store.store import Fence, Outgoing, Room
from gateway.store.turn import Turn, decided

log = logging.getLogger(__name__)

LANE: Final = "push"
DEADLINE: Final = "push"
"""Kind of the deadlines of deliveries: it stands before the colon of their names."""
FIRST_PAUSE: Final = 5.0
"""Seconds until it is tried again; each pause is five times the one before."""
GROWTH: Final = 5
KEPT: Final = 24 * 60 * 60.0
"""Seconds that a delivery is tried for at most."""
MOST_AT_ONCE: Final = 32
"""Devices that are told at the same time."""

GiveUp = Callable[[Turn, Notice], Awaitable[None]]
"""A device could not be told: what becomes of the notice, in the commit by which the delivery ends."""


@dataclass(slots=True)
class Tally:
    """What became of deliveries on this node."""

    delivered: int = 0
    failed: int = 0
    """Attempts, each for itself."""
    given_up: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way to a device."""

    notice: Notice
    device: Device
    attempts: int
    """How many there may be."""
    attempt: int
    """The one that comes next; the first is 1."""
    is_kept: bool
    """Where it fails for good its notice is not lost."""

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return {
            "notice": self.notice.to_document(),
            "device": asdict(self.device),
            "attempts": self.attempts,
            "attempt": self.attempt,
            "is_kept": self.is_kept,
        }

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Delivery:
        """The same again."""
        notice, device = Notice.from_document(body["notice"]), Device(**body["device"])
        return cls(notice, device, body["attempts"], body["attempt"], body["is_kept"])


class Deliveries:
    """All of them.

    Args:
        room: the customers'.
        provider_of: the one for a type of devices; None where there is none.
        give_up: told of what failed for good.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        room: Room,
        provider_of: Callable[[str], Provider | None],
        give_up: GiveUp,
        clock: Callable[[], float],
    ) -> None:
        self.tally: Tally = Tally()
        self.pump: Pump = Pump(room, LANE, self._leave)
        """The leader's alone: two nodes would tell a device twice."""
        self._room = room
        self._provider_of = provider_of
        self._give_up = give_up
        self._clock = clock
        self._places = asyncio.Semaphore(MOST_AT_ONCE)

    # In somebody's commit

    async def begin(self, turn: Turn, notice: Notice, device: Device, *, attempts: int, is_kept: bool) -> None:
        """Have a device told; once for each notice.

        Args:
            is_kept: where that fails for good, the notice is kept for its user.
        """
        id = f"{notice.id}:{_digest(device)}"
        (known,) = await turn.read(_key(id))
        if known is None:
            await self._write(turn, id, Delivery(notice, device, max(attempts, 1), 1, is_kept))
            turn.leave(_outgoing(id, 1))

    async def withdraw(self, turn: Turn, tag: str) -> None:
        """No device is told any more of what has this tag; one that is just being told is (PN-8)."""
        keys = await turn.page(_index(tag))
        if keys:
            await turn.read(*keys)
        for key in keys:
            turn.write(key, None)
            turn.deadlines[f"{DEADLINE}:{key.removeprefix(_KEY)}"] = None

    # The leader's

    async def expire(self, name: str, fence: Fence) -> None:
        """It is time for the next attempt of a delivery; done when that is about to be made."""

        async def decision(turn: Turn) -> None:
            turn.fence = fence
            turn.deadlines[f"{DEADLINE}:{name}"] = None
            delivery = await _find(turn, name)
            if delivery is not None:
                turn.leave(_outgoing(name, delivery.attempt))

        await self._decided(decision)
        self.pump.hurry()

    async def _leave(self, entries: Sequence[Outgoing]) -> None:
        """The end of the lane: each device in order, devices at the same time. Raises Unavailable."""
        documents = await self._room.read(*(_key(entry.body["delivery"]) for entry in entries))
        of_devices: dict[str, list[str]] = {}
        for entry, document in zip(entries, documents, strict=True):
            if document is not None:
                id = entry.body["delivery"]
                of_devices.setdefault(id.rpartition(":")[2], []).append(id)
        outcomes = await asyncio.gather(*map(self._attempt_all, of_devices.values()), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _attempt_all(self, ids: Sequence[str]) -> None:
        async with self._places:
            for position, id in enumerate(ids):
                if not await self._attempt_safely(id):
                    # It would take as long to fail for each of the others, and nobody's would leave meanwhile.
                    for behind in ids[position + 1 :]:
                        await self._put_off(behind)
                    return

    async def _attempt_safely(self, id: str) -> bool:
        """As ``_attempt``; what is a defect ends with that delivery, which would stand in the way of all others."""
        try:
            return await self._attempt(id)
        except Unavailable:
            raise
        except Exception:
            log.exception("defect in a delivery, which is left to vanish", extra={"delivery": id})
            return True

    async def _attempt(self, id: str) -> bool:
        """Whether the device's next one may be tried at once."""
        (document,) = await self._room.read(_key(id))
        if document is None:
            return True
        delivery = Delivery.from_document(document.body)
        failure = await self._tell(delivery)
        if failure is None:
            self.tally.delivered += 1
        else:
            self.tally.failed += 1
            log.info(
                "a device was not told: %s",
                failure,
                extra={"event": "push_failed", "device": delivery.device.type, "attempt": delivery.attempt},
            )

        async def decision(turn: Turn) -> bool:
            now = await _find(turn, id)
            if now is None or now.attempt != delivery.attempt:
                return False  # it was withdrawn, or another leader was faster
            return await self._settle(turn, id, now, failure)

        is_given_up, _ = await decided(self._room, decision, lambda: Turn(self._room, self._clock()))
        self.tally.given_up += is_given_up
        return failure is None or failure.permanent

    async def _put_off(self, id: str) -> None:
        async def decision(turn: Turn) -> None:
            if await _find(turn, id) is not None:
                turn.deadlines[f"{DEADLINE}:{id}"] = turn.now + FIRST_PAUSE

        await self._decided(decision)

    async def _tell(self, delivery: Delivery) -> DeliveryFailed | None:
        notice, device = delivery.notice, delivery.device
        if notice.until is not None and notice.until <= self._clock():
            return DeliveryFailed("it is too late", permanent=True)
        provider = self._provider_of(device.type)
        if provider is None:
            return DeliveryFailed("this type is not switched on", permanent=True)
        try:
            await provider.deliver(notice, device)
        except DeliveryFailed as failure:
            return failure
        except Exception as error:
            log.exception("defect in telling a device")
            return DeliveryFailed(type(error).__name__, permanent=False)
        return None

    async def _settle(self, turn: Turn, id: str, delivery: Delivery, failure: DeliveryFailed | None) -> bool:
        """What follows from an attempt; whether the delivery was given up."""
        if failure is not None and not failure.permanent and delivery.attempt < delivery.attempts:
            pause = FIRST_PAUSE * GROWTH ** (delivery.attempt - 1)
            await self._write(turn, id, _next_of(delivery))
            turn.deadlines[f"{DEADLINE}:{id}"] = turn.now + pause
            return False
        turn.write(_key(id), None)
        if failure is None:
            return False
        if delivery.is_kept:
            await self._give_up(turn, delivery.notice)
        return True

    async def _write(self, turn: Turn, id: str, delivery: Delivery) -> None:
        indexes = {_index(delivery.notice.tag): turn.now}
        turn.write(_key(id), delivery.to_document(), indexes=indexes, ttl=KEPT)

    async def _decided(self, decision: Callable[[Turn], Awaitable[None]]) -> None:
        await decided(self._room, decision, lambda: Turn(self._room, self._clock()))


async def _find(turn: Turn, id: str) -> Delivery | None:
    (body,) = await turn.read(_key(id))
    return Delivery.from_document(body) if body is not None else None


def _next_of(delivery: Delivery) -> Delivery:
    return Delivery(delivery.notice, delivery.device, delivery.attempts, delivery.attempt + 1, delivery.is_kept)


def _outgoing(id: str, attempt: int) -> Outgoing:
    return Outgoing(f"{LANE}:{id}:{attempt}", LANE, {"delivery": id})


def _digest(device: Device) -> str:
    """Stands for a device in names: what it is called itself may be long, and is nobody's business."""
    return hashlib.sha256("\0".join((device.type, device.provider, device.id)).encode()).hexdigest()[:32]


def _key(id: str) -> str:
    return f"{_KEY}{id}"


def _index(tag: str) -> str:
    return f"deliveries:{tag}"


_KEY: Final = "delivery:"
