"""What the communication server tells: tasks and agents' states, as it and the engine have them.

Its word counts: whom it has taken a task from has it no more, whatever he was doing at that moment. Everything may come
twice, and late.

Source: AG-37, AG-58, AG-65, AG-75, AG-126…128, AG-144, MRE-11, MRE-47, MRE-73, MRE-82, MRE-86, MRE-113…115.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from channels.dialects.announcement import TYPED_CHANNELS
from channels.interaction import engine
from channels.interaction.effects import ChangeTask, Effect, Outcome
from channels.interaction.model import Channel, Interaction, Role
from channels.interaction.reasons import Reason
from channels.private import AGENT, INTERACTIONS
from channels.userdata import Routing
from gateway.agents import notices
from gateway.agents.agent import Agent
from gateway.agents.interactions import Interactions
from gateway.agents.sessions import Sessions
from gateway.agents.settings import Settings
from gateway.agents.side import asked_by
from gateway.agents.states import RONA
from gateway.agents.turn import Turn
from gateway.routing import moment
from gateway.routing.refusal import STATUS_CODES, Code

log = logging.getLogger(__name__)

TAKEN_BACK: Final[Mapping[str, Reason]] = {
    "RONA": Reason.RONA,
    "AGENT_LOGOUT": Reason.CONNECTION_LOST,
    "FORCE_CLOSED": Reason.SUPERVISOR,
    "LIFETIME_EXCEEDED": Reason.SUPERVISOR,
}
"""Codes that no agent of ours brought about: his part is over because they say so. The others echo what he did."""
AGAIN: Final = "again"
"""Deadline of an e-mail that no agent could be had for."""
ASKED_AGAIN_AFTER: Final = 30.0
"""Seconds: what was in the way may be so still."""
_OFFERED: Final = frozenset({"QUEUED", "RESERVED"})

Hear = Callable[[Turn, Mapping[str, Any]], Awaitable[None]]


class Tasks:
    """Hears it."""

    def __init__(self, settings: Settings, interactions: Interactions, sessions: Sessions) -> None:
        self._settings = settings
        self._interactions = interactions
        self._sessions = sessions
        self._hear: Mapping[str, Hear] = {
            "AgentState": self._agent_state,
            "TaskState": self._task_state,
            "TaskAgentSelected": self._agent_selected,
            "TaskAgentTransferred": self._transferred,
            "TaskConferenced": self._conferenced,
            "Error": self._error,
        }

    async def heard(self, turn: Turn, message_type: str, body: Mapping[str, Any]) -> None:
        """What follows from one notice or error."""
        await self._hear[message_type](turn, body)

    # Agents

    async def _agent_state(self, turn: Turn, body: Mapping[str, Any]) -> None:
        if "State" in body and "MRD" in body:
            at = moment.read(body["StateChangeTime"]) if "StateChangeTime" in body else turn.now
            await self._sessions.corrected(
                turn, body["AgentId"], body["MRD"], body["State"], body.get("ReasonCode", ""), at
            )

    # Tasks

    async def _task_state(self, turn: Turn, body: Mapping[str, Any]) -> None:
        interaction = await self._meant(turn, body)
        if interaction is None:
            return
        task, agent, state, code = body["TaskId"], body["AgentId"], body["State"], body.get("Code", "")
        if not interaction.task and state != "CLOSED" and task != interaction.given_up:
            if interaction.is_closed or not interaction.is_routed:
                await self._give_back(turn, interaction, task, agent, state)
                return
            learned = engine.tasked(interaction, task)
            await self._interactions.keep(turn, interaction, Outcome(interaction=learned))
            interaction = learned
        if interaction.task != task:
            return  # of a task that was given up for another one
        if code == RONA and self._settings.rona_not_ready:
            # What is said of the interaction comes first (AG-127), so the state follows below.
            await self._revoke(turn, interaction, agent, Reason.RONA)
            await self._sessions.corrected(turn, agent, interaction.channel.value, "NOT_READY", RONA, turn.now)
        elif state == "CLOSED" and not body.get("Owner"):
            await self._closed(turn, interaction, code)
        elif code in TAKEN_BACK:
            await self._revoke(turn, interaction, agent, TAKEN_BACK[code])

    async def _closed(self, turn: Turn, interaction: Interaction, code: str) -> None:
        """The engine is through with it, and it was not an agent who was."""
        if code == "NO_AGENT_AVAILABLE" and interaction.channel is Channel.EMAIL:
            await self._ask_later(turn, interaction)
        elif code == "NO_AGENT_AVAILABLE" or code in TAKEN_BACK:
            reason = TAKEN_BACK.get(code, Reason.DONE)
            await self._interactions.keep(turn, interaction, engine.ended(interaction, reason, turn.now))

    async def _ask_later(self, turn: Turn, interaction: Interaction) -> None:
        """Nobody waits at the other end of an e-mail, and none is lost: anybody is asked for again after a while."""
        owner = interaction.owner
        outcome = Outcome(interaction=interaction)
        if owner is not None:
            outcome = engine.revoked(interaction, owner.agent, Reason.REQUEUED, turn.now)
        waiting = engine.tasked(outcome.interaction, "")
        await self._interactions.keep(turn, interaction, replace(outcome, interaction=waiting))
        turn.deadlines[f"{AGAIN}:{interaction.id}"] = turn.now + ASKED_AGAIN_AFTER

    async def ask_again(self, turn: Turn, id: str) -> None:
        """The while is over."""
        waiting = await self._interactions.find(turn, id)
        if waiting is not None and waiting.is_routed and not waiting.task and waiting.owner is None:
            is_known = waiting.queue in self._settings.queues
            queue = waiting.queue if is_known else self._settings.default_queue(waiting.channel.value)
            await self._interactions.keep(turn, waiting, engine.requeued(waiting, queue))

    async def _revoke(self, turn: Turn, interaction: Interaction, agent: str, reason: Reason) -> None:
        await self._interactions.keep(turn, interaction, engine.revoked(interaction, agent, reason, turn.now))

    async def _give_back(self, turn: Turn, interaction: Interaction, task: str, agent: str, state: str) -> None:
        """It was over before the engine had told its task's id, which it needs to hear of it."""
        is_offer = state in _OFFERED
        answer = ChangeTask(agent="" if is_offer else agent, state="CLOSED", code="CANCELLED" if is_offer else "DONE")
        await self._answer(turn, engine.tasked(interaction, task), answer)

    async def _agent_selected(self, turn: Turn, body: Mapping[str, Any]) -> None:
        interaction = await self._meant(turn, body)
        if interaction is None or not body["AgentId"] or body["Status"] not in ("RESERVED", "ACTIVE"):
            return  # that there is no agent is told as a state
        if interaction.task != body["TaskId"]:
            return
        agent = await turn.agent(body["AgentId"])
        turn.put_agent(agent)  # NotReady at the same time is before this, or after it: never both (AG-37)
        leg = interaction.leg(agent.user)
        if body["Status"] == "ACTIVE":
            is_his = interaction.is_closed or (leg is not None and leg.is_held)  # else he gave away what he pulled
        else:
            is_his = agent.can_be_offered(interaction.channel.value)
        if not is_his:
            back = ChangeTask(agent=agent.user, state="QUEUED", code="REQUEUED")
            await self._answer(turn, interaction, back)
            return
        routing = self._routing(interaction, agent)
        outcome = engine.invited(interaction, agent.user, turn.now, routing, until=self._until(turn, interaction))
        await self._interactions.keep(turn, interaction, outcome)

    async def _transferred(self, turn: Turn, body: Mapping[str, Any]) -> None:
        interaction = await self._meant(turn, body)
        if interaction is None or interaction.task != body["TaskId"]:
            return
        agent = await turn.agent(body["AgentId"])
        turn.put_agent(agent)
        routing = self._routing(interaction, agent)
        outcome = engine.transferred(
            interaction,
            body["PreviousAgentId"],
            agent.user,
            turn.now,
            routing,
            until=self._until(turn, interaction),
        )
        leg = outcome.interaction.leg(agent.user)
        if leg is not None and not leg.is_held and not agent.can_be_offered(interaction.channel.value):
            undone = engine.revoked(outcome.interaction, agent.user, Reason.REQUEUED, turn.now)
            back: tuple[Effect, ...] = (ChangeTask(agent=agent.user, state="QUEUED", code="REQUEUED"),)
            outcome = Outcome(interaction=undone.interaction, effects=(*outcome.effects, *undone.effects, *back))
        asked = await self._interactions.asked_for_transfer(turn, interaction, body["PreviousAgentId"])
        await self._interactions.keep(turn, interaction, outcome, asked=asked)

    async def _conferenced(self, turn: Turn, body: Mapping[str, Any]) -> None:
        """His desk has been ringing since he was asked; if he was faster than the booking, that is said again."""
        interaction = await self._meant(turn, body)
        leg = interaction.leg(body["ParticipantAgentId"]) if interaction is not None else None
        if interaction is None or interaction.task != body["TaskId"]:
            return
        if leg is None or not leg.is_live:
            gone = ChangeTask(agent=body["ParticipantAgentId"], state="CLOSED", code="CANCELLED")
            await self._answer(turn, interaction, gone)
        elif leg.is_held:
            await self._answer(turn, interaction, ChangeTask(agent=leg.agent, state="ACTIVE", code="ACCEPTED"))

    async def _answer(self, turn: Turn, interaction: Interaction, answer: ChangeTask) -> None:
        await self._interactions.keep(turn, interaction, Outcome(interaction=interaction, effects=(answer,)))

    async def _meant(self, turn: Turn, body: Mapping[str, Any]) -> Interaction | None:
        if "ClientUniqueId" in body:
            return await self._interactions.find(turn, body["ClientUniqueId"])
        return await self._interactions.of_task(turn, body["TaskId"])

    def _until(self, turn: Turn, interaction: Interaction) -> float:
        """When an invitation ends; it began when the communication server set its timer, not when that was heard."""
        return turn.said_at + self._settings.rules.accept_timeout(interaction.channel, interaction.queue)

    def _routing(self, interaction: Interaction, agent: Agent) -> Routing | None:
        """AG-53."""
        queue = self._settings.queues.get(interaction.queue)
        if not self._settings.routing_keys or queue is None:
            return None
        return Routing(
            agent=agent.user,
            place=agent.place or agent.user,
            target=queue.target,
            strategy=queue.strategy or queue.name,
            strategy_id=queue.strategy_id,
        )

    # Refusals

    async def _error(self, turn: Turn, body: Mapping[str, Any]) -> None:
        """What was taken from an agent and could not be done: he hears of it (AG-144)."""
        log.info(
            "the communication server refused a message",
            extra={"type": body["Type"], "code": body["Code"], "reason": body["Reason"]},
        )
        interaction = await self._refused_one(turn, body)
        if interaction is None:
            if body["Type"] in ("Connect", "Login", "AgentState") and body.get("AgentId"):
                told = notices.error(body["Type"], _status(body), body["Reason"], "", None)
                turn.announce(body["AgentId"], AGENT, told, of=f"error:{body['RequestId']}")
        elif body["Type"] in ("Transfer", "Conference"):
            await self._refused(turn, interaction, body)
        elif body["Type"] == "Task" and (interaction.channel is Channel.EMAIL or body["Code"] == Code.MISSING_FIELD):
            # Its queue is full, for example; or an agent asked for a skill that there cannot be.
            await self._ask_later(turn, interaction)
        elif body["Type"] == "Task" and not interaction.task:
            # One that the engine refused is closed, and ends by that; of this one nothing else is told.
            await self._interactions.keep(turn, interaction, engine.ended(interaction, Reason.DONE, turn.now))

    async def _refused_one(self, turn: Turn, body: Mapping[str, Any]) -> Interaction | None:
        """What the refused message was about; where no task was made of it, what waits for one."""
        if body.get("TaskId"):
            return await self._interactions.of_task(turn, body["TaskId"])
        if body["Type"] != "Task" or not body.get("ClientUniqueId"):
            return None
        waiting = await self._interactions.find(turn, body["ClientUniqueId"])
        return waiting if waiting is not None and waiting.is_routed and not waiting.task else None

    async def _refused(self, turn: Turn, interaction: Interaction, body: Mapping[str, Any]) -> None:
        """The owner keeps it; who was asked into a conference is not any more (MRE-86)."""
        colleague = interaction.leg(body.get("AgentId", ""))
        role = colleague.role if colleague is not None else Role.PARTICIPANT
        owner = interaction.owner
        if body["Type"] == "Conference":
            operation = "InitiateConsultation" if role is Role.CONSULTANT else "InviteUser"
            # Who has come by now goes again: the engine does not count it among his, unless he was in it before.
            if colleague is not None and role is not Role.OWNER and body["Code"] != Code.ALREADY_IN_TASK:
                await self._revoke(turn, interaction, colleague.agent, Reason.REJECTED)
        else:
            operation = "CompleteTransfer" if role is Role.CONSULTANT else "Transfer"
        if owner is not None:
            asked = asked_by(owner.agent, body["RequestId"])
            for channel in (INTERACTIONS, TYPED_CHANNELS[interaction.channel]):
                reference = asked.number_on(channel) if asked is not None else None
                told = notices.error(operation, _status(body), body["Reason"], interaction.id, reference)
                turn.announce(owner.agent, channel, told, of=f"error:{body['RequestId']}")


def _status(body: Mapping[str, Any]) -> int:
    return STATUS_CODES[Code(body["Code"])]
