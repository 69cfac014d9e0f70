"""Dialect A: the messages on ``/v2/me/interactions``, and the same objects when they are asked for.

Keys stand in the order of the original.

Source: AG-50…52, AG-55, AG-58, AG-70, AG-90…94 and the tables of agent-api.md, sections 3 and 6.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from channels.chat.transcript import Event
from channels.dialects.news import new_events
from channels.interaction.capabilities import capabilities
from channels.interaction.effects import Outcome
from channels.interaction.model import Channel, Interaction, Leg, Role
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.vocabulary import Dialect

MESSAGE_TYPE = "InteractionStateMessage"
CONFERENCE_INVITE = ("Internal", "InternalConferenceInvite")
"""Type and subtype that a colleague is shown who was asked in."""

Json = dict[str, Any]


def notifications(
    before: Interaction | None, outcome: Outcome, leg: Leg, rules: Rules = DEFAULT_RULES
) -> Sequence[Json]:
    """What one agent is told of a change: the whole object with the events that are new to him, or nothing.

    Args:
        before: None: there was none.
        leg: the agent's, as it is after the change.
    """
    events = new_events(before, outcome, leg.agent)
    told = project(outcome.interaction, leg, events, rules)
    earlier = before.leg(leg.agent) if before else None
    if not events and before is not None and earlier is not None and told == project(before, earlier, (), rules):
        return ()
    return (told,)


def snapshot(interaction: Interaction, leg: Leg, rules: Rules = DEFAULT_RULES) -> Json:
    """The object as the agent has it, chats with all that he may read (AG-55)."""
    transcript = interaction.transcript
    return project(interaction, leg, transcript.events if transcript and leg.is_held else (), rules)


def project(interaction: Interaction, leg: Leg, events: Sequence[Event] = (), rules: Rules = DEFAULT_RULES) -> Json:
    """The object as this agent sees it, with these events."""
    kind, subkind = (interaction.kind, interaction.subkind) if leg.role is Role.OWNER else CONFERENCE_INVITE
    told: Json = {}
    if events:
        told["chat_notifications"] = [event_object(event) for event in events]
    told["userData"] = dict(interaction.user_data)
    if interaction.letter is not None:
        told["email_object"] = email_object(interaction, leg)
    told["currentQueue"] = interaction.queue
    told["interactionSubType"] = subkind
    if leg.is_held and not interaction.is_draft:
        told["inQueues"] = dict.fromkeys(interaction.in_queues, "")
    told["capabilities"] = list(capabilities(interaction, leg, Dialect.INTERACTIONS, rules))
    if leg.is_held and interaction.channel is Channel.EMAIL and not interaction.is_draft:
        told["outQueues"] = dict.fromkeys(interaction.out_queues, "")
    told["state"] = leg.state.value
    told["messageType"] = MESSAGE_TYPE
    if interaction.parent:
        told["parentId"] = interaction.parent
    if leg.is_held and interaction.channel is Channel.CHAT:
        told["sessionId"] = interaction.id
    told["id"] = interaction.id
    told["channel"] = interaction.channel.value
    told["interactionType"] = kind
    return told


def event_object(event: Event) -> Json:
    """One of ``chat_notifications``: all nine keys, always (AG-90)."""
    return {
        "EventId": event.id,
        "NoticeText": event.notice_text,
        "NoticeType": event.notice and event.notice.value,
        "MessageText": event.text,
        "UserId": event.party,
        "MessageType": event.kind.value,
        "UserType": event.party_kind and event.party_kind.value,
        "Visibility": event.visibility.value,
        "NickName": event.nickname,
    }


def email_object(interaction: Interaction, leg: Leg) -> Json:
    """The e-mail; who does not have it yet, or not any more, learns nothing but its id."""
    letter = interaction.letter
    if letter is None or not leg.is_held:
        return {"interactionId": interaction.id}
    shown = {
        "text": letter.text,
        "interactionId": interaction.id,
        "fromAddress": letter.from_address,
        "toAddress": ", ".join(letter.to) or letter.mailbox,
        "subject": letter.subject,
    }
    copies = {"ccAddress": letter.cc, "bccAddress": letter.bcc} if interaction.is_draft else {}
    return shown | {key: ", ".join(addresses) for key, addresses in copies.items() if addresses}
