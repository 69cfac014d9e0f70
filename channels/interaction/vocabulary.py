"""Names of operations: one each inside, and all those that desktops of different releases use for it.

Source: AG-3, AG-69.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from channels.interaction.model import Channel


class Dialect(StrEnum):
    """Whose words are spoken (AG-1…3)."""

    INTERACTIONS = "interactions"
    """A, with the aliases of its later releases."""
    TYPED = "typed"
    """B: chats and e-mails apart."""


class Operation(StrEnum):
    """What an agent may do, in the words of dialect A."""

    # both media
    ACCEPT = "Accept"
    REJECT = "Reject"
    TRANSFER = "Transfer"
    STOP_PROCESSING = "StopProcessing"
    PLACE_IN_QUEUE = "PlaceInQueue"
    PLACE_IN_WORKBIN = "PlaceInWorkbin"
    UPDATE_PROPERTIES = "UpdateProperties"
    # chat
    SEND_MESSAGE = "SendMessage"
    SEND_NOTIFICATION = "SendNotification"
    REQUEST_CHAT_HISTORY = "RequestChatHistory"
    INITIATE_CONSULTATION = "InitiateConsultation"
    COMPLETE_TRANSFER = "CompleteTransfer"
    COMPLETE_CONFERENCE = "CompleteConference"
    INVITE_USER = "InviteUser"
    REMOVE_PARTICIPANT = "RemoveParticipantFromConference"
    LEAVE_CONFERENCE = "LeaveConference"
    END_CHAT_SESSION = "EndChatSession"
    # e-mail
    REPLY = "Reply"
    REPLY_ALL = "ReplyAll"
    FORWARD = "Forward"
    SAVE = "Save"
    SEND = "Send"
    CANCEL_REPLY = "CancelReply"
    # dialect B only
    SET_IN_FOCUS = "SetInFocus"
    SET_DISPOSITION = "SetDisposition"
    ADD_COMMENT = "AddComment"


ALIASES: Mapping[str, Operation] = {
    "Complete": Operation.STOP_PROCESSING,
    "SingleStepTransfer": Operation.TRANSFER,
    "Cancel": Operation.CANCEL_REPLY,
    "SendStartTypingNotification": Operation.SEND_NOTIFICATION,
    "SendStopTypingNotification": Operation.SEND_NOTIFICATION,
    "Invite": Operation.INVITE_USER,
    "Leave": Operation.LEAVE_CONFERENCE,
    "Consult": Operation.INITIATE_CONSULTATION,
    "InitiateConsulation": Operation.INITIATE_CONSULTATION,  # so spelled by the original
    "StartChatConsultation": Operation.INITIATE_CONSULTATION,
    "AttachUserData": Operation.UPDATE_PROPERTIES,
    "UpdateUserData": Operation.UPDATE_PROPERTIES,
    "DeleteUserData": Operation.UPDATE_PROPERTIES,
    "InFocus": Operation.SET_IN_FOCUS,
    "RemoveParticipant": Operation.REMOVE_PARTICIPANT,
}
CHAT_ALIASES: Mapping[str, Operation] = {
    "Send": Operation.SEND_MESSAGE,
    "Reply": Operation.SEND_MESSAGE,
}
OPERATIONS: Mapping[str, Operation] = {operation.value: operation for operation in Operation}

IMPLIED: Mapping[str, Mapping[str, Any]] = {
    "SendStartTypingNotification": {"notification": "TypingStarted"},
    "SendStopTypingNotification": {"notification": "TypingStopped"},
}
"""Parameters that a name says already."""


def operation_named(name: str, channel: Channel) -> Operation | None:
    """What a name, case and all, means on a medium; None: nothing."""
    if channel is Channel.CHAT and name in CHAT_ALIASES:
        return CHAT_ALIASES[name]
    if name in ALIASES:
        return ALIASES[name]
    return OPERATIONS.get(name)
