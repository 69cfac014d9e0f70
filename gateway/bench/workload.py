"""What a load test does to a server: how many sessions, who publishes how much to whom, for how long.

Owns the bounds of every number and the words that refuse a wrong one. Which generator does which part of it
stands in ``plan``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args

Kind = Literal["connect", "fanout", "p2p", "rtt", "churn", "mix"]
Transport = Literal["websocket", "long-polling"]

KINDS: tuple[Kind, ...] = get_args(Kind)
TRANSPORTS: tuple[Transport, ...] = get_args(Transport)

_CHOICES = {"kind": KINDS, "transport": TRANSPORTS}


class WorkloadWrong(ValueError):
    """A workload that cannot be run; the text names the field, its value and what it may be."""


def _bounded(default: Any, least: float, most: float, text: str) -> Any:
    """A field with its bounds; ``metadata["doc"]`` is its help in the command line."""
    return field(default=default, metadata={"doc": text, "least": least, "most": most})


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """One load test. Times in seconds, sizes in bytes.

    ``connect`` opens sessions as fast as the server takes them, then leaves them idle. ``fanout`` has a few sessions
    publish to many. ``p2p`` has each session publish to its neighbour. ``rtt`` has each session publish to itself, one
    event at a time. ``churn`` has sessions come, hear one event of their own and leave. ``mix`` is half fan-out,
    a quarter point-to-point, an eighth round trips and an eighth churn.

    With ``rate`` publishes begin at fixed times whatever the server does, and latencies count from these times;
    without, a publish begins when an earlier one of the ``window`` has arrived everywhere.

    Raises WorkloadWrong.
    """

    kind: Kind = field(default="fanout", metadata={"doc": "What the sessions do."})
    transport: Transport = field(default="websocket", metadata={"doc": "What carries them."})
    sessions: int = _bounded(100, 1, 1_000_000, "Sessions: subscribers of a fan-out, or as many as churn has at once.")
    channels: int = _bounded(1, 1, 1_000_000, "Channels of a fan-out; subscribers are spread evenly over them.")
    subscriptions: int = _bounded(1, 1, 1_000, "Subscriptions of a session; all beyond the first stay silent.")
    silent_channels: int = _bounded(
        0, 0, 1_000_000, "Channels that exist besides, subscribed by sessions of their own."
    )
    wildcards: int = _bounded(0, 0, 1_000_000, "Patterns that exist besides and match nothing, likewise.")
    publishers: int = _bounded(1, 1, 10_000, "Sessions that publish in a fan-out, not among its subscribers.")
    window: int = _bounded(10, 1, 100_000, "Publishes in flight (closed loop).")
    rate: float | None = _bounded(
        None, 0.001, 10_000_000, "Publishes a second; of churn, sessions a second (open loop)."
    )
    seconds: float = _bounded(10.0, 0.1, 3600, "How long is measured.")
    warm_up: float = _bounded(2.0, 0, 600, "How long is published before that, and not measured.")
    publishes: int | None = _bounded(None, 1, 1_000_000_000, "Measure so many publishes, if they end before the time.")
    size: int = _bounded(64, 0, 1_000_000, "Bytes of padding in each event's data.")
    ack: bool = field(default=False, metadata={"doc": "Ask for acknowledged messages."})
    generators: int = _bounded(1, 1, 256, "Processes that make the load.")
    concurrency: int = _bounded(100, 1, 10_000, "Sessions being set up at once.")
    hold: float = _bounded(5.0, 0, 3600, "How long all sessions are idle before memory is read (connect).")
    settle: float = _bounded(30.0, 0.1, 600, "How long late events are waited for at the end.")
    seed: int = _bounded(1, 0, 2**63 - 1, "Of the padding.")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            _check(each, getattr(self, each.name))
        if self.kind in ("fanout", "mix") and self.channels > self.listeners:
            raise WorkloadWrong(f"channels: {self.channels} are more than the {self.listeners} subscribers")
        if self.generators > self.sessions:
            raise WorkloadWrong(f"generators: {self.generators} are more than the {self.sessions} sessions")
        if self.kind == "p2p" and self.sessions < 2 * self.generators:
            raise WorkloadWrong("sessions: point-to-point needs two in each generator")
        if self.kind == "mix" and self.sessions < 16 * self.generators:
            raise WorkloadWrong("sessions: a mix needs 16 in each generator")

    @property
    def listeners(self) -> int:
        """Subscribers of the fan-out part."""
        return {"fanout": self.sessions, "mix": self.sessions // 2}.get(self.kind, 0)

    @property
    def is_open_loop(self) -> bool:
        """Publishes go by the clock."""
        return self.rate is not None

    def as_json(self) -> dict[str, Any]:
        """All fields by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``as_json``; raises WorkloadWrong for a field that does not exist."""
        unknown = set(fields) - {each.name for each in dataclasses.fields(cls)}
        if unknown:
            raise WorkloadWrong(f"unknown field: {', '.join(sorted(unknown))}")
        return cls(**fields)


def _check(field_: dataclasses.Field[Any], value: object) -> None:
    name, choices = field_.name, _CHOICES.get(field_.name)
    if choices is not None:
        if value not in choices:
            raise WorkloadWrong(f"{name}: choose from {', '.join(choices)}, not {value!r:.40}")
        return
    if isinstance(field_.default, bool):
        if not isinstance(value, bool):
            raise WorkloadWrong(f"{name}: {value!r:.40} is not true or false")
        return
    if value is None and field_.default is None:
        return
    is_whole = field_.type in ("int", "int | None")
    if isinstance(value, bool) or not isinstance(value, (int,) if is_whole else (int, float)):
        raise WorkloadWrong(f"{name}: {value!r:.40} is not a {'whole number' if is_whole else 'number'}")
    least, most = field_.metadata["least"], field_.metadata["most"]
    if not least <= value <= most:
        raise WorkloadWrong(f"{name}: {value} is not between {least:g} and {most:g}")
