"""Parameters and answers that several resources have in common.

Source: AG-32, AG-55, AG-69, AG-72…79, AG-143.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.api.declaration import Fields, Flag, Number, Operation, Parameter, Properties, Text, Texts

Schema = Mapping[str, Any]

# Of collections

FIELDS = Parameter("fields", "`*`: the objects themselves, not only where they are.", Text(among=("*",)))
OFFSET = Parameter("offset", "So many are skipped.", Number(0, 1_000_000))
LIMIT = Parameter("limit", "At most so many are told.", Number(1, 1000))
SUBRESOURCES = Parameter("subresources", "`*`: with all that belongs to it.", Text(among=("*",)))

# Whom and where

AGENT_ID = Parameter("agentId", "The agent: user name or id.", Text(256))
TARGETS = (
    AGENT_ID,
    Parameter("targetUri", "Where the agent is: `…/users/{id}`."),
    Parameter("targetPath", "The same without the server."),
    Parameter("userUri", "As `targetUri`."),
)
QUEUE = Parameter("queueName", "The queue.", Text(256), also=("queue",))
QUEUE_URI = Parameter("queueUri", "Where the queue is.")
SKILL = Parameter("skill", "Any agent who has it.", Text(256))
WORKBIN = Parameter("workbin", "The workbin: name or id.", Text(256), is_required=True)

# What with

NICKNAME = Parameter("nickname", "What the customer sees; otherwise the first name (AG-72).", Text(128))
USER_DATA = Parameter("userData", "Attached data: these keys are set, all others stay.", Properties())
_NEW_DATA = Parameter("userData", "Keys and values.", Properties(), is_required=True)
DELETED_KEYS = Parameter("deletedKeys", "Keys of attached data that go.", Texts(1000))
TEXT = Parameter("text", "What is said.", Text(1024 * 1024), is_required=True)
MESSAGE = (
    Parameter("messageType", "The application's.", Text(128)),
    Parameter("treatAs", "How desktops show it.", Text(among=("Normal", "System"))),
    Parameter("visibility", "`Agents`: the customer does not see it.", Text(among=("All", "Agents"))),
    Parameter("clientMessageId", "Makes it safe to send again: the same id adds nothing (AG-74).", Text(128)),
)
LETTER = Parameter(
    "email",
    "What the draft becomes.",
    Fields(
        (
            Parameter("to", "Addresses.", Texts()),
            Parameter("cc", "Addresses.", Texts()),
            Parameter("bcc", "Addresses that the others do not see.", Texts()),
            Parameter("from", "The address it comes from."),
            Parameter("subject", "One line.", Text(998)),
            Parameter("body", "HTML.", Text(1024 * 1024)),
            Parameter("bodyAsPlainText", "The same as plain text.", Text(1024 * 1024)),
        )
    ),
)
REPLYING = (
    Parameter("queueName", "The queue through which it leaves.", Text(256)),
    QUEUE_URI,
    Parameter("subjectPrefix", "Stands before the subject; `Re: ` by default.", Text(64)),
    Parameter("quoteOriginal", "Quote what is answered.", Flag()),
    Parameter("replyToStartLine", "Stands above the quotation."),
    Parameter("indentCharacter", "Stands before each line of it.", Text(16)),
    Parameter("body", "HTML.", Text(1024 * 1024)),
    Parameter("bodyAsPlainText", "The same as plain text.", Text(1024 * 1024)),
    USER_DATA,
)

# Operations that are the same in all dialects

REJECT = Operation("Reject", "Leave an invitation to others; it is not offered to this agent again for a while.")
PLACE_IN_QUEUE = Operation("PlaceInQueue", "Give it out of hand: it is routed anew.", one_of=(QUEUE, QUEUE_URI))
PLACE_IN_WORKBIN = Operation("PlaceInWorkbin", "Put it aside for oneself.", (WORKBIN,))
REPLY = Operation("Reply", "Begin an answer to the sender.", REPLYING)
REPLY_ALL = Operation("ReplyAll", "Begin an answer to all.", REPLYING)
FORWARD = Operation("Forward", "Begin a letter that passes it on.", REPLYING)
SAVE = Operation("Save", "Keep the draft.", (LETTER,))
SEND = Operation("Send", "Let the draft leave.", (LETTER,))
REMOVE_PARTICIPANT = Operation("RemoveParticipantFromConference", "Send an agent out of the chat.", one_of=TARGETS)
COMPLETE_TRANSFER = Operation("CompleteTransfer", "Whom one consults takes over, and the customer sees it.")
COMPLETE_CONFERENCE = Operation("CompleteConference", "Whom one consults is seen by the customer from here on.")
REQUEST_HISTORY = Operation(
    "RequestChatHistory",
    "Be told events once more.",
    (Parameter("eventId", "The first one wanted; 1 by default.", Number(1)),),
)

# Of dialect B

SET_IN_FOCUS = Operation("SetInFocus", "It is what one looks at; nothing follows from that.")
SET_DISPOSITION = Operation(
    "SetDisposition", "Say how it ended.", (Parameter("disposition", "The code.", also=("dispositionCode",)),)
)
ATTACH_USER_DATA = Operation("AttachUserData", "Add attached data.", (_NEW_DATA,))
UPDATE_USER_DATA = Operation("UpdateUserData", "Change attached data.", (_NEW_DATA,))
DELETE_USER_DATA = Operation(
    "DeleteUserData", "Remove attached data.", (Parameter("keys", "Which.", Texts(1000), is_required=True),)
)
COMPLETE = Operation("Complete", "Be done with it.", (QUEUE,))
TRANSFER = Operation(
    "Transfer",
    "Give it to another agent, queue or skill.",
    one_of=(*TARGETS, QUEUE, SKILL),
    also=("SingleStepTransfer",),
)

# What is answered

USER_STATE: Schema = {
    "type": "object",
    "required": ["id", "state", "displayName"],
    "properties": {name: {"type": "string"} for name in ("id", "state", "displayName", "reason")},
}
CHANNEL: Schema = {
    "type": "object",
    "required": ["channel", "userState"],
    "properties": {"channel": {"type": "string"}, "userState": USER_STATE},
}
OBJECT: Schema = {"type": "object"}
OBJECTS: Schema = {"type": "array", "items": OBJECT}
URIS: Schema = {"type": "array", "items": {"type": "string", "format": "uri"}}
INTEGER: Schema = {"type": "integer"}
TAKEN: Schema = {"referenceId": INTEGER}
"""An operation was taken; what comes of it is a notification (AG-4)."""
PAGED: Schema = {
    "totalCount": INTEGER,
    "paging": {
        "type": "object",
        "properties": {name: {"type": "string", "format": "uri-reference"} for name in ("previous", "next")},
    },
}
TYPED: Schema = {
    "type": "object",
    "required": ["id", "state", "capabilities", "uri"],
    "properties": {
        **{name: {"type": "string"} for name in ("id", "state", "uri")},
        "capabilities": {"type": "array", "items": {"type": "string"}},
        "participants": OBJECTS,
        "userData": OBJECT,
    },
}
"""A chat or an e-mail in the words of dialect B (AG-98)."""
INTERACTION: Schema = {
    "type": "object",
    "required": [
        "messageType",
        "id",
        "channel",
        "state",
        "capabilities",
        "interactionType",
        "interactionSubType",
        "currentQueue",
        "userData",
    ],
    "properties": {
        **{
            name: {"type": "string"}
            for name in (
                "messageType",
                "id",
                "state",
                "interactionType",
                "interactionSubType",
                "currentQueue",
                "sessionId",
                "parentId",
            )
        },
        "channel": {"enum": ["chat", "email"]},
        "capabilities": {"type": "array", "items": {"type": "string"}},
        **dict.fromkeys(("userData", "email_object", "inQueues", "outQueues"), OBJECT),
        "chat_notifications": OBJECTS,
    },
}
"""The same object as in notifications (AG-50, AG-51)."""
