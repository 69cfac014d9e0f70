"""How parts of an interaction end: steps that several operations and events have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from channels.interaction.effects import ChangeTask, Effect
from channels.interaction.model import Interaction, Leg, Role
from channels.interaction.reasons import Reason
from channels.interaction.states import State, Trigger


def leave_chat(interaction: Interaction, agent: str, now: float) -> Interaction:
    """The agent's party goes, if there is one."""
    transcript = interaction.transcript
    party = transcript.party_of_agent(agent) if transcript else None
    if transcript is None or party is None:
        return interaction
    return replace(interaction, transcript=transcript.left(party, now))


def end_leg(interaction: Interaction, leg: Leg, trigger: Trigger, reason: Reason, now: float) -> Interaction:
    """This agent's part is over, and he is in the chat no more."""
    return leave_chat(interaction.with_leg(leg.moved(trigger, reason)), leg.agent, now)


def end_conference(
    interaction: Interaction,
    reason: Reason,
    now: float,
    roles: Sequence[Role] = (Role.PARTICIPANT, Role.CONSULTANT),
) -> tuple[Interaction, Sequence[Effect]]:
    """It is over for colleagues in these roles: who was there is Completed, who was only asked is Revoked."""
    effects: list[Effect] = []
    for leg in interaction.legs:
        if leg.role not in roles or not leg.is_live:
            continue
        invited = leg.state is State.INVITED
        trigger = Trigger.REVOKE if invited else Trigger.COMPLETE
        interaction = end_leg(interaction, leg, trigger, reason, now)
        effects.append(ChangeTask(agent=leg.agent, state="CLOSED", code="CANCELLED" if invited else "DONE"))
    return interaction, effects


def end_session(
    interaction: Interaction, reason: Reason, now: float, *, agent: str = ""
) -> tuple[Interaction, Sequence[Effect]]:
    """The customer is there no more: nothing is left for colleagues, and the owner has his after-chat work.

    Args:
        agent: who ended it; empty: the customer left, or the house ended it.
    """
    transcript = interaction.transcript
    if transcript is None or not transcript.is_open:
        return interaction, ()
    interaction, effects = end_conference(interaction, reason, now)
    assert interaction.transcript is not None
    closed = interaction.transcript.closed(now, interaction.transcript.party_of_agent(agent))
    return replace(interaction, transcript=closed), effects


def release_task(interaction: Interaction, agent: str) -> tuple[Interaction, Sequence[Effect]]:
    """The engine has nothing to do with it any more."""
    if not interaction.is_routed:
        return interaction, ()
    released = replace(interaction, is_routed=False, task="", given_up=interaction.task or interaction.given_up)
    return released, (ChangeTask(agent=agent, state="CLOSED", code="DONE"),)
