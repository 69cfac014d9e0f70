"""Out of an agent's hands: to a colleague, to a queue, to a workbin, or done with.

Source: AG-75, AG-77, AG-85, AG-152, and the table of AG-69.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from channels.interaction.effects import AddToWorkbin, AskTransfer, ChangeTask, Effect, Outcome, StartTask
from channels.interaction.endings import end_conference, end_leg, end_session, leave_chat, release_task
from channels.interaction.model import STOP, Interaction
from channels.interaction.reasons import Reason
from channels.interaction.refusal import MISSING, NOT_FOUND, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import AGENT_PARAMETERS, QUEUE_PARAMETERS, Request, last_segment
from channels.interaction.states import Trigger


def transfer(request: Request) -> Outcome:
    """To an agent, as the engine decides; to a queue or to whoever has a skill, at once."""
    for name in ("targetUri", "targetPath"):
        if "/queues/" in request.text(name):
            return _place(request, request.known_queue(last_segment(request.text(name))), Trigger.TRANSFER)
    if any(request.text(name) for name in AGENT_PARAMETERS):
        return _to_agent(request, request.colleague())
    if any(request.text(name) for name in QUEUE_PARAMETERS):
        return _place(request, request.queue(), Trigger.TRANSFER)
    if skill := request.text("skill"):
        return _place(request, request.interaction.queue, Trigger.TRANSFER, skill)
    raise OperationRefused(MISSING, "agentId, queueName or skill is missing")


def place_in_queue(request: Request) -> Outcome:
    """Routed anew, from this queue."""
    return _place(request, request.queue(), Trigger.PLACE)


def place_in_workbin(request: Request) -> Outcome:
    """Parked for the agent; the engine counts it no more (AG-152)."""
    name = request.required_text("workbin")
    workbin = request.rules.find_workbin(last_segment(name))
    if workbin is None:
        raise OperationRefused(NOT_FOUND, "There is no such workbin")
    interaction, colleagues = end_conference(request.interaction, Reason.DONE, request.now)
    parked = replace(request.leg.moved(Trigger.PARK), workbin=workbin)
    interaction = leave_chat(interaction.with_leg(parked), request.agent, request.now)
    interaction, released = release_task(interaction, request.agent)
    return Outcome(
        interaction=interaction,
        effects=(*colleagues, *released, AddToWorkbin(agent=request.agent, workbin=workbin)),
    )


def stop_processing(request: Request) -> Outcome:
    """Done with: it stops, or rests in one of the queues that take what is done."""
    interaction, now = request.interaction, request.now
    destination = _resting_place(request)
    interaction, colleagues = end_conference(interaction, Reason.DONE, now)
    interaction = end_leg(interaction, request.leg, Trigger.COMPLETE, Reason.DONE, now)
    interaction, _ = end_session(interaction, Reason.DONE, now, agent=request.agent)
    interaction, released = release_task(interaction, request.agent)
    queue = interaction.queue if destination == STOP else destination
    return Outcome(
        interaction=replace(interaction, queue=queue, closed_at=now),
        effects=(*colleagues, *released),
    )


def _resting_place(request: Request) -> str:
    known = request.interaction.in_queues
    wanted = request.text(*QUEUE_PARAMETERS)
    if not wanted:
        return STOP if STOP in known or not known else known[0]
    if last_segment(wanted) not in known:
        raise OperationRefused(OUT_OF_RANGE, "It cannot be put in that queue when done")
    return last_segment(wanted)


def _to_agent(request: Request, recipient: str) -> Outcome:
    if request.interaction.is_routed:
        return Outcome(
            interaction=request.interaction, effects=(AskTransfer(owner=request.agent, recipient=recipient),)
        )
    # A draft has no task that the engine could move: it gets one, for this agent.
    interaction = end_leg(request.interaction, request.leg, Trigger.TRANSFER, Reason.TRANSFERRED, request.now)
    return Outcome(
        interaction=replace(interaction, is_routed=True),
        effects=(StartTask(queue=interaction.queue, agent=recipient),),
    )


def _place(request: Request, queue: str, trigger: Trigger, skill: str = "") -> Outcome:
    reason = Reason.TRANSFERRED if trigger is Trigger.TRANSFER else Reason.REQUEUED
    interaction, colleagues = end_conference(request.interaction, reason, request.now)
    interaction = end_leg(interaction, request.leg, trigger, reason, request.now)
    interaction, asked = _route_anew(interaction, request.agent, queue, skill)
    return Outcome(interaction=interaction, effects=(*colleagues, *asked))


def _route_anew(interaction: Interaction, agent: str, queue: str, skill: str) -> tuple[Interaction, Sequence[Effect]]:
    """A task stays in its queue: for another one, or for a skill, there is another task."""
    if interaction.is_routed and queue == interaction.queue and not skill:
        return interaction, (ChangeTask(agent=agent, state="QUEUED", code="REQUEUED"),)
    released, effects = release_task(interaction, agent)
    return replace(released, queue=queue, is_routed=True), (*effects, StartTask(queue=queue, skill=skill))
