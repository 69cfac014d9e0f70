"""What the customer's side has to hear of a change of an interaction: what he is shown of it, and its news.

Only of interactions that belong to a service of the customers' side (``Interaction.service``); nobody else listens.

Source: AG-95, CH1-5, CC-5…10, SM-40, SM-42.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.chat import v1
from channels.interaction.effects import Outcome
from channels.interaction.model import Interaction
from channels.interaction.progress import Progress, progress


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Of one change."""

    service: str
    """Id of the service's instance."""
    interaction: str
    shown: v1.Heard
    news: tuple[Progress, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "service": self.service,
            "interaction": self.interaction,
            "started": self.shown.started,
            "position": self.shown.position,
            "entries": [list(entry) for entry in self.shown.entries],
            "typing": [list(entry) for entry in self.shown.typing],
            "ends": self.shown.ends,
            "news": [each.value for each in self.news],
        }

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Hearing:
        """What ``to_document`` gave."""
        return cls(
            service=body["service"],
            interaction=body["interaction"],
            shown=v1.Heard(
                started=body["started"],
                position=body["position"],
                entries=tuple(map(tuple, body["entries"])),
                typing=tuple(map(tuple, body["typing"])),
                ends=body["ends"],
            ),
            news=tuple(map(Progress, body["news"])),
        )


def hearing(before: Interaction | None, change: Outcome) -> Hearing | None:
    """None: nobody has to hear anything."""
    after = change.interaction
    if not after.service or after.transcript is None:
        return None
    shown = v1.heard(before.transcript if before is not None else None, after.transcript, change.passing)
    news = tuple(progress(before, after))
    if shown.is_nothing and not news:
        return None
    return Hearing(service=after.service, interaction=after.id, shown=shown, news=news)
