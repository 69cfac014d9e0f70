"""Devices that Google reaches: HTTP v1 of Firebase Cloud Messaging.

Source: NT-3, NT-15, NT-16, PN-6; Google, "Send a message using FCM HTTP v1 API", "FCM error codes".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.outgoing.client import Outgoing
from gateway.outgoing.origin import Answer
from gateway.push.notice import Notice
from gateway.push.provider import DeliveryFailed, Device
from gateway.push.providers.calling import called
from gateway.push.providers.google_token import Access, AccessTokens
from gateway.push.providers.options import Chosen, PushOptions

HOST: Final = "https://fcm.googleapis.com"
MOST_BYTES: Final = 4096
"""Of data and notification; Google's bound."""

_LONGEST_LIFE: Final = 28 * 24 * 3600
_PROJECT = re.compile(r"[a-z0-9:.-]{1,64}")
_WORD = re.compile(r"[A-Z_]{1,64}")
_FINAL: Final = frozenset({400, 403, 404})
"""What is wrong with the device or the notice; 403 is a device of another sender's."""


class Fcm:
    """The service for ``fcm``, ``gcm`` and ``android``. ``now`` is in seconds since 1970."""

    def __init__(self, options: PushOptions, outgoing: Outgoing, now: Callable[[], float]) -> None:
        self._options = options
        self._outgoing = outgoing
        self._now = now
        self._tokens = AccessTokens(outgoing, now)

    async def deliver(self, notice: Notice, device: Device) -> None:
        """Raises DeliveryFailed."""
        chosen = self._options.chosen(notice, device)
        body = json.encode({"message": message(notice, device, chosen, self._now())})
        if len(body) - len(device.id) > MOST_BYTES:
            raise DeliveryFailed("the notice is too long for Google", permanent=True)
        file = chosen.needed("fcm.apiKey")
        access = await self._tokens.access(file)
        answer = await self._send(chosen, access, body)
        if answer.status == 401:  # a token may be taken back before its end
            self._tokens.refused(file, access)
            answer = await self._send(chosen, await self._tokens.access(file), body)
        _check(answer)

    async def _send(self, chosen: Chosen, access: Access, body: bytes) -> Answer:
        if _PROJECT.fullmatch(access.project) is None:
            raise DeliveryFailed("the service account names no project", permanent=False)
        url = f"{chosen.text('fcm.host', HOST)}/v1/projects/{access.project}/messages:send"
        headers = {"authorization": f"Bearer {access.token}", "content-type": "application/json; charset=UTF-8"}
        return await called(self._outgoing, url, body, headers)


def message(notice: Notice, device: Device, chosen: Chosen, now: float) -> dict[str, Any]:
    """What is sent: what is shown, and beside it what the app reads, all of it texts (PN-6)."""
    told = notice.message if isinstance(notice.message, str) else json.encode(notice.message).decode()
    android: dict[str, str] = {"priority": "high"}
    if notice.until is not None:
        android["ttl"] = f"{min(max(0, int(notice.until - now)), _LONGEST_LIFE)}s"
    sent: dict[str, Any] = {
        "token": device.id,
        "data": {"id": notice.id, "tag": notice.tag, "message": told},
        "android": android,
    }
    if shown := {part: text for part in ("title", "body") if (text := chosen.text(f"fcm.{part}"))}:
        sent["notification"] = shown
    return sent


def _check(answer: Answer) -> None:
    """Raises DeliveryFailed for all but 200."""
    if answer.status == 200:
        return
    word = _error_word(answer)
    is_final = answer.status in _FINAL and word not in ("PERMISSION_DENIED", "THIRD_PARTY_AUTH_ERROR")
    raise DeliveryFailed(f"Google answered {answer.status} {word}".rstrip(), permanent=is_final)


def _error_word(answer: Answer) -> str:
    """FCM's own, such as UNREGISTERED, else the general one."""
    try:
        error = json.decode(answer.body, 16)["error"]
        words = [each["errorCode"] for each in error.get("details", ()) if "errorCode" in each]
        word = (words or [error.get("status")])[0]
    except (MalformedBody, KeyError, TypeError, AttributeError):
        return ""
    return word if isinstance(word, str) and _WORD.fullmatch(word) else ""
