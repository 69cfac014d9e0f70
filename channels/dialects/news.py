"""What one agent is to be told when an interaction has changed: the same for all dialects.

Source: AG-50, AG-67, AG-91, AG-92, AG-94.
"""

from __future__ import annotations

from collections.abc import Sequence

from channels.chat.transcript import Event
from channels.interaction.effects import Outcome
from channels.interaction.model import Interaction, Leg
from channels.interaction.states import State


def readers(before: Interaction | None, after: Interaction) -> Sequence[Leg]:
    """The legs, as they are, of all agents who have to do with it, or had until this change."""
    return [leg for leg in after.legs if leg.is_live or is_live(before, leg.agent)]


def is_live(interaction: Interaction | None, agent: str) -> bool:
    """Did this agent have to do with it?"""
    leg = interaction.leg(agent) if interaction else None
    return leg is not None and leg.is_live


def reads_chat(interaction: Interaction | None, agent: str) -> bool:
    """Does this agent see what is said?"""
    leg = interaction.leg(agent) if interaction else None
    return leg is not None and leg.state is State.ACCEPTED


def new_events(before: Interaction | None, outcome: Outcome, agent: str) -> Sequence[Event]:
    """What this agent has not been sent: all from the first on if he has just taken the chat (AG-91)."""
    transcript = outcome.interaction.transcript
    if transcript is None or not reads_chat(outcome.interaction, agent):
        return ()
    seen = before.transcript.last_id if before and before.transcript and reads_chat(before, agent) else 0
    kept = [event for event in transcript.events if event.id > seen]
    own = transcript.party_of_agent(agent)
    passing = [event for event in outcome.passing if own is None or event.party != own.id]
    return sorted((*kept, *passing), key=lambda event: event.id)
