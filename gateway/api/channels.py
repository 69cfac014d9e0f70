"""``/api/v2/me/channels``: for which media one is Ready.

Source: AG-30, AG-32, AG-34, AG-40.
"""

from __future__ import annotations

from typing import Any

from gateway.agents.operations import Json
from gateway.agents.refusal import Refused
from gateway.api.answers import error, parted
from gateway.api.declaration import Operation, Order, Reads, Takes
from gateway.api.parameters import CHANNEL
from gateway.api.resource import Operable, Readable
from gateway.api.states import STATES, configured


class Channels(Readable):
    """All that are started."""

    path = "/me/channels"
    gets = Reads(
        says="The started media channels with their states.",
        answer={"channels": {"type": "array", "items": CHANNEL}},
    )

    async def read(self, query: Json, *path: str) -> Json:
        """None before the contact-center session."""
        return {"channels": list(await self.service.channels(self.caller))}


class Channel(Readable, Operable):
    """One of them."""

    path = "/me/channels/{channel}"
    gets = Reads(says="One media channel with its state.", answer={"channel": CHANNEL}, refuses=(400, 404))
    posts = Takes(
        says="Change the state on one media channel.",
        operations=STATES,
        answer={"status": {"const": "ok"}},
        refuses=(404, 409),
    )

    async def read(self, query: Json, *path: str) -> Json:
        """As it is shown to the agent."""
        return {"channel": await self.service.channel(self.caller, path[0])}

    def operations(self) -> tuple[Operation, ...]:
        """With what is configured."""
        return (*self.posts.operations, *configured(self.service))

    async def operate(self, order: Order, *path: str) -> Json:
        """Two conventions, because releases of the original differ here (AG-34)."""
        parted(await self.service.set_state(self.caller, order.operation, path[0]))
        return {"status": "ok"}

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """Both conventions again."""
        return {**error(refused), "status": "error", "errorDescription": refused.text}
