"""What routing brings about: who is invited, who has it no more.

The engine is right. What it says of an interaction that is past it changes nothing here, and is answered so that it
learns of it. Each may come twice.

Source: AG-53, AG-65, AG-76, AG-86, AG-128, MRE-72, MRE-82, MRE-86, MRE-87.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from channels import userdata
from channels.interaction.conference import shown_to_all
from channels.interaction.effects import ChangeTask, Effect, EndReply, Outcome, RemoveFromWorkbin, StartTask
from channels.interaction.endings import end_conference, end_leg, end_session
from channels.interaction.model import Interaction, Leg, Role
from channels.interaction.reasons import Reason
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.states import LISTED, State, Trigger
from channels.interaction.taking import enter_chat, tell_owner
from channels.userdata import Routing


def tasked(interaction: Interaction, task: str) -> Interaction:
    """The engine calls it so."""
    return replace(interaction, task=task)


def invited(
    interaction: Interaction, agent: str, now: float, routing: Routing | None = None, *, until: float | None = None
) -> Outcome:
    """An agent was selected. If it is not to be had any more, or he is in it already, the engine gets its task back.

    Args:
        until: when he can accept it no more.
    """
    owner = interaction.owner
    if owner is not None and owner.agent == agent:
        return Outcome(interaction=interaction)
    if interaction.is_closed:
        return Outcome(interaction=interaction, effects=(ChangeTask(agent=agent, state="CLOSED", code="CANCELLED"),))
    leg = interaction.leg(agent)
    is_in_it = leg is not None and leg.is_live
    if is_in_it or (owner is not None and owner.state is not State.INVITED):
        return Outcome(interaction=interaction, effects=(ChangeTask(agent=agent, state="QUEUED", code="REJECTED"),))
    if owner is not None:
        interaction = interaction.with_leg(owner.moved(Trigger.REVOKE, Reason.TAKEN_ELSEWHERE))
    offered = interaction.with_last_leg(Leg(agent=agent, state=State.INVITED, until=until))
    return Outcome(interaction=_with_routing(offered, routing))


def transferred(
    interaction: Interaction,
    owner: str,
    recipient: str,
    now: float,
    routing: Routing | None = None,
    *,
    until: float | None = None,
) -> Outcome:
    """The engine agreed: the owner has it no more. Who consults has it at once, anybody else is invited."""
    giver, taker = interaction.leg(owner), interaction.leg(recipient)
    if giver is not None and giver.is_held and giver.role is Role.OWNER:
        interaction = end_leg(interaction, giver, Trigger.TRANSFER, Reason.TRANSFERRED, now)
    elif giver is not None and giver.is_live and giver.role is Role.OWNER and giver.state is State.INVITED:
        interaction = interaction.with_leg(giver.moved(Trigger.REVOKE, Reason.TAKEN_ELSEWHERE))
    if taker is not None and taker.state in LISTED:
        interaction = interaction.with_leg(replace(taker, role=Role.OWNER))
    interaction, effects = end_conference(interaction, Reason.TRANSFERRED, now, roles=(Role.CONSULTANT,))
    if taker is not None and taker.is_held:
        interaction = shown_to_all(interaction, recipient, now)
        return Outcome(interaction=_with_routing(interaction, routing), effects=effects)
    outcome = invited(interaction, recipient, now, routing, until=until)
    return replace(outcome, effects=(*effects, *outcome.effects))


def revoked(interaction: Interaction, agent: str, reason: Reason, now: float) -> Outcome:
    """This agent has it no more: he did not answer, was lost or signed out, or somebody took it from him.

    The engine knows; nothing is said to it, but for colleagues who go with an owner. Nothing happens to who has it not.
    """
    leg = interaction.leg(agent)
    if leg is None or not leg.is_live:
        return Outcome(interaction=interaction)
    effects: list[Effect] = []
    if leg.is_held and leg.role is Role.OWNER:
        interaction, gone = end_conference(interaction, reason, now)
        effects += gone
    if leg.state is State.IN_WORKBIN:
        effects.append(RemoveFromWorkbin(agent=agent, workbin=leg.workbin))
    interaction = end_leg(interaction, leg, Trigger.REVOKE, reason, now)
    if leg.state is State.INVITED:
        interaction = tell_owner(interaction, agent, "did not come", now)
    return Outcome(interaction=interaction, effects=effects)


def requeued(interaction: Interaction, queue: str) -> Outcome:
    """An agent's own, such as a draft of one who signed out, goes to whoever is next: call ``revoked`` before."""
    return Outcome(
        interaction=replace(interaction, queue=queue, is_routed=True, task=""), effects=(StartTask(queue=queue),)
    )


def pulled(
    interaction: Interaction,
    agent: str,
    now: float,
    *,
    new_id: Callable[[], str],
    nickname: str = "",
    rules: Rules = DEFAULT_RULES,
) -> Outcome:
    """Out of the agent's workbin into his hands; nothing happens if it does not lie there."""
    leg = interaction.leg(agent)
    if leg is None or leg.state is not State.IN_WORKBIN:
        return Outcome(interaction=interaction)
    trigger = Trigger.COMPOSE if interaction.is_draft else Trigger.PULL
    taken = interaction.with_last_leg(replace(leg.moved(trigger), workbin=""))
    taken = enter_chat(taken, agent, nickname or rules.nickname(agent), now, new_id)
    return Outcome(
        interaction=replace(taken, is_routed=True),
        effects=(
            RemoveFromWorkbin(agent=agent, workbin=leg.workbin),
            StartTask(queue=interaction.queue, agent=agent, pull=True),
        ),
    )


def ended(interaction: Interaction, reason: Reason, now: float) -> Outcome:
    """The task was closed by force, or was too old: it is over for everybody."""
    if interaction.is_closed:
        return Outcome(interaction=interaction)
    effects: list[Effect] = []
    held = [leg.agent for leg in interaction.legs if leg.is_held and leg.role is Role.OWNER]
    for leg in interaction.legs:
        if leg.state is State.IN_WORKBIN:
            effects.append(RemoveFromWorkbin(agent=leg.agent, workbin=leg.workbin))
        if leg.is_live:
            interaction = end_leg(interaction, leg, Trigger.REVOKE, reason, now)
    if interaction.parent:
        effects.append(EndReply(parent=interaction.parent, reply=interaction.id))
    interaction, _ = end_session(interaction, reason, now, agent=held[0] if held else "")
    return Outcome(interaction=replace(interaction, closed_at=now, is_routed=False, task=""), effects=effects)


def _with_routing(interaction: Interaction, routing: Routing | None) -> Interaction:
    if routing is None:
        return interaction
    return replace(interaction, user_data=userdata.routed(interaction.user_data, routing))
