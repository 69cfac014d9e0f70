"""Dialect B: chats on ``/v2/me/chats``, e-mails on ``/v2/me/emails``, and the same objects when they are asked for.

One change may be several messages: the state, then who takes part, then attached data, then what was said.

Source: AG-2, AG-68, AG-70, AG-98.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from channels.chat.notices import EventKind, NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Event, Party, Transcript
from channels.dialects.news import new_events, reads_chat
from channels.interaction.capabilities import Standing, capabilities, standing
from channels.interaction.effects import Outcome
from channels.interaction.model import Channel, Interaction, Leg
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.states import State
from channels.interaction.vocabulary import Dialect

Json = dict[str, Any]

STATES: Mapping[State, str] = {
    State.INVITED: "Invited",
    State.ACCEPTED: "Processing",
    State.COMPOSING: "Composing",
    State.IN_WORKBIN: "InWorkbin",
    State.REVOKED: "Revoked",
    State.REJECTED: "Completed",
    State.COMPLETED: "Completed",
    State.TRANSFERRED: "Completed",
    State.PLACED: "Completed",
}
CHAT_STATES: Mapping[Standing, str] = {
    Standing.CHATTING: "Chatting",
    Standing.IN_CONFERENCE: "Chatting",
    Standing.AFTER_CHAT: "LeftChat",
}
"""Of an accepted chat."""

EVENT_TYPES: Mapping[EventKind, str] = {
    EventKind.PARTY_JOINED: "ParticipantJoined",
    EventKind.PARTY_LEFT: "ParticipantLeft",
    EventKind.NEW_MESSAGE: "Text",
}
NOTICE_TYPES: Mapping[NoticeKind, str] = {
    NoticeKind.TYPING_STARTED: "TypingStarted",
    NoticeKind.TYPING_STOPPED: "TypingStopped",
    NoticeKind.PUSH_URL: "PushUrl",
    NoticeKind.CUSTOM: "CustomNotice",
    NoticeKind.IDLE_ALERT: "Notice",
    NoticeKind.IDLE_CLOSE: "Notice",
}
PARTY_TYPES: Mapping[PartyKind, str] = {
    PartyKind.CLIENT: "Customer",
    PartyKind.AGENT: "Agent",
    PartyKind.EXTERNAL: "External",
    PartyKind.SYSTEM: "System",
}


def notifications(
    before: Interaction | None, outcome: Outcome, leg: Leg, base: str, rules: Rules = DEFAULT_RULES
) -> Sequence[Json]:
    """What one agent is told of a change, in this order; nothing, if nothing is new to him.

    Args:
        before: None: there was none.
        leg: the agent's, as it is after the change.
        base: what URIs begin with: ``https://host/api/v2``.
    """
    after = outcome.interaction
    speak = _chat_messages if after.channel is Channel.CHAT else _email_messages
    return speak(before, outcome, leg, base, rules)


def snapshot(interaction: Interaction, leg: Leg, base: str, rules: Rules = DEFAULT_RULES) -> Json:
    """The object as the agent has it (AG-55); a chat with ``messages``, all that he may read."""
    if interaction.channel is Channel.EMAIL:
        return _email(interaction, leg, base, rules, with_user_data=True)
    told = _chat(interaction, leg, base, rules, participants=_participants(interaction, leg))
    told["userData"] = dict(interaction.user_data)
    transcript = interaction.transcript
    if transcript is not None and reads_chat(interaction, leg.agent):
        told["messages"] = [message_object(event, transcript) for event in transcript.events]
    return told


def state_name(interaction: Interaction, leg: Leg) -> str:
    """How this dialect calls the state (AG-68)."""
    return CHAT_STATES.get(standing(interaction, leg), STATES[leg.state])


def message_log(interaction: Interaction, events: Sequence[Event], base: str) -> Json:
    """Events of a chat, new ones or asked for."""
    transcript = interaction.transcript or Transcript()
    return {
        "messageType": "MessageLogUpdated",
        "notificationType": "NewMessages",
        "chatUri": f"{base}/chats/{interaction.id}",
        "chatPath": f"/chats/{interaction.id}",
        "messages": [message_object(event, transcript) for event in events],
    }


def message_object(event: Event, transcript: Transcript) -> Json:
    """One event, with who did it."""
    told: Json = {"index": event.id, "type": NOTICE_TYPES[event.notice] if event.notice else EVENT_TYPES[event.kind]}
    if event.text is not None:
        told["text"] = event.text
    if event.notice_text is not None:
        told["noticeText"] = event.notice_text
    told["visibility"] = event.visibility.value
    told["timestamp"] = timestamp(event.at)
    told["timestampSeconds"] = round(event.at * 1000)  # milliseconds, whatever the name says: AG-98
    if party := transcript.party(event.party):
        told["from"] = participant(party)
    return told


def participant(party: Party) -> Json:
    """Somebody who takes part."""
    told: Json = {"nickname": party.nickname, "type": PARTY_TYPES[party.kind], "participantId": party.id}
    return told if party.visibility is Visibility.ALL else told | {"visibility": party.visibility.value}


def timestamp(at: float) -> str:
    """``2014-01-09 11:58:12.035+0200``, in UTC."""
    moment = datetime.fromtimestamp(round(at, 3), UTC)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{moment.microsecond // 1000:03d}{moment:%z}"


def _chat_messages(before: Interaction | None, outcome: Outcome, leg: Leg, base: str, rules: Rules) -> Sequence[Json]:
    after, agent = outcome.interaction, leg.agent
    earlier = before.leg(agent) if before else None
    told_of = _participants(before, earlier) if before and earlier else []
    here = _participants(after, leg)

    def state_message(kind: str, participants: list[Json], **more: Any) -> Json:
        chat = _chat(after, leg, base, rules, participants)
        return {"messageType": "ChatStateChangeMessage", "notificationType": kind, "chat": chat | more}

    messages: list[Json] = []
    user_data = {"userData": dict(after.user_data)}
    if before is None or earlier is None or not earlier.is_live:
        messages.append(state_message("StatusChange", told_of := [], **user_data))
    else:
        if _status(before, earlier, rules) != _status(after, leg, rules):
            # Who takes part is told by the next message, so that this one is about the state alone.
            messages.append(state_message("StatusChange", told_of))
        if before.user_data != after.user_data:
            messages.append(state_message("PropertiesUpdated", told_of, **user_data))
    if told_of != here:
        messages.append(state_message("ParticipantsUpdated", here))
    if events := new_events(before, outcome, agent):
        messages.append(message_log(after, events, base))
    return messages


def _email_messages(before: Interaction | None, outcome: Outcome, leg: Leg, base: str, rules: Rules) -> Sequence[Json]:
    after = outcome.interaction
    earlier = before.leg(leg.agent) if before else None

    def message(kind: str, with_user_data: bool) -> Json:
        email = _email(after, leg, base, rules, with_user_data=with_user_data)
        return {"messageType": "EmailStateChangeMessage", "notificationType": kind, "email": email}

    if before is None or earlier is None or not earlier.is_live:
        return [message("StatusChange", with_user_data=True)]
    messages: list[Json] = []
    if _status(before, earlier, rules) != _status(after, leg, rules):
        messages.append(message("StatusChange", with_user_data=False))
    elif before.letter != after.letter:
        messages.append(message("EmailSaved", with_user_data=False))
    if before.user_data != after.user_data:
        messages.append(message("PropertiesUpdated", with_user_data=True))
    return messages


def _status(interaction: Interaction, leg: Leg, rules: Rules) -> tuple[str, tuple[str, ...]]:
    return state_name(interaction, leg), capabilities(interaction, leg, Dialect.TYPED, rules)


def _chat(interaction: Interaction, leg: Leg, base: str, rules: Rules, participants: list[Json]) -> Json:
    return {
        "id": interaction.id,
        "state": state_name(interaction, leg),
        "capabilities": list(capabilities(interaction, leg, Dialect.TYPED, rules)),
        "uri": f"{base}/chats/{interaction.id}",
        "participants": participants,
    }


def _participants(interaction: Interaction, leg: Leg) -> list[Json]:
    """Who is there, for who is there himself."""
    transcript = interaction.transcript
    if transcript is None or not reads_chat(interaction, leg.agent):
        return []
    return [participant(party) for party in transcript.parties if party.present]


def _email(interaction: Interaction, leg: Leg, base: str, rules: Rules, *, with_user_data: bool) -> Json:
    told: Json = {
        "id": interaction.id,
        "state": state_name(interaction, leg),
        "capabilities": list(capabilities(interaction, leg, Dialect.TYPED, rules)),
        "uri": f"{base}/emails/{interaction.id}",
    }
    letter = interaction.letter
    if letter is not None and leg.is_held:
        told |= {
            "from": letter.from_address,
            "to": list(letter.to),
            "cc": list(letter.cc),
            "bcc": list(letter.bcc),
            "subject": letter.subject,
            "body": letter.html,
            "bodyAsPlainText": letter.text,
        }
    if interaction.parent:
        told["parentUri"] = f"{base}/emails/{interaction.parent}"
    return told | ({"userData": dict(interaction.user_data)} if with_user_data else {})
