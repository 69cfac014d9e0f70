"""What the customer does in his chat, and what the house tells the parties of it.

Raises ChatClosed for a chat that is over, and OperationRefused like an agent's operations: 1 for an empty text, 10 for
one that is too long.

Source: AG-54, AG-62, AG-73, AG-94…97, AG-128, AG-129, AG-161.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from channels.chat.notices import NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Party, Transcript, TranscriptFull
from channels.interaction.effects import ChangeTask, Outcome
from channels.interaction.endings import end_session
from channels.interaction.model import Interaction
from channels.interaction.reasons import Reason
from channels.interaction.refusal import MISSING, NOT_NOW, OUT_OF_RANGE, OperationRefused
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.states import State, Trigger

HOUSE = "System"
"""Nickname of the party in whose name the house speaks."""


class ChatClosed(OperationRefused):
    """It is over, or this is no chat."""

    def __init__(self) -> None:
        super().__init__(NOT_NOW, "The chat is over")


def join(interaction: Interaction, nickname: str, now: float, new_id: Callable[[], str]) -> Outcome:
    """The customer is there; nothing happens if he was."""
    transcript = _open(interaction)
    known = transcript.client
    if known is not None and known.present:
        return Outcome(interaction=interaction)
    party = Party(id=known.id if known else new_id(), kind=PartyKind.CLIENT, nickname=nickname)
    return _with(interaction, transcript.joined(party, now))


def say(
    interaction: Interaction, text: str, now: float, *, message_id: str = "", rules: Rules = DEFAULT_RULES
) -> Outcome:
    """He says something; nothing, if he said it under the same id before (AG-74)."""
    transcript, party = _customer(interaction)
    if not text:
        raise OperationRefused(MISSING, "The message is empty")
    if len(text) > rules.max_message:
        raise OperationRefused(OUT_OF_RANGE, f"The message has more than {rules.max_message} characters")
    if transcript.was_said(party, message_id, now):
        return Outcome(interaction=interaction)
    try:
        return _with(interaction, transcript.said(party, text, now, message_id=message_id))
    except TranscriptFull:
        raise OperationRefused(OUT_OF_RANGE, "The chat is full") from None


def notice(interaction: Interaction, kind: NoticeKind, now: float, text: str | None = None) -> Outcome:
    """He types, or gives another notice."""
    transcript, party = _customer(interaction)
    return _noticed(interaction, transcript, party, kind, now, text, Visibility.ALL)


def leave(interaction: Interaction, now: float) -> Outcome:
    """He goes: who has accepted keeps the after-chat work, whoever was only invited is not any more (AG-128)."""
    transcript = interaction.transcript
    if transcript is None or not transcript.is_open:
        return Outcome(interaction=interaction)
    interaction, effects = end_session(interaction, Reason.CUSTOMER_LEFT, now)
    owner = interaction.owner
    if owner is not None and owner.state is not State.INVITED:
        return Outcome(interaction=interaction, effects=effects)
    agent = owner.agent if owner else ""
    if owner is not None:
        interaction = interaction.with_leg(owner.moved(Trigger.REVOKE, Reason.CUSTOMER_LEFT))
    return Outcome(
        interaction=replace(interaction, closed_at=now, is_routed=False),
        effects=(*effects, ChangeTask(agent=agent, state="CLOSED", code="CANCELLED")),
    )


def give_up(interaction: Interaction, now: float) -> Outcome:
    """Nobody waits for an agent any more: as if he went, unless an agent has been there (CB-12)."""
    parties = interaction.transcript.parties if interaction.transcript is not None else ()
    if any(party.kind is PartyKind.AGENT for party in parties):
        return Outcome(interaction=interaction)
    return leave(interaction, now)


def tell(
    interaction: Interaction,
    kind: NoticeKind,
    text: str | None,
    now: float,
    new_id: Callable[[], str],
    visibility: Visibility = Visibility.ALL,
) -> Outcome:
    """The house gives a notice: to all, or to the agents alone (AG-129, AG-161)."""
    transcript = _open(interaction)
    party = next((each for each in transcript.parties if each.kind is PartyKind.SYSTEM), None)
    if party is None or (party.visibility is Visibility.AGENTS and visibility is Visibility.ALL):
        party = Party(id=party.id if party else new_id(), kind=PartyKind.SYSTEM, nickname=HOUSE, visibility=visibility)
        transcript = transcript.joined(party, now)  # AG-93: nobody speaks who was not introduced
    return _noticed(interaction, transcript, party, kind, now, text, visibility)


def _open(interaction: Interaction) -> Transcript:
    transcript = interaction.transcript
    if transcript is None or not transcript.is_open:
        raise ChatClosed
    return transcript


def _customer(interaction: Interaction) -> tuple[Transcript, Party]:
    transcript = _open(interaction)
    if transcript.client is None:
        raise ChatClosed
    return transcript, transcript.client


def _with(interaction: Interaction, transcript: Transcript) -> Outcome:
    return Outcome(interaction=replace(interaction, transcript=transcript))


def _noticed(
    interaction: Interaction,
    transcript: Transcript,
    party: Party,
    kind: NoticeKind,
    now: float,
    text: str | None,
    visibility: Visibility,
) -> Outcome:
    try:
        noticed, passing = transcript.noticed(party, kind, now, text=text, visibility=visibility)
    except TranscriptFull:
        raise OperationRefused(OUT_OF_RANGE, "The chat is full") from None
    return Outcome(interaction=replace(interaction, transcript=noticed), passing=(passing,) if passing else ())
