"""``/notification``: who wants to be told, and what there is to tell.

Source: NT-1, NT-2, NT-5, NT-7, NT-9, NT-11; AUTH-7.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.config.customers import COMET
from gateway.customers.http.declaration import NOTHING, Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.refusal import Forbidden
from gateway.push.filters import LONGEST as LONGEST_FILTER
from gateway.push.notifications import LONGEST_DEVICE, LONGEST_TAG, MOST_PROPERTIES

_TEXT: Final = {"type": ["string", "null"]}
_PROPERTIES: Final = {
    "type": ["object", "null"],
    "maxProperties": MOST_PROPERTIES,
    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
}
_SUBSCRIPTION: Final = {
    "type": "object",
    "required": ["subscriberId", "filter", "notificationDetails"],
    "properties": {
        "subscriberId": {"type": "string", "minLength": 1},
        "filter": {
            "type": "string",
            "minLength": 1,
            "maxLength": LONGEST_FILTER,
            "description": "A tag; `*` stands for the rest of a segment, or for all.",
        },
        "providerName": _TEXT,
        "notificationDetails": {
            "type": "object",
            "required": ["type"],
            "properties": {
                "deviceId": {**_TEXT, "maxLength": LONGEST_DEVICE},
                "type": {"enum": [COMET], "description": "Or another one that `push.enabled` has."},
                "properties": _PROPERTIES,
            },
        },
        "authorization": _TEXT,
        "expire": {"type": ["number", "null"], "description": "Seconds."},
    },
}
_PUBLISHED: Final = {
    "type": "object",
    "required": ["message", "tag"],
    "properties": {
        "message": {"type": ["string", "object"], "minLength": 1},
        "tag": {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG},
        "mediaType": {"enum": ["string", "localizestring", None]},
        "notificationDetails": {"type": ["object", "null"], "properties": {"properties": _PROPERTIES}},
    },
}
_ID: Final = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
REACHED: Final = "X-Delivered"
"""How many subscriptions heard what was published (NT-11)."""


class Subscriptions(Customer):
    """Devices that want to be told."""

    path = "/notification/subscription"
    posts = Method(
        says="Be told of what is about `gms_user`; without that header of everything, which is for servers alone.",
        answer=_ID,
        takes_json=_SUBSCRIPTION,
        refuses=(403,),
    )

    async def take_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        """NT-1."""
        if not self.user:
            if not self.around.center.is_told_apart:
                raise Forbidden("who names no gms_user would hear of everybody: set server.api_key for servers")
            self.admit_center()
        return {"id": await self.around.notifications.subscribe(sent, self.user)}


class Subscription(Customer):
    """One of them."""

    path = "/notification/subscription/{id}"
    deletes = Method(says="Be told no more.", media=NOTHING, refuses=(404,))

    async def remove(self, *path: str) -> Answer:
        """NT-5."""
        await self.around.notifications.unsubscribe(path[0], self.user, is_server=self._is_server())
        return None

    def _is_server(self) -> bool:
        try:
            self.admit_center()
        except Forbidden:
            return False
        return True


class Publications(Customer):
    """What there is to tell."""

    path = "/notification/publish"
    posts = Method(
        says="Tell all who subscribed to that tag; for servers, never for apps.",
        media=NOTHING,
        takes_json=_PUBLISHED,
        refuses=(403,),
    )

    async def take_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        """NT-9."""
        self.admit_center()
        self.set_header(REACHED, str(await self.around.notifications.publish(sent)))
        return None
