"""``/api/v2/me/interactions``: chats and e-mails in the words of dialect A.

Source: AG-1, AG-3, AG-55…57, AG-69…79.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from gateway.agents.operations import Dialect, Json
from gateway.api.answers import DEFAULT_LIMIT, collection, paged
from gateway.api.declaration import Flag, Operation, Parameter, Reads, Takes, Text
from gateway.api.held import Held, HeldOne
from gateway.api.parameters import (
    AGENT_ID,
    COMPLETE_CONFERENCE,
    COMPLETE_TRANSFER,
    DELETED_KEYS,
    FIELDS,
    FORWARD,
    INTERACTION,
    LETTER,
    LIMIT,
    MESSAGE,
    NICKNAME,
    OBJECTS,
    OFFSET,
    PAGED,
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    QUEUE,
    REJECT,
    REMOVE_PARTICIPANT,
    REPLY_ALL,
    REPLYING,
    REQUEST_HISTORY,
    SAVE,
    TAKEN,
    TARGETS,
    TEXT,
    TRANSFER,
    URIS,
    USER_DATA,
)
from gateway.api.resource import Readable

_SAYING = (replace(TEXT, is_required=False), *MESSAGE)

OPERATIONS: Final = (
    Operation(
        "Accept",
        "Take what one is invited to.",
        (NICKNAME, Parameter("saveLAR", "Be preferred when this customer comes again.", Flag())),
    ),
    REJECT,
    Operation("SendMessage", "Say something in a chat.", (TEXT, *MESSAGE)),
    Operation(
        "SendNotification",
        "Tell the others in a chat that one is typing.",
        (
            Parameter(
                "notification",
                "What one does.",
                Text(among=("TypingStarted", "TypingStopped")),
                is_required=True,
                also=("notifcation",),  # the original's spelling
            ),
        ),
    ),
    Operation("SendStartTypingNotification", "The same in the words of 8.5.1."),
    Operation("SendStopTypingNotification", "The same in the words of 8.5.1."),
    REQUEST_HISTORY,
    Operation(
        "InitiateConsultation",
        "Ask another agent, unseen by the customer.",
        (replace(AGENT_ID, is_required=True),),
        also=("InitiateConsulation", "StartChatConsultation"),
    ),
    COMPLETE_TRANSFER,
    COMPLETE_CONFERENCE,
    Operation("InviteUser", "Invite another agent into the chat.", one_of=TARGETS, also=("Invite",)),
    REMOVE_PARTICIPANT,
    Operation("LeaveConference", "Leave the chat.", also=("Leave",)),
    Operation("EndChatSession", "Part from the customer, and keep the interaction."),
    TRANSFER,
    Operation("StopProcessing", "Be done with it.", (QUEUE,), also=("Complete",)),
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    Operation("UpdateProperties", "Change attached data.", (USER_DATA, DELETED_KEYS)),
    Operation("Reply", "Begin an answer to an e-mail; in a chat, say something.", (*REPLYING, *_SAYING)),
    REPLY_ALL,
    FORWARD,
    SAVE,
    Operation("Send", "Let the draft of an e-mail leave; in a chat, say something.", (LETTER, *_SAYING)),
    Operation("CancelReply", "Drop the draft.", also=("Cancel",)),
)
"""AG-69 with its aliases; some names mean something else in a chat than in an e-mail."""


class MyInteractions(Held):
    """All chats and e-mails in hand."""

    path = "/me/interactions"
    dialect = Dialect.INTERACTIONS
    gets = Reads(
        says="What is invited, accepted or composed.",
        query=(FIELDS, OFFSET, LIMIT),
        answer={"uris": URIS, "interactions": {"type": "array", "items": INTERACTION}, **PAGED},
        refuses=(400,),
    )


class MyInteraction(HeldOne):
    """One of them."""

    path = "/me/interactions/{interaction}"
    dialect = Dialect.INTERACTIONS
    gets = Reads(
        says="One interaction: the same object as in notifications.",
        answer={"interaction": INTERACTION},
        refuses=(404,),
    )
    posts = Takes(
        says="Do something with an interaction; what comes of it is told on `/v2/me/interactions`.",
        operations=OPERATIONS,
        answer=TAKEN,
        refuses=(404, 409),
    )


class Interaction(MyInteraction):
    """The same where its URI leads."""

    path = "/interactions/{interaction}"


class Interactions(Readable):
    """Everybody's."""

    path = "/interactions"
    gets = Reads(
        says="All interactions; for administrators.",
        query=(FIELDS, OFFSET, LIMIT),
        answer={"uris": URIS, "interactions": OBJECTS, **PAGED},
        refuses=(400,),
    )

    async def read(self, query: Json, *path: str) -> Json:
        """Always a page, because there may be many."""
        asked = {"offset": 0, "limit": DEFAULT_LIMIT, **query}
        page, total = await self.service.all_interactions(self.caller, offset=asked["offset"], limit=asked["limit"])
        uri = f"{self.caller.origin}/api/v2{self.path}"
        uris = [f"{uri}/{each['id']}" for each in page]
        return {**collection("interactions", page, uris, query), **paged(uri, asked, total)}
