"""Who wants to be told what, and where: the devices of instances, and what apps and servers have subscribed to.

Source: CB-2, NT-1, NT-4…7.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from gateway.config.customers import COMET
from gateway.customers.refusal import GSG, Away, Refused
from gateway.push.filters import matches
from gateway.push.notice import Notice
from gateway.push.provider import Device
from gateway.store.turn import Turn

MOST: Final = 100
"""Subscriptions of a user, and of all who are no user's."""


class SubscriptionUnknown(Refused):
    """There is none of that id, or it is another user's (NT-5)."""

    status = 404
    exception = f"{GSG}GSGException"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """One device that hears of something."""

    id: str
    """Of an instance's: the instance's."""
    user: str
    """Whose events it hears; empty: everybody's (NT-7)."""
    filter: str
    device: Device
    expires: float
    attempts: int
    """How often at most it is tried to tell it (NT-13)."""

    @property
    def mailbox(self) -> str:
        """The user in whose mailbox its notices wait; empty where it is no Bayeux session."""
        return (self.user or self.device.id) if self.device.type == COMET else ""

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return asdict(self)

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Subscription:
        """The same again."""
        return cls(**{**body, "device": Device(**body["device"])})


async def hearing(turn: Turn, notice: Notice) -> tuple[Subscription | None, list[Subscription]]:
    """The instance's own, and all others that a notice is for."""
    own = await of_instance(turn, notice.instance) if notice.instance else None
    indexes = dict.fromkeys([_index(notice.user or (own.user if own is not None else "")), _index("")])
    keys = [key for index in indexes for key in await turn.page(index, limit=MOST)]
    bodies = await turn.read(*keys) if keys else []
    others = [Subscription.from_document(body) for body in bodies if body is not None]
    return own, [each for each in others if each.expires > turn.now and matches(each.filter, notice.tag)]


async def of_instance(turn: Turn, instance: str) -> Subscription | None:
    """The device that was given with a callback; None: it has none (CB-2)."""
    (body,) = await turn.read(_instance_key(instance))
    return Subscription.from_document(body) if body is not None else None


async def keep_of_instance(turn: Turn, subscription: Subscription) -> None:
    """From here on the instance's events go to this device."""
    key = _instance_key(subscription.id)
    await turn.read(key)
    turn.write(key, subscription.to_document(), ttl=max(subscription.expires - turn.now, 1.0))


async def keep(turn: Turn, subscription: Subscription) -> None:
    """From here on it hears. Raises Away where there are too many."""
    index = _index(subscription.user)
    if len(await turn.page(index, limit=MOST)) >= MOST:
        raise Away("there are too many subscriptions", retry_after=30)
    key = _key(subscription.id)
    await turn.read(key)
    indexes = {index: turn.now}
    turn.write(key, subscription.to_document(), indexes=indexes, ttl=max(subscription.expires - turn.now, 1.0))


async def find(turn: Turn, id: str) -> Subscription:
    """Raises SubscriptionUnknown."""
    (body,) = await turn.read(_key(id))
    if body is None:
        raise SubscriptionUnknown("there is no such subscription")
    return Subscription.from_document(body)


def drop(turn: Turn, id: str) -> None:
    """It hears no more; it was found in this turn."""
    turn.write(_key(id), None)


def _key(id: str) -> str:
    return f"subscription:{id}"


def _instance_key(id: str) -> str:
    return f"device:{id}"


def _index(user: str) -> str:
    return f"subscriptions:{user}"
