"""``/api/v2/workbins``: what was put aside.

Source: AG-150…152.
"""

from __future__ import annotations

from typing import Final

from gateway.agents.operations import Json
from gateway.api.answers import collection, done
from gateway.api.declaration import Operation, Order, Parameter, Reads, Takes
from gateway.api.parameters import FIELDS, NICKNAME, OBJECTS, SUBRESOURCES, TAKEN, URIS
from gateway.api.resource import Operable, Readable

_WORKBIN = {
    "type": "object",
    "required": ["id", "workbinName", "displayName", "type", "uri"],
    "properties": {
        **{name: {"type": "string"} for name in ("id", "workbinName", "displayName", "type", "uri")},
        "chats": OBJECTS,
        "emails": OBJECTS,
    },
}
_WHICH = (
    Parameter("uri", "Where it is."),
    Parameter("id", "The interaction.", also=("interactionId",)),
)
_ADDED, _PULLED = "Put one's own interaction in.", "Take an interaction out and work on it."

OPERATIONS: Final = (
    Operation("Subscribe", "Be told on `/v2/me/workbins` what comes and goes."),
    Operation("Unsubscribe", "Be told no more."),
    *(Operation(f"Add{what}", _ADDED, one_of=_WHICH) for what in ("Interaction", "Chat", "Email")),
    Operation("PullInteraction", _PULLED, (NICKNAME,), one_of=_WHICH),
    Operation("PullChat", _PULLED, (NICKNAME,), one_of=_WHICH),
    Operation("PullEmail", _PULLED, one_of=_WHICH),
)


class Workbins(Readable):
    """All that the agent has."""

    path = "/workbins"
    gets = Reads(
        says="The agent's workbins.",
        query=(FIELDS,),
        answer={"uris": URIS, "workbins": {"type": "array", "items": _WORKBIN}},
        refuses=(400,),
    )

    async def read(self, query: Json, *path: str) -> Json:
        """Without what is in them."""
        workbins = await self.service.workbins(self.caller)
        return collection("workbins", workbins, [each["uri"] for each in workbins], query)


class Workbin(Readable, Operable):
    """One of them."""

    path = "/workbins/{workbin}"
    gets = Reads(says="One workbin.", query=(SUBRESOURCES,), answer={"workbin": _WORKBIN}, refuses=(400, 404))
    posts = Takes(
        says="Put something in, take something out, be told of changes.",
        operations=OPERATIONS,
        answer=TAKEN,
        refuses=(404, 409),
    )

    async def read(self, query: Json, *path: str) -> Json:
        """With its chats and e-mails, if asked for."""
        return {"workbin": await self.service.workbin(self.caller, path[0], with_content="subresources" in query)}

    async def operate(self, order: Order, *path: str) -> Json:
        """Only that it was taken (AG-4)."""
        return done(await self.service.perform_on_workbin(self.caller, path[0], order.operation, order.parameters))
