"""Chats in which nobody says anything: warned of, then ended.

Only while an agent has the chat: who waits for one is not told that he is silent.

Source: AG-129.
"""

from __future__ import annotations

from collections.abc import Callable

from channels.chat.notices import NoticeKind
from channels.interaction.customer import tell
from channels.interaction.effects import Outcome
from channels.interaction.endings import end_session
from channels.interaction.model import Interaction
from channels.interaction.reasons import Reason
from channels.interaction.refusal import OperationRefused
from channels.interaction.rules import DEFAULT_RULES, Rules


def due(interaction: Interaction, rules: Rules = DEFAULT_RULES) -> tuple[float, NoticeKind] | None:
    """When something has to happen if nobody speaks, and what; None: never. Store it as a deadline."""
    transcript, owner = interaction.transcript, interaction.owner
    if transcript is None or not transcript.is_open or owner is None or not owner.is_held:
        return None
    spoken = transcript.last_said
    assert spoken is not None, "the owner has joined"
    warning = transcript.last_notice(NoticeKind.IDLE_ALERT)
    if warning is not None and warning.id > spoken.id:
        return (warning.at + rules.idle_close, NoticeKind.IDLE_CLOSE) if rules.idle_close else None
    return (spoken.at + rules.idle_alert, NoticeKind.IDLE_ALERT) if rules.idle_alert else None


def expire(interaction: Interaction, now: float, new_id: Callable[[], str], rules: Rules = DEFAULT_RULES) -> Outcome:
    """The deadline has come: what is due happens, and nothing if it is not due any more."""
    awaited = due(interaction, rules)
    if awaited is None or awaited[0] > now:
        return Outcome(interaction=interaction)
    _, kind = awaited
    try:
        told = tell(interaction, kind, None, now, new_id)
    except OperationRefused:  # it is full: nobody can be warned, nor say anything
        told, kind = Outcome(interaction=interaction), NoticeKind.IDLE_CLOSE
    if kind is NoticeKind.IDLE_ALERT:
        return told
    over, effects = end_session(told.interaction, Reason.DONE, now)
    return Outcome(interaction=over, effects=effects)
