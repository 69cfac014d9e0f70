"""Ready, NotReady and the configured states, as operations on one channel and on all.

Source: AG-29…31.
"""

from __future__ import annotations

from typing import Final

from gateway.agents.operations import AgentService
from gateway.api.declaration import Operation

READY: Final = Operation("Ready", "Be offered interactions.")
NOT_READY: Final = Operation("NotReady", "Be offered no more; what one has stays.")
STATES: Final = (READY, NOT_READY)
"""Those that are there without any configuration."""


def configured(service: AgentService) -> tuple[Operation, ...]:
    """Those besides: each is NotReady with a reason."""
    known = {each.name for each in STATES}
    return tuple(
        Operation(str(each["operationName"]), f"Be {each['displayName']}.")
        for each in service.agent_states()
        if each["operationName"] not in known
    )
