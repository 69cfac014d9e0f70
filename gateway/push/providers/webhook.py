"""Servers of the customer's own: the message posted to the URL that is the device, or to one that is configured.

Source: NT-10, NT-12, NT-13.
"""

from __future__ import annotations

from typing import Final

from bayeux.protocol import json
from gateway.outgoing.client import Outgoing
from gateway.outgoing.origin import Answer
from gateway.push.notice import Notice
from gateway.push.provider import DeliveryFailed, Device
from gateway.push.providers.calling import called
from gateway.push.providers.options import PushOptions

_JSON: Final = "application/json; charset=UTF-8"
_TEXT: Final = "text/plain; charset=UTF-8"
_GONE: Final = 410


class Webhook:
    """``httpcb`` and ``orscb``: each device is a URL."""

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing

    async def deliver(self, notice: Notice, device: Device) -> None:
        """Raises DeliveryFailed."""
        is_text = isinstance(notice.message, str)
        body = notice.message.encode() if is_text else json.encode(notice.message)
        headers = {"Content-Type": _TEXT if is_text else _JSON, **_named(notice)}
        _check(await called(self._outgoing, device.id, body, headers))


class CustomHttp:
    """``customhttp``: one URL for all devices, which tells them apart by what it is sent."""

    def __init__(self, options: PushOptions, outgoing: Outgoing) -> None:
        self._options = options
        self._outgoing = outgoing

    async def deliver(self, notice: Notice, device: Device) -> None:
        """Raises DeliveryFailed."""
        url = self._options.chosen(notice, device).needed("customhttp.url")
        body = json.encode({"deviceId": device.id, "message": notice.message})
        headers = {"Content-Type": _JSON, **_named(notice), **_authorization(device.authorization)}
        _check(await called(self._outgoing, url, body, headers))


def _named(notice: Notice) -> dict[str, str]:
    """By which a server knows what it has had: a notice may come twice."""
    return {"Idempotency-Key": notice.id}


def _authorization(credentials: str) -> dict[str, str]:
    """Base64 alone is that of HTTP Basic; with a word before it, it is as it stands."""
    if not credentials:
        return {}
    return {"Authorization": credentials if " " in credentials else f"Basic {credentials}"}


def _check(answer: Answer) -> None:
    """Raises DeliveryFailed for all but 200."""
    if answer.status != 200:
        is_final = answer.status == _GONE or 300 <= answer.status < 400
        raise DeliveryFailed(f"the server answered {answer.status}", permanent=is_final)
