"""A way to devices that no Bayeux session serves: a customer's own server, Apple, Google.

Source: NT-12, NT-13, NT-15, PN-6, IN-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.push.notice import Notice


class DeliveryFailed(Exception):
    """A device was not told; the text says why, for operators, and names neither the device nor a secret."""

    def __init__(self, text: str, *, permanent: bool) -> None:
        super().__init__(text)
        self.permanent = permanent
        """Trying again would end the same: the device is gone, or what was asked for can never be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a notice goes, as whoever subscribed has said."""

    type: str
    """``ios``, ``fcm``, ``httpcb`` …; says which provider it is for (NT-3)."""
    id: str
    """What the provider calls it: a token, or an address."""
    provider: str = ""
    """Name of a profile in the configuration; empty for the usual one."""
    properties: Mapping[str, str] = field(default_factory=dict)
    authorization: str = ""
    """For a customer's own server (NT-12); a secret."""
    language: str = ""
    debug: bool = False
    """By the settings for apps that are tried out (NT-8)."""


class Provider(Protocol):
    """Delivers to the devices of some types.

    May be asked again for a notice that was delivered: the notice's id is the same then. Asked for one device, it is
    asked for the next notice of that device when it has returned; for different devices at once.
    """

    async def deliver(self, notice: Notice, device: Device) -> None:
        """Returns when the device's service has taken it; bounded in time by itself. Raises DeliveryFailed."""
