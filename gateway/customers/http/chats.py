"""``/service/{id}/ixn/chat``: the chat of an instance.

Source: CH1-2…12, AUTH-3.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.chats.chats import Chats
from gateway.chats.refusal import ChatNotYet
from gateway.customers.http.declaration import Method
from gateway.customers.http.handler import Answer
from gateway.customers.http.services import OfInstance
from gateway.customers.refusal import PathUnknown
from gateway.customers.values import Values

_ENTRY: Final = {"type": "array", "items": {"type": "string"}, "minItems": 5, "maxItems": 6}
_CHAT: Final = {
    "type": "object",
    "properties": {
        "chatIxnState": {"type": "string", "enum": ["CONNECTED", "TRANSCRIPT", "DISCONNECTED"]},
        "chatSessionId": {"type": "string"},
        "transcriptPosition": {"type": "string", "description": "Of the last entry; for the next `refresh`."},
        "chatServiceMessage": {"type": "string"},
        "transcriptToShow": {
            "type": "array",
            "items": _ENTRY,
            "description": "Type, nickname, text, seconds since `startedAt`, party.",
        },
        "startedAt": {"type": "string", "format": "date-time"},
        "comet_channel": {"type": "string", "description": "Where events follow, instead of all else."},
        "_id": {"type": "string", "description": "Of the service."},
    },
}

Operation = Callable[[Chats, str, str, Values], Awaitable[Mapping[str, Any]]]

OPERATIONS: Final[Mapping[str, Operation]] = {
    "send": Chats.send,
    "refresh": Chats.refresh,
    "startTyping": Chats.start_typing,
    "stopTyping": Chats.stop_typing,
    "disconnect": Chats.disconnect,
}


class Chat(OfInstance):
    """The chat of an instance."""

    path = "/service/{id}/ixn/chat"
    posts = Method(
        says="Begin it; while it runs, the same again. With `notify_by=comet` what happens in it follows as events.",
        answer=_CHAT,
        takes_data=True,
        refuses=(404, 503),
    )

    async def take(self, values: Values, *path: str) -> Answer:
        """CH1-2."""
        return await (await chats_of(self, path[0])).create(path[0], self.user, values)


class ChatOperation(OfInstance):
    """Something in a chat: `send`, `refresh`, `startTyping`, `stopTyping` or `disconnect`."""

    path = "/service/{id}/ixn/chat/{operation}"
    posts = Method(
        says="Say `message`, read from `transcriptPosition` on, type, or end it.",
        answer=_CHAT,
        takes_data=True,
        refuses=(404, 503),
    )

    async def take(self, values: Values, *path: str) -> Answer:
        """CH1-6…9."""
        id, operation = path
        if operation not in OPERATIONS:
            raise PathUnknown("a chat knows send, refresh, startTyping, stopTyping and disconnect")
        return await OPERATIONS[operation](await chats_of(self, id), id, self.user, values)


async def chats_of(resource: OfInstance, id: str) -> Chats:
    """Where a resource of that instance asks. Raises ChatNotYet where no agent works, InstanceUnknown, Unavailable."""
    if resource.around.chats is None:
        await resource.instance(id)
        raise ChatNotYet("there are no agents here")
    return resource.around.chats
