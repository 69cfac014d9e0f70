"""The notification API: apps and servers subscribe, and whoever runs the scenarios publishes.

An app hears only of what is about its own user; a server of everything, so it has to be known as one.

Source: NT-1…11, NT-14; AUTH-7.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from bayeux.protocol import json
from gateway.config.customers import COMET
from gateway.customers.refusal import RequestWrong, TooLarge
from gateway.push import subscriptions
from gateway.push.filters import LONGEST as LONGEST_FILTER
from gateway.push.localization import Localization
from gateway.push.notice import Notice, new_notice_id, spoken
from gateway.push.provider import Device
from gateway.push.push import ATTEMPTS, Push
from gateway.push.subscriptions import Subscription, SubscriptionUnknown
from gateway.store.store import Room
from gateway.store.turn import Turn, decided

LONGEST_DEVICE: Final = 4096
LONGEST_TAG: Final = 256
LARGEST: Final = 64 * 1024
"""Bytes of a message."""
LONGEST_EXPIRY: Final = 365 * 24 * 60 * 60.0
"""Seconds; what asks for more gets this."""
MOST_PROPERTIES: Final = 100
_LOCALIZED: Final = "localizestring"
_PLAIN: Final = "string"

UserOf = Callable[[Turn, str], Awaitable[str | None]]
"""The user of a live instance, empty where it has none; None where there is no such instance."""


class Notifications:
    """All of it.

    Args:
        room: the customers'.
        user_of: whose an instance is: of that user are events whose tag ends with its id.
        localization: for messages that are keys.
        shortest: seconds that a subscription lives at least, and where it does not say (NT-4).
        clock: seconds since 1970.

    All methods raise Unavailable.
    """

    def __init__(
        self,
        room: Room,
        push: Push,
        *,
        user_of: UserOf,
        localization: Localization,
        shortest: float,
        clock: Callable[[], float],
    ) -> None:
        self._room = room
        self._push = push
        self._user_of = user_of
        self._localization = localization
        self._shortest = shortest
        self._clock = clock

    async def subscribe(self, sent: Mapping[str, Any], user: str) -> str:
        """Have a device hear; the subscription's id. Raises RequestWrong, Away.

        Args:
            user: whose events it hears; empty: everybody's, which only servers may ask for.
        """
        if not _text(sent, "subscriberId"):
            raise RequestWrong("subscriberId is missing")
        pattern = _text(sent, "filter")
        if not pattern or len(pattern) > LONGEST_FILTER:
            raise RequestWrong(f"filter is missing, or has more than {LONGEST_FILTER} characters")
        device = _device(sent)
        self._push.check_type(device.type)
        if device.type != COMET and not device.id:
            raise RequestWrong("notificationDetails.deviceId is missing")
        if device.type == COMET and not (user or device.id):
            raise RequestWrong("comet needs gms_user")
        lives = _seconds(sent.get("expire"))
        subscription = Subscription(
            id=new_notice_id(),
            user=user,
            filter=pattern,
            device=device,
            expires=self._clock() + min(max(lives, self._shortest), LONGEST_EXPIRY),
            attempts=ATTEMPTS,
        )
        await decided(self._room, lambda turn: subscriptions.keep(turn, subscription), self._turn)
        return subscription.id

    async def unsubscribe(self, id: str, user: str, *, is_server: bool) -> None:
        """It hears no more. Raises SubscriptionUnknown, also for another user's (NT-5).

        Args:
            is_server: who asks is known as one.
        """

        async def decision(turn: Turn) -> None:
            found = await subscriptions.find(turn, id)
            is_own = found.user == user if found.user else is_server
            if not is_own or found.expires <= turn.now:
                raise SubscriptionUnknown("there is no such subscription")
            subscriptions.drop(turn, id)

        await decided(self._room, decision, self._turn)

    async def publish(self, sent: Mapping[str, Any]) -> int:
        """Have all told who subscribed to that; how many those are. Raises RequestWrong, TooLarge."""
        sent = _content(sent)
        tag, message = _text(sent, "tag"), sent.get("message")
        if not tag or not isinstance(message, (str, dict)) or message == "":
            raise RequestWrong("message or tag is missing")
        if len(json.encode(message)) > LARGEST:
            raise TooLarge(f"a message has at most {LARGEST} bytes")
        if len(tag) > LONGEST_TAG:
            raise RequestWrong(f"tag has more than {LONGEST_TAG} characters")
        media = _text(sent, "mediaType") or _PLAIN
        if media not in (_PLAIN, _LOCALIZED):
            raise RequestWrong(f"mediaType is {_PLAIN} or {_LOCALIZED}")
        is_key = media == _LOCALIZED and isinstance(message, str)
        said = message if is_key else spoken(message)
        id, properties = new_notice_id(), _properties(_object(sent, "notificationDetails"))

        async def decision(turn: Turn) -> tuple[int, str]:
            instance = tag.rpartition(".")[2]
            user = await self._user_of(turn, instance)
            notice = Notice(
                id=id,
                tag=tag,
                message=said,
                instance=instance if user is not None else "",
                user=user or "",
                properties=properties,
            )
            return await self._push.tell(turn, notice, self._localization if is_key else None), notice.user

        (ways, user), _ = await decided(self._room, decision, self._turn)
        self._push.nudge(user)
        return ways

    def _turn(self) -> Turn:
        return Turn(self._room, self._clock())


def _device(sent: Mapping[str, Any]) -> Device:
    details = _object(sent, "notificationDetails")
    properties = dict(_properties(details))
    id = _text(details, "deviceId")
    if len(id) > LONGEST_DEVICE:
        raise RequestWrong(f"deviceId has more than {LONGEST_DEVICE} characters")
    return Device(
        type=_text(details, "type"),
        id=id,
        provider=_text(sent, "providerName"),
        authorization=_text(sent, "authorization"),
        language=properties.pop("language", ""),
        debug=properties.pop("debug", "").lower() == "true",
        properties=properties,
    )


def _content(sent: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an orchestrator's page wraps in ``data.content``, as itself."""
    inner = sent.get("data")
    content = inner.get("content") if isinstance(inner, dict) else None
    return content if isinstance(content, dict) else sent


def _text(sent: Mapping[str, Any], name: str) -> str:
    value = sent.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestWrong(f"{name} must be a text")
    return value


def _object(sent: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = sent.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestWrong(f"{name} must be an object")
    return value


def _properties(details: Mapping[str, Any]) -> Mapping[str, str]:
    """Texts; what is said as a number or a truth value is meant as one."""
    properties = _object(details, "properties")
    if len(properties) > MOST_PROPERTIES or any(isinstance(each, (dict, list)) for each in properties.values()):
        raise RequestWrong(f"properties are at most {MOST_PROPERTIES} texts")
    return {name: _as_text(value) for name, value in properties.items() if value is not None}


def _as_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _seconds(value: Any) -> float:
    """NT-4; also as a text."""
    if value is None or value == "":
        return 0.0
    wrong = RequestWrong("expire must be a number of seconds")
    if isinstance(value, bool):
        raise wrong
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        raise wrong from None
    if math.isnan(seconds):
        raise wrong
    return seconds
