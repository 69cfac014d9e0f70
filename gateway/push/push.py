"""Telling customers: whoever has news for one says so in his own commit, and it reaches him by the way he chose.

A Bayeux session is told from its user's mailbox, any other device by a delivery; whom no way reaches may ask for it.

Source: PN-2, PN-7, PN-8, CB-2, CB-3, IN-4…6, NT-3, NT-6, NT-7, NT-14, CC-3.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from typing import Final, Protocol

from bayeux.server.server import BayeuxServer
from channels.private import CUSTOMER
from gateway.auth.customers import bayeux_user
from gateway.config.customers import COMET, TYPES
from gateway.customers.refusal import RequestWrong
from gateway.push import subscriptions
from gateway.push.deliveries import Deliveries
from gateway.push.mailboxes import Mailboxes
from gateway.push.notice import Notice
from gateway.push.provider import Device, Provider
from gateway.push.reader import Reader
from gateway.push.subscriptions import Subscription
from gateway.store.store import Room
from gateway.store.turn import Turn

NUDGE: Final = f"{CUSTOMER}/nudge"
"""Wakes other nodes; nobody may subscribe to it."""
CHAT: Final = "service.chat.refresh."
"""What tags of chat events begin with: only a mailbox has them, devices are told of a chat in a way of their own."""
ATTEMPTS: Final = 3
"""NT-13."""
MOST_KEPT: Final = 100
"""Messages that wait for somebody who polls for an instance (IN-12)."""
_EVERYTHING: Final = "*"

Translate = Callable[[str, str], str]
"""From a key and a language to a text (NT-14)."""


class Target(Protocol):
    """A device as chats know it; its members are those of ``Device``."""

    @property
    def type(self) -> str:
        """``ios``, ``fcm`` …"""

    @property
    def id(self) -> str:
        """What its provider calls it."""

    @property
    def provider(self) -> str:
        """Name of a profile."""

    @property
    def language(self) -> str:
        """Empty where nobody said."""

    @property
    def debug(self) -> bool:
        """By the settings for apps that are tried out."""


class Push:
    """The way to customers.

    Args:
        room: the customers'.
        reader: gives what is in mailboxes to the sessions of this node.
        enabled: types of devices that may subscribe.
        provider_of: the provider for a type of devices.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        server: BayeuxServer,
        room: Room,
        mailboxes: Mailboxes,
        reader: Reader,
        *,
        enabled: Collection[str] = (COMET,),
        provider_of: Callable[[str], Provider | None],
        clock: Callable[[], float],
    ) -> None:
        self.enabled: frozenset[str] = frozenset(enabled)
        self.polled: Mailboxes = Mailboxes(room, clock, name="polled", most=MOST_KEPT)
        """What waits for somebody who polls for an instance, by the instance's id (IN-5)."""
        self.deliveries: Deliveries = Deliveries(room, provider_of, self._keep, clock)
        self._server = server
        self._mailboxes = mailboxes
        self._reader = reader

    # In somebody's commit

    async def tell(self, turn: Turn, notice: Notice, translate: Translate | None = None) -> int:
        """Have customers told of this, if the turn is committed; call ``nudge`` then. How many ways it takes.

        Args:
            translate: the message is a key, to be looked up for each device.
        """
        if notice.tag.startswith(CHAT):
            return int(bool(notice.user) and await self._mailboxes.put(turn, notice.user, notice))
        own, others = await subscriptions.hearing(turn, notice)
        ways = ([own] if own is not None else []) + others
        mailboxes = dict.fromkeys(each.mailbox for each in ways if each.mailbox)
        for user in mailboxes:
            said = _translated(notice, translate, "")
            is_kept = notice.is_kept and user == notice.user
            await self._mailboxes.put(turn, user, replace(said, user=user, is_kept=is_kept))
        for subscription in _one_a_device(each for each in ways if not each.mailbox):
            device = subscription.device
            is_his = subscription is own or (bool(notice.user) and subscription.user == notice.user)
            await self.deliveries.begin(
                turn,
                _translated(notice, translate, device.language),
                device,
                attempts=subscription.attempts,
                is_kept=is_his and notice.user not in mailboxes,
            )
        if notice.is_kept and own is None and not any(each.user and each.user == notice.user for each in others):
            await self._poll(turn, notice)
        return len(ways)

    async def reach(self, turn: Turn, notice: Notice, target: Target) -> None:
        """Have one device told, whoever subscribed to what; nothing is kept where that fails."""
        if target.type in self.enabled and target.type != COMET:
            device = Device(
                type=target.type,
                id=target.id,
                provider=target.provider,
                language=target.language,
                debug=target.debug,
            )
            await self.deliveries.begin(turn, notice, device, attempts=ATTEMPTS, is_kept=False)

    async def waiting(self, turn: Turn, user: str, tag: str) -> list[Notice]:
        """What has this tag and no session of his was found to have (CC-11)."""
        return await self._mailboxes.waiting(turn, user, tag) if user else []

    async def withdraw(self, turn: Turn, user: str, tag: str) -> None:
        """Who was not told of what has this tag is not told any more (PN-8)."""
        if user:
            await self._mailboxes.withdraw(turn, user, tag)
        await self.deliveries.withdraw(turn, tag)

    async def subscribe(
        self,
        turn: Turn,
        *,
        instance: str,
        user: str,
        device: Device,
        until: float,
        attempts: int = ATTEMPTS,
    ) -> None:
        """From here on a device is told of what is about this instance.

        Args:
            user: ``gms_user``; empty: nobody said.
            device: of ``_device_os`` and ``_device_notification_id``; a comet device is called as its user is.
            until: when the instance ends.
            attempts: ``_max_notify_delivery_attempts``.

        Raises RequestWrong (CB-2, CB-3).
        """
        self.check_type(device.type)
        if device.type == COMET and user and device.id != user:
            raise RequestWrong("_device_notification_id is not the user")
        subscription = Subscription(
            id=instance,
            user=user,
            filter=_EVERYTHING,
            device=device,
            expires=until,
            attempts=attempts,
        )
        await subscriptions.keep_of_instance(turn, subscription)

    def check_type(self, type_: str) -> None:
        """Raises RequestWrong for one that there is not, or that is not switched on (NT-3)."""
        if type_ not in TYPES:
            raise RequestWrong("there is no such type of devices")
        if type_ not in self.enabled:
            raise RequestWrong("this type of devices is not switched on")

    async def is_enabled(self, turn: Turn, instance: str) -> bool:
        """Whether an instance has a device (CB-2)."""
        return await subscriptions.of_instance(turn, instance) is not None

    # After the commit, or at any time

    def nudge(self, user: str) -> None:
        """There is something for this user: what waits is given at once, on all nodes. Nothing is lost without it."""
        self.deliveries.pump.hurry()
        if not user:
            return
        self._reader.wake(user)
        if self._server.cluster is not None:
            self._server.deliver_to_user(bayeux_user(user), NUDGE, {})

    async def has_session(self, user: str) -> bool:
        """Whether a session of his listens, on any node, by what is known."""
        cluster = self._server.cluster
        return self._reader.serves(user) or (cluster is not None and cluster.seti.is_present(bayeux_user(user)))

    # What nobody could be told

    async def _keep(self, turn: Turn, notice: Notice) -> None:
        """His next session is told, or who polls, one of both (IN-6)."""
        if notice.user:
            await self._mailboxes.put(turn, notice.user, notice)
        elif notice.is_kept:
            await self._poll(turn, notice)

    async def _poll(self, turn: Turn, notice: Notice) -> None:
        await self.polled.put(turn, notice.instance, notice)


def _one_a_device(ways: Iterable[Subscription]) -> list[Subscription]:
    """The first of each."""
    devices: dict[tuple[str, str, str], Subscription] = {}
    for each in ways:
        devices.setdefault((each.device.type, each.device.provider, each.device.id), each)
    return list(devices.values())


def _translated(notice: Notice, translate: Translate | None, language: str) -> Notice:
    return notice if translate is None else replace(notice, message=translate(notice.message, language))
