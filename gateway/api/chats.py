"""``/api/v2/me/chats``: chats in the words of dialect B.

Source: AG-2, AG-68, AG-69, AG-72…78, AG-98.
"""

from __future__ import annotations

from typing import Final

from gateway.agents.operations import Dialect
from gateway.api.declaration import Operation, Reads, Takes
from gateway.api.held import Held, HeldOne
from gateway.api.parameters import (
    ATTACH_USER_DATA,
    COMPLETE,
    COMPLETE_CONFERENCE,
    COMPLETE_TRANSFER,
    DELETE_USER_DATA,
    FIELDS,
    LIMIT,
    MESSAGE,
    NICKNAME,
    OFFSET,
    PAGED,
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    REJECT,
    REMOVE_PARTICIPANT,
    REQUEST_HISTORY,
    SET_DISPOSITION,
    SET_IN_FOCUS,
    TAKEN,
    TARGETS,
    TEXT,
    TRANSFER,
    TYPED,
    UPDATE_USER_DATA,
    URIS,
)

OPERATIONS: Final = (
    Operation("Accept", "Take the chat one is invited to.", (NICKNAME,)),
    REJECT,
    Operation("SendMessage", "Say something.", (TEXT, *MESSAGE), also=("Send",)),
    Operation("SendStartTypingNotification", "Tell the others that one is typing."),
    Operation("SendStopTypingNotification", "Tell them that one is not."),
    REQUEST_HISTORY,
    Operation("Consult", "Ask another agent, unseen by the customer.", one_of=TARGETS),
    COMPLETE_TRANSFER,
    COMPLETE_CONFERENCE,
    Operation("Invite", "Invite another agent.", one_of=TARGETS),
    REMOVE_PARTICIPANT,
    Operation("Leave", "Leave the chat."),
    TRANSFER,
    COMPLETE,
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    ATTACH_USER_DATA,
    UPDATE_USER_DATA,
    DELETE_USER_DATA,
    SET_DISPOSITION,
    SET_IN_FOCUS,
)


class MyChats(Held):
    """All chats in hand."""

    path = "/me/chats"
    dialect = Dialect.CHATS
    gets = Reads(
        says="The chats one is invited to or in.",
        query=(FIELDS, OFFSET, LIMIT),
        answer={"uris": URIS, "chats": {"type": "array", "items": TYPED}, **PAGED},
        refuses=(400,),
    )


class MyChat(HeldOne):
    """One of them."""

    path = "/me/chats/{chat}"
    dialect = Dialect.CHATS
    gets = Reads(says="One chat.", answer={"chat": TYPED}, refuses=(404,))
    posts = Takes(
        says="Do something with a chat; what comes of it is told on `/v2/me/chats`.",
        operations=OPERATIONS,
        answer=TAKEN,
        refuses=(404, 409),
    )


class Chat(MyChat):
    """The same where its URI leads."""

    path = "/chats/{chat}"
