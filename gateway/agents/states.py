"""The states an agent can choose for a media channel: Ready, NotReady, and NotReady for a reason that has a name.

Source: AG-22, AG-29, AG-30, AG-32, AG-33, MRE-69.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

READY_ID: Final = "9430250E-0A1B-421F-B372-F29E69366DED"
NOT_READY_ID: Final = "900D55CC-2BB0-431F-8BF9-D3525B383BE6"

RONA: Final = "RONA"
CONNECTION_LOST: Final = "CONNECTION_LOST"
SYSTEM_REASONS: Final = frozenset({RONA, CONNECTION_LOST, "FORCED", "SHIFT_END"})
"""NotReady for one of these is not the agent's own wish, and counts all the same."""


@dataclass(frozen=True, slots=True)
class UserState:
    """One of them, as notifications show it."""

    id: str
    operation: str
    """What asks for it."""
    display_name: str
    is_ready: bool
    reason: str = ""

    @property
    def state(self) -> str:
        """Ready or NotReady: there is no third."""
        return "Ready" if self.is_ready else "NotReady"

    def as_json(self) -> dict[str, Any]:
        """``userState`` (AG-32)."""
        described = {"id": self.id, "displayName": self.display_name, "state": self.state}
        return described | ({"reason": self.reason} if self.reason else {})


READY: Final = UserState(READY_ID, "Ready", "Ready", is_ready=True)
NOT_READY: Final = UserState(NOT_READY_ID, "NotReady", "Not Ready", is_ready=False)


def not_ready(reason: str) -> UserState:
    """NotReady because of something that happened, not because the agent said so."""
    return UserState(NOT_READY_ID, "NotReady", "Not Ready", is_ready=False, reason=reason)


class UserStates:
    """All that can be asked for.

    Args:
        reasons: names of further states, such as ``OutToLunch``: each is NotReady with that reason.
    """

    def __init__(self, reasons: Iterable[str] = ()) -> None:
        own = [UserState(_id_of(each), each, _spaced(each), is_ready=False, reason=each) for each in reasons]
        self._by_operation: Mapping[str, UserState] = {each.operation: each for each in (READY, NOT_READY, *own)}

    def find(self, operation: str) -> UserState | None:
        """The one that is asked for by this name, None if there is none."""
        return self._by_operation.get(operation)

    def settings(self) -> list[dict[str, Any]]:
        """What ``/settings/agent-states`` lists (AG-29)."""
        return [
            {"operationName": each.operation, "type": "AgentState", **each.as_json()}
            for each in self._by_operation.values()
        ]


def _id_of(reason: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, reason)).upper()


def _spaced(name: str) -> str:
    """``OutToLunch`` as people write it."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
