"""Agents come, say what they want, and go.

Source: MRE-40, MRE-42, MRE-43, MRE-63, MRE-64, MRE-66, MRE-124, MRE-127.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from gateway.routing.agent_state import AgentState
from gateway.routing.communication import deadlines, tasks
from gateway.routing.communication.draft import Draft
from gateway.routing.communication.records import AgentRecord, Presence
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import ACCEPTED, Disposition, TaskState

Authenticate: TypeAlias = Callable[[str, str], bool]
"""Whether an agent's name and password belong together; answers at once (MRE-41)."""


def connect(draft: Draft, body: Mapping[str, Any], authenticate: Authenticate) -> None:
    """Row 1: remember where the agent is told; nothing of his states changes, but that he is known again."""
    agent_id, destination, extension = body["AgentId"], body["Destination"], body["Extension"]
    _authenticated(draft, body, authenticate)
    agent = draft.agents.get(agent_id)
    if agent is None:
        draft.agents.put(agent_id, AgentRecord(agent_id, extension, destination, True, {}))
        return
    connected = replace(agent, extension=extension, destination=destination, known=True)
    if connected == agent:
        return
    draft.agents.put(agent_id, connected)
    if not agent.known:
        draft.deadlines[deadlines.lost(agent_id)] = None
        for mrd in agent.mrds:
            draft.settle(agent_id, mrd)


def login(draft: Draft, body: Mapping[str, Any], authenticate: Authenticate) -> None:
    """Row 2: sign in on one MRD; LOGIN passes to NOT_READY by itself, and both are told."""
    agent_id, mrd = body["AgentId"], body["Mrd"]
    _authenticated(draft, body, authenticate)
    agent = draft.agents.get(agent_id)
    if agent is None:
        raise Refused(Code.NOT_CONNECTED, f"{agent_id} has to connect first")
    if not draft.plan.most_tasks(agent_id, mrd):
        raise Refused(Code.UNKNOWN_MRD, f"{agent_id} has no MRD {mrd}")
    if draft.presence(agent_id, mrd) is not None:
        return
    before = agent.mrds.get(mrd, Presence(AgentState.LOGOUT, False, "", 0.0, 0))
    draft.agents.put(agent_id, agent.with_presence(mrd, replace(before, wants_ready=False, reason="")))
    draft.become(agent_id, mrd, AgentState.LOGIN)
    draft.settle(agent_id, mrd)


def command(draft: Draft, body: Mapping[str, Any]) -> None:
    """Row 3: what the agent wants of this MRD."""
    agent_id, mrd, reason = body["AgentId"], body["Mrd"], body.get("ReasonCode", "")
    if draft.plan.agent(agent_id) is None:
        raise Refused(Code.UNKNOWN_AGENT, f"there is no agent {agent_id}")
    presence, wanted = draft.presence(agent_id, mrd), AgentState(body["State"])
    if presence is None:
        if wanted is AgentState.LOGOUT:
            return
        raise Refused(Code.NOT_LOGGED_IN, f"{agent_id} is not signed in on {mrd}")
    if wanted is AgentState.READY:
        if not presence.wants_ready:
            draft.want(agent_id, mrd, ready=True)
            draft.settle(agent_id, mrd)
    elif wanted is AgentState.NOT_READY:
        rest(draft, agent_id, mrd, reason)
    else:
        sign_out(draft, agent_id, mrd, reason)


def rest(draft: Draft, agent_id: str, mrd: str, reason: str) -> None:
    """He wants no tasks; another reason than before is told, too, unless tasks hold him still (MRE-66)."""
    presence = draft.presence(agent_id, mrd)
    if presence is None or (not presence.wants_ready and presence.reason == reason):
        return
    draft.want(agent_id, mrd, ready=False, reason=reason)
    if presence.state is AgentState.NOT_READY:
        draft.become(agent_id, mrd, AgentState.NOT_READY)
    else:
        draft.settle(agent_id, mrd)


def sign_out(draft: Draft, agent_id: str, mrd: str, reason: str) -> None:
    """First no more tasks, then none of those he has, then out; each is told (MRE-62)."""
    rest(draft, agent_id, mrd, reason)
    for task, leg in list(draft.legs_in(agent_id, mrd)):
        closes = leg.state is TaskState.WRAP_UP or (leg.state in ACCEPTED and draft.plan.logout_closes)
        if leg.is_owner and closes:
            tasks.close(draft, task, Disposition.AGENT_LOGOUT)
        else:
            tasks.leave(draft, task, leg, Disposition.AGENT_LOGOUT)
    draft.become(agent_id, mrd, AgentState.LOGOUT)


def lose_sight(draft: Draft, body: Mapping[str, Any]) -> None:
    """A chat server came back from a failure: it has to meet its agents again."""
    for agent in list(draft.state.agents.values()):
        if agent.destination != body["Destination"] or not agent.known:
            continue
        if not any(presence.is_signed_in for presence in agent.mrds.values()):
            continue
        draft.agents.put(agent.id, replace(agent, known=False))
        draft.deadlines[deadlines.lost(agent.id)] = draft.now + draft.plan.lost_after
        for mrd in agent.mrds:
            draft.settle(agent.id, mrd)


def give_up(draft: Draft, agent_id: str) -> None:
    """He has not come back."""
    agent = draft.agents.get(agent_id)
    if agent is None or agent.known:
        return
    for mrd, presence in agent.mrds.items():
        if presence.is_signed_in:
            sign_out(draft, agent_id, mrd, "CONNECTION_LOST")


def _authenticated(draft: Draft, body: Mapping[str, Any], authenticate: Authenticate) -> None:
    agent_id = body["AgentId"]
    if draft.plan.agent(agent_id) is None or not authenticate(agent_id, body["Password"]):
        # The same for both, so that nobody learns which agents there are.
        raise Refused(Code.AUTH_FAILED, f"{agent_id} and the password do not belong together")
