"""``/api/v2/settings/agent-states``: what an agent may be, as configured.

Source: AG-29.
"""

from __future__ import annotations

from gateway.agents.operations import Json
from gateway.api.declaration import Reads
from gateway.api.resource import Readable

_SETTING = {
    "type": "object",
    "required": ["id", "operationName", "displayName", "state", "type"],
    "properties": {
        name: {"type": "string"} for name in ("id", "operationName", "displayName", "state", "reason", "type")
    },
}


class AgentStates(Readable):
    """Each with the operation that asks for it."""

    path = "/settings/agent-states"
    gets = Reads(
        says="All states of agents that can be asked for.",
        answer={"settings": {"type": "array", "items": _SETTING}},
    )

    async def read(self, query: Json, *path: str) -> Json:
        """Ready and NotReady are always among them."""
        return {"settings": list(self.service.agent_states())}
