"""What an agent may do with an interaction as he has it: the lists that desktops see, and what each entry covers.

Source: AG-60…64, AG-68.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from channels.interaction.model import Channel, Interaction, Leg, Role
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.states import State
from channels.interaction.vocabulary import Dialect, Operation, operation_named


class Standing(StrEnum):
    """How an agent stands to an interaction, as far as it matters for what he may do."""

    INVITED = "invited"
    CHATTING = "chatting"
    """The chat is his, and the customer is there."""
    AFTER_CHAT = "after chat"
    """The chat is his, and the customer has left."""
    IN_CONFERENCE = "in conference"
    """The chat is a colleague's."""
    PROCESSING = "processing"
    """An inbound e-mail is his."""
    COMPOSING = "composing"
    """An outbound e-mail is his."""
    IDLE = "idle"
    """Nothing to do: it is over, or lies in a workbin, or is being sent."""


Capabilities = Mapping[Standing, tuple[str, ...]]

INTERACTIONS: Capabilities = {
    Standing.INVITED: ("Accept", "Reject"),
    Standing.CHATTING: ("Transfer", "PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties", "Reply"),
    Standing.AFTER_CHAT: ("PlaceInQueue", "StopProcessing", "PlaceInWorkbin", "UpdateProperties"),
    Standing.IN_CONFERENCE: ("UpdateProperties", "Reply"),
    Standing.PROCESSING: (
        "Transfer",
        "PlaceInQueue",
        "StopProcessing",
        "PlaceInWorkbin",
        "UpdateProperties",
        "Reply",
        "ReplyAll",
    ),
    Standing.COMPOSING: ("Send", "CancelReply", "Transfer", "PlaceInWorkbin", "UpdateProperties"),
    Standing.IDLE: (),
}
TYPED: Capabilities = {
    Standing.INVITED: ("Accept", "Reject"),
    Standing.CHATTING: (
        "Transfer",
        "Leave",
        "Invite",
        "Consult",
        "SetInFocus",
        "SetDisposition",
        "AttachUserData",
        "DeleteUserData",
        "UpdateUserData",
        "Complete",
        "SendMessage",
        "SendStartTypingNotification",
        "SendStopTypingNotification",
    ),
    Standing.AFTER_CHAT: ("Transfer", "Complete", "Leave", "InFocus"),
    Standing.IN_CONFERENCE: (
        "Leave",
        "SetInFocus",
        "AttachUserData",
        "DeleteUserData",
        "UpdateUserData",
        "SendMessage",
        "SendStartTypingNotification",
        "SendStopTypingNotification",
    ),
    Standing.PROCESSING: (
        "Transfer",
        "PlaceInQueue",
        "PlaceInWorkbin",
        "Reply",
        "ReplyAll",
        "AddComment",
        "SetInFocus",
        "SetDisposition",
        "AttachUserData",
        "DeleteUserData",
        "UpdateUserData",
        "Complete",
    ),
    Standing.COMPOSING: (
        "Cancel",
        "Send",
        "AddComment",
        "AttachUserData",
        "UpdateUserData",
        "DeleteUserData",
        "SetDisposition",
        "SetInFocus",
        "Transfer",
    ),
    Standing.IDLE: (),
}
CAPABILITIES: Mapping[Dialect, Capabilities] = {Dialect.INTERACTIONS: INTERACTIONS, Dialect.TYPED: TYPED}

COVERED: Mapping[tuple[Channel, str], frozenset[Operation]] = {
    (Channel.CHAT, "Reply"): frozenset(  # AG-62: talking, and all that is done while the customer is there
        {
            Operation.SEND_MESSAGE,
            Operation.SEND_NOTIFICATION,
            Operation.REQUEST_CHAT_HISTORY,
            Operation.INITIATE_CONSULTATION,
            Operation.COMPLETE_TRANSFER,
            Operation.COMPLETE_CONFERENCE,
            Operation.INVITE_USER,
            Operation.REMOVE_PARTICIPANT,
            Operation.LEAVE_CONFERENCE,
            Operation.END_CHAT_SESSION,
        }
    ),
    (Channel.CHAT, "SendMessage"): frozenset({Operation.SEND_MESSAGE, Operation.REQUEST_CHAT_HISTORY}),
    (Channel.CHAT, "Consult"): frozenset(
        {Operation.INITIATE_CONSULTATION, Operation.COMPLETE_TRANSFER, Operation.COMPLETE_CONFERENCE}
    ),
    (Channel.CHAT, "Invite"): frozenset({Operation.INVITE_USER, Operation.REMOVE_PARTICIPANT}),
    (Channel.CHAT, "Leave"): frozenset({Operation.LEAVE_CONFERENCE, Operation.END_CHAT_SESSION}),
    (Channel.EMAIL, "Reply"): frozenset({Operation.REPLY, Operation.FORWARD}),
    (Channel.EMAIL, "Send"): frozenset({Operation.SEND, Operation.SAVE}),
}
"""What an entry covers; one that is not here covers the operation that it names."""


def standing(interaction: Interaction, leg: Leg) -> Standing:
    """How this agent stands to it."""
    if leg.state is State.INVITED:
        return Standing.INVITED
    if leg.state is State.COMPOSING:
        return Standing.IDLE if interaction.sending else Standing.COMPOSING
    if leg.state is not State.ACCEPTED:
        return Standing.IDLE
    if interaction.channel is Channel.EMAIL:
        return Standing.PROCESSING
    if leg.role is not Role.OWNER:
        return Standing.IN_CONFERENCE
    return Standing.CHATTING if interaction.has_customer else Standing.AFTER_CHAT


def capabilities(
    interaction: Interaction, leg: Leg, dialect: Dialect = Dialect.INTERACTIONS, rules: Rules = DEFAULT_RULES
) -> tuple[str, ...]:
    """What the desktop is told that this agent may do, in the order of the original."""
    entries = CAPABILITIES[dialect][standing(interaction, leg)]
    return tuple(entry for entry in entries if operation_named(entry, interaction.channel) not in rules.forbidden)


def covers(entry: str, channel: Channel) -> frozenset[Operation]:
    """What an entry allows."""
    named = operation_named(entry, channel)
    return COVERED.get((channel, entry), frozenset({named} if named else ()))


def may(interaction: Interaction, leg: Leg, operation: Operation, dialect: Dialect, rules: Rules) -> bool:
    """Is this operation covered by what the agent is told?"""
    if operation in rules.forbidden:
        return False
    entries = capabilities(interaction, leg, dialect, rules)
    return any(operation in covers(entry, interaction.channel) for entry in entries)
