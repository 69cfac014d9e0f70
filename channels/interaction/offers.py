"""Offers that no agent took: how many there were, and how one is taken back for another agent to be asked.

Source: SM-40, AG-66, MRE-94.
"""

from __future__ import annotations

from dataclasses import replace

from channels.interaction.effects import ChangeTask, Outcome
from channels.interaction.model import Interaction
from channels.interaction.progress import Progress, progress
from channels.interaction.reasons import Reason
from channels.interaction.states import State, Trigger


def counted(before: Interaction | None, after: Interaction) -> Interaction:
    """The same with those of this change among them."""
    return replace(after, missed=after.missed + list(progress(before, after)).count(Progress.REJECTED))


def withdraw(interaction: Interaction, missed: int) -> Outcome:
    """Whoever is asked is asked no more, and the engine asks another one.

    Nothing happens where so many have not taken it already, or where nobody is asked: it may have been said before.
    """
    owner = interaction.owner
    if owner is None or owner.state is not State.INVITED or interaction.missed >= missed:
        return Outcome(interaction=interaction)
    taken_back = interaction.with_leg(owner.moved(Trigger.REVOKE, Reason.REQUEUED))
    return Outcome(
        interaction=replace(taken_back, missed=interaction.missed + 1),
        effects=(ChangeTask(agent=owner.agent, state="QUEUED", code="REQUEUED"),),
    )
