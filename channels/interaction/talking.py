"""What an agent says in a chat, and what he reads of it again.

Source: AG-73, AG-74, AG-93, AG-94, AG-95.
"""

from __future__ import annotations

from dataclasses import replace

from channels.chat.notices import NoticeKind, Visibility
from channels.chat.transcript import Party, Transcript, TranscriptFull
from channels.interaction.effects import Outcome, ShowHistory
from channels.interaction.refusal import MISSING, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import Request

NOTIFICATIONS = {
    "TypingStarted": NoticeKind.TYPING_STARTED,
    "TypingStopped": NoticeKind.TYPING_STOPPED,
}


def send_message(request: Request) -> Outcome:
    """To all, or to agents only; what was sent before under the same ``clientMessageId`` is not said twice."""
    transcript, party = place_in_chat(request)
    text = request.text("text")
    if not text:
        raise OperationRefused(MISSING, "text is missing")
    if len(text) > request.rules.max_message:
        raise OperationRefused(OUT_OF_RANGE, f"text has more than {request.rules.max_message} characters")
    message_id = request.text("clientMessageId")
    if transcript.was_said(party, message_id, request.now):
        return Outcome(interaction=request.interaction)
    try:
        said = transcript.said(party, text, request.now, visibility=wanted_visibility(request), message_id=message_id)
    except TranscriptFull:
        raise OperationRefused(OUT_OF_RANGE, "The chat is full") from None
    return Outcome(interaction=replace(request.interaction, transcript=said))


def send_notification(request: Request) -> Outcome:
    """Typing, or not any more; one a second is passed on."""
    transcript, party = place_in_chat(request)
    name = request.required_text("notification", "notifcation")  # the second is how the original spells it
    if name not in NOTIFICATIONS:
        raise OperationRefused(OUT_OF_RANGE, "notification must be TypingStarted or TypingStopped")
    noticed, passing = transcript.noticed(party, NOTIFICATIONS[name], request.now)
    return Outcome(
        interaction=replace(request.interaction, transcript=noticed),
        passing=(passing,) if passing else (),
    )


def request_history(request: Request) -> Outcome:
    """For the session that asks; nothing changes."""
    transcript, _ = place_in_chat(request)
    first = request.parameters.get("eventId", 1)
    if not isinstance(first, int) or isinstance(first, bool) or first < 1:
        raise OperationRefused(OUT_OF_RANGE, "eventId must be a number from 1 on")
    shown = ShowHistory(agent=request.agent, events=transcript.from_id(first))
    return Outcome(interaction=request.interaction, effects=(shown,))


def place_in_chat(request: Request) -> tuple[Transcript, Party]:
    """The transcript, and the agent's party in it."""
    transcript = request.interaction.transcript
    party = transcript.party_of_agent(request.agent) if transcript else None
    assert transcript is not None
    assert party is not None, "who may talk has joined"
    return transcript, party


def wanted_visibility(request: Request) -> Visibility:
    """``visibility``: all, unless the agent whispers."""
    name = request.text("visibility") or Visibility.ALL
    if name not in tuple(Visibility):
        raise OperationRefused(OUT_OF_RANGE, "visibility must be All or Agents")
    return Visibility(name)
