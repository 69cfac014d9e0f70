"""What a provider goes by for one notice to one device: options in layers, the most particular first.

What an app or a publisher sends along may change how a notice looks, and nothing that says where it goes or by whose
key.

Source: NT-8, NT-9, NT-16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.push.notice import Notice
from gateway.push.provider import DeliveryFailed, Device

Options = Mapping[str, str]
"""Names as ``apple.badge``, or ``debug.apple.badge`` for devices that are tried out; all values are texts."""

SHOWN: Final = frozenset(
    {
        "apple.alertMessage.body",
        "apple.alertMessage.title",
        "apple.badge",
        "apple.sound",
        "apple.content-available",
        "fcm.title",
        "fcm.body",
    }
)
"""What may come with a notice or a subscription."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOptions:
    """The configuration's sections: ``push``, ``push.provider.<name>`` and ``push.provider.event.<name>``."""

    general: Options = field(default_factory=dict)
    providers: Mapping[str, Options] = field(default_factory=dict)
    events: Mapping[str, Options] = field(default_factory=dict)
    """By tag, or what a tag begins with up to a point: ``service.agentavailable``."""

    def chosen(self, notice: Notice, device: Device) -> Chosen:
        """Those for one notice to one device."""
        told = ({name: each[name] for name in SHOWN & each.keys()} for each in (notice.properties, device.properties))
        return Chosen((*told, *self._of_event(notice.tag), self._of_provider(device), self.general), device.debug)

    def _of_event(self, tag: str) -> Sequence[Options]:
        words = tag.split(".")
        names = (".".join(words[:count]) for count in range(len(words), 0, -1))
        return [self.events[name] for name in names if name in self.events]

    def _of_provider(self, device: Device) -> Options:
        return self.providers.get(device.provider, {})


@dataclass(frozen=True, slots=True)
class Chosen:
    """Looks an option up in its layers; in each of them ``debug.`` goes first, where that is meant."""

    layers: Sequence[Options]
    is_debug: bool = False

    def text(self, name: str, default: str = "") -> str:
        """The value; an empty one counts, so that a layer can take away what one below it says."""
        names = (f"debug.{name}", name) if self.is_debug else (name,)
        return next((layer[each] for layer in self.layers for each in names if each in layer), default)

    def needed(self, name: str) -> str:
        """Raises DeliveryFailed where it says nothing."""
        value = self.text(name)
        if not value:
            raise DeliveryFailed(f"the option {name} is not set", permanent=False)
        return value

    def number(self, name: str) -> int | None:
        """None where it says nothing, or no whole number."""
        value = self.text(name)
        return int(value) if value.isascii() and value.isdecimal() and len(value) <= 9 else None

    def flag(self, name: str) -> bool:
        """Whether it says ``1`` or ``true``."""
        return self.text(name).lower() in ("1", "true")
