"""One callback as it is stored: where its machine stands, and what the shell has to know beside it.

All of it is one document, and where it is found follows from what it says.

Source: CB-15, CB-18, CB-30, CB-33, CB-35, SM-70.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.callback.instance import Instance
from gateway.callback.states import PublicState

ALL: Final = "callbacks"
"""Index of all callbacks, by when they were wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """All moments are seconds since 1970."""

    instance: Instance
    name: str
    """``_service_name``: of the service that handles it; its limits count."""
    data: str
    """``_data_id``."""
    queue: str
    """Of the routing engine; there need not be one of that name."""
    number: str = ""
    """The customer's, as all spellings of it are compared; empty: not told."""
    told_number: str = ""
    """As he told it."""
    tells: str = ""
    """The user whose mailbox has the notices; empty: nobody's."""
    lookup: Mapping[str, str] = field(default_factory=dict)
    properties: Mapping[str, str] = field(default_factory=dict)
    """What else records can be selected by, or tell."""
    changed: Sequence[str] = ()
    """Those properties that somebody has set since it began: its record always tells them."""
    revision: int = 0
    """How often it was written: what follows from a change is called by it."""
    code_length: int = 0
    tells_status: bool = False

    @property
    def id(self) -> str:
        """Its instance's."""
        return self.instance.id

    @property
    def desired(self) -> float:
        """``_desired_time``: as soon as it came."""
        return self.instance.created

    @property
    def is_queued(self) -> bool:
        """Whether it counts for the limits of its queue."""
        return self.instance.state is PublicState.QUEUED

    @property
    def indexes(self) -> Mapping[str, float]:
        """Where it is found."""
        found = [ALL, service_index(self.instance.service), service_index(self.name)]
        found += [lookup_index(key, value) for key, value in self.lookup.items()]
        if self.is_queued:
            found += queued_indexes(self.name, self.number)
        return dict.fromkeys(found, self.desired)

    def is_of(self, service: str) -> bool:
        """Whether that name is its service's: the one that was asked, or the one that handles it."""
        return service in {self.instance.service, self.name}

    def at(self, instance: Instance) -> Callback:
        """The same where its machine stands now."""
        return replace(self, instance=instance)

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        plain = {name: getattr(self, name) for name in _PLAIN}
        return {"machine": self.instance.to_document(), **plain}

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Callback:
        """As it was stored."""
        return cls(instance=Instance.from_document(body["machine"]), **{name: body[name] for name in _PLAIN})


_PLAIN: Final = (
    "name",
    "data",
    "queue",
    "number",
    "told_number",
    "tells",
    "lookup",
    "properties",
    "changed",
    "revision",
    "code_length",
    "tells_status",
)


def callback_key(id: str) -> str:
    """Its document; its deadline has the same name."""
    return f"callback:{id}"


def service_index(service: str) -> str:
    """Callbacks that were asked for under a name."""
    return f"callbacks:{service}"


def lookup_index(key: str, value: str) -> str:
    """Those that have a value under a lookup key."""
    return f"callbacks-by:{key}={value}"


def queued_indexes(name: str, number: str) -> list[str]:
    """Those of a service that are QUEUED, and those of one number among them."""
    of_number = [f"callbacks-queued:{name}:{number}"] if number else []
    return [f"callbacks-queued:{name}", *of_number]
