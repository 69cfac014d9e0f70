"""Devices of Apple: one request of HTTP/2 for each notice.

Source: NT-8, NT-15, NT-16, PN-6; Apple, "Sending notification requests to APNs".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.outgoing.client import Outgoing
from gateway.outgoing.origin import Answer
from gateway.push.notice import Notice
from gateway.push.provider import DeliveryFailed, Device
from gateway.push.providers.apns_token import ProviderTokens, SigningKey
from gateway.push.providers.calling import called
from gateway.push.providers.options import Chosen, PushOptions

HOST: Final = "https://api.push.apple.com"
SANDBOX: Final = "https://api.sandbox.push.apple.com"
MOST_BYTES: Final = 4096
"""Of a payload; Apple's bound."""

_TOKEN = re.compile(r"[0-9A-Fa-f]{8,200}")
_AT_ONCE, _WHEN_CONVENIENT = "10", "5"
_STALE: Final = frozenset({"ExpiredProviderToken", "InvalidProviderToken"})
_LATER: Final = frozenset({"TooManyProviderTokenUpdates", "MissingProviderToken", "IdleTimeout", *_STALE})
"""Reasons among those of 4xx that say nothing about device or notice."""
_REASON = re.compile(r"[A-Za-z]{1,64}")


class Apns:
    """The service for ``ios``. ``now`` is in seconds since 1970."""

    def __init__(self, options: PushOptions, outgoing: Outgoing, now: Callable[[], float]) -> None:
        self._options = options
        self._outgoing = outgoing
        self._tokens = ProviderTokens(now)

    async def deliver(self, notice: Notice, device: Device) -> None:
        """Raises DeliveryFailed."""
        if _TOKEN.fullmatch(device.id) is None:
            raise DeliveryFailed("that is no token of a device", permanent=True)
        chosen = self._options.chosen(notice, device)
        body = json.encode(payload(notice, chosen))
        if len(body) > MOST_BYTES:
            raise DeliveryFailed("the notice is too long for Apple", permanent=True)
        key = _key(chosen)
        url = f"{chosen.text('apple.host', SANDBOX if device.debug else HOST)}/3/device/{device.id.lower()}"
        headers = headers_of(notice, chosen)
        token = await self._tokens.token(key)
        answer = await called(self._outgoing, url, body, {**headers, "authorization": f"bearer {token}"})
        if answer.status == 403 and _reason(answer) in _STALE and self._tokens.refused(key, token):
            token = await self._tokens.token(key)
            answer = await called(self._outgoing, url, body, {**headers, "authorization": f"bearer {token}"})
        _check(answer)


def payload(notice: Notice, chosen: Chosen) -> dict[str, Any]:
    """What the device gets: what it shows, and beside it what the app reads (PN-6)."""
    alert = {part: text for part in ("title", "body") if (text := chosen.text(f"apple.alertMessage.{part}"))}
    aps: dict[str, Any] = {}
    if alert:
        aps["alert"] = alert
    if (badge := chosen.number("apple.badge")) is not None:
        aps["badge"] = badge
    if sound := chosen.text("apple.sound"):
        aps["sound"] = sound
    # Without anything to show the app alone is woken.
    if chosen.flag("apple.content-available") or not aps:
        aps["content-available"] = 1
    return {"aps": aps, **notice.body}


def headers_of(notice: Notice, chosen: Chosen) -> dict[str, str]:
    """The request's, but for the token; ``apns-id`` is the same whenever the notice is the same."""
    is_shown = any(
        chosen.text(name)
        for name in ("apple.alertMessage.title", "apple.alertMessage.body", "apple.sound", "apple.badge")
    )
    headers = {
        "apns-id": _apns_id(notice.id),
        "apns-topic": chosen.needed("apple.topic"),
        "apns-push-type": "alert" if is_shown else "background",
        "apns-priority": _AT_ONCE if is_shown else _WHEN_CONVENIENT,
        "content-type": "application/json",
    }
    if notice.until is not None:
        headers["apns-expiration"] = str(int(notice.until))
    return headers


def _apns_id(notice_id: str) -> str:
    try:
        return str(uuid.UUID(hex=notice_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_OID, notice_id))


def _key(chosen: Chosen) -> SigningKey:
    """Raises DeliveryFailed where the configuration names none (NT-15)."""
    return SigningKey(
        chosen.needed("apple.keystore"),
        chosen.text("apple.keystorePassword"),
        chosen.needed("apple.keyId"),
        chosen.needed("apple.teamId"),
    )


def _check(answer: Answer) -> None:
    """Raises DeliveryFailed for all but 200."""
    if answer.status == 200:
        return
    reason = _reason(answer)
    is_final = 400 <= answer.status < 500 and answer.status != 429 and reason not in _LATER
    raise DeliveryFailed(f"Apple answered {answer.status} {reason}".rstrip(), permanent=is_final)


def _reason(answer: Answer) -> str:
    try:
        told: Mapping[str, Any] = json.decode(answer.body, 4)
    except MalformedBody:
        return ""
    reason = told.get("reason") if isinstance(told, dict) else None
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else ""
