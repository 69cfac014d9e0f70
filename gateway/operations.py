"""What operators may ask of a gateway, be it one process or a supervisor with its workers.

The internal listener and the commands know this interface alone; answers are plain JSON values, so that they can pass
from a worker to its supervisor as they are.

Source: OPS-9, OPS-10, OPS-45, OPS-50, OPS-51, MRE-77, MRE-125, MRE-150, MRE-152.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from gateway.observe.families import Family

Report: TypeAlias = Mapping[str, Any]
"""What a check or a status says."""


class NodeUnknown(Exception):
    """No process of this gateway has that id or name."""


class PublishRefused(Exception):
    """It cannot be delivered; the text says why and what to do."""


class RoutingUnknown(Exception):
    """There is no such task or dead letter, or no contact center at all."""


class RoutingRefused(Exception):
    """It cannot be sent; the text says why and what to do."""


class PlanConflict(Exception):
    """Something else needs it, or others were quicker; the text says what."""


class PlanChanged(Exception):
    """It is not any more what the asker had seen."""


class Operations(Protocol):
    """A gateway, as its operators see it.

    Everything answers within about a second but ``drain``, which takes as long as its clients are given.
    """

    async def metrics(self) -> Sequence[Family]:
        """All that is counted and measured."""

    async def health(self, question: str) -> tuple[bool, Report]:
        """``live``, ``ready`` or ``startup``: is it? And the report."""

    async def status(self) -> Report:
        """The processes, what they hold, and the nodes they know (OPS-9, OPS-62)."""

    async def publish(self, user: str, channel: str, data: Any) -> Report:
        """To the sessions of one user that subscribed; how many took it, None where nobody can know.

        Raises PublishRefused, errors.Unavailable.
        """

    async def drain(self, node: str | None, *, leave: bool) -> Report:
        """Send the clients away, of one process or of all; answers when that is done (OPS-61).

        Args:
            node: the id or name of a process; None = all of them.
            leave: and end. A worker that left is replaced.

        Raises NodeUnknown.
        """

    async def kick(self, *, user: str | None, session: str | None) -> Report:
        """End sessions of this gateway: all of a user, or the one that logs call so (DSC-6); how many there were."""

    async def other_gateways(self) -> Sequence[str]:
        """Origins of the internal listeners of those on other hosts and ports, by what is known."""

    # Routing; all of it raises RoutingUnknown where there is no contact center

    async def task(self, id: str) -> Report:
        """State, legs and history of one (MRE-77). Raises RoutingUnknown, errors.Unavailable."""

    async def dead_letters(self, queue: str | None) -> Report:
        """Of one queue, or of all roles (MRE-125). Raises errors.Unavailable."""

    async def replay(self, queue: str, id: str) -> Report:
        """Send a dead letter again; under which id. Raises RoutingUnknown, RoutingRefused, errors.Unavailable."""

    async def send(self, message_type: str, queue: str | None, body: Report) -> Report:
        """Put a message on the bus; where, and under which id. Raises RoutingRefused, errors.Unavailable."""

    async def overheard(self, cursor: Mapping[str, int]) -> Report:
        """What this gateway has sent and taken on the bus since the last look, whose cursor it was (MRE-152)."""

    async def planned(self, kind: str, name: str | None) -> Report:
        """MRDs, queues, agents or attributes, all or one, and their version (MRE-150).

        Raises RoutingUnknown, errors.Unavailable.
        """

    async def plan(self, kind: str, name: str, body: Report | None, version: int | None) -> Report:
        """Put one of them, or remove it (None), if it is still of that version (None: whatever it is).

        Raises RoutingUnknown, RoutingRefused, PlanConflict, PlanChanged, errors.Unavailable.
        """
