"""Colleagues in a chat: asked for advice behind the customer's back, invited to join, sent away; and the end of it all.

Source: AG-69, AG-85, AG-86, MRE-72, MRE-84…87.
"""

from __future__ import annotations

from dataclasses import replace

from channels.chat.notices import PartyKind, Visibility
from channels.chat.transcript import Party
from channels.interaction.effects import AskConference, AskTransfer, ChangeTask, Outcome
from channels.interaction.endings import end_conference, end_leg, end_session
from channels.interaction.model import Interaction, Leg, Role
from channels.interaction.reasons import Reason
from channels.interaction.refusal import EXISTS, NOT_FOUND, NOT_PERMITTED, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import AGENT_PARAMETERS, Request
from channels.interaction.states import State, Trigger
from channels.interaction.taking import tell_owner


def initiate_consultation(request: Request) -> Outcome:
    """Ask a colleague; what he says and that he is there, agents see alone."""
    return _invite(request, Role.CONSULTANT)


def invite_user(request: Request) -> Outcome:
    """Ask a colleague into the chat; agents are told by a notice."""
    return _invite(request, Role.PARTICIPANT)


def complete_transfer(request: Request) -> Outcome:
    """The consulting colleague shall have it, once the engine has agreed (``engine.transferred``)."""
    request.demand_owner()
    consultants = _consultants(request)
    return Outcome(
        interaction=request.interaction,
        effects=(AskTransfer(owner=request.agent, recipient=consultants[0].agent),),
    )


def complete_conference(request: Request) -> Outcome:
    """The consulting colleagues become visible to the customer."""
    request.demand_owner()
    interaction = request.interaction
    for leg in _consultants(request):
        interaction = shown_to_all(interaction.with_leg(replace(leg, role=Role.PARTICIPANT)), leg.agent, request.now)
    return Outcome(interaction=interaction)


def remove_participant(request: Request) -> Outcome:
    """A colleague leaves because somebody whom the customer sees wants it."""
    if request.leg.role is Role.CONSULTANT:
        raise OperationRefused(NOT_PERMITTED, "Who consults may remove nobody")
    leg = request.interaction.leg(request.colleague())
    if leg is None or not leg.is_live:
        raise OperationRefused(NOT_FOUND, "That agent is not in the chat")
    if leg.role is Role.OWNER:
        raise OperationRefused(OUT_OF_RANGE, "The owner can only leave")
    invited = leg.state is State.INVITED
    trigger = Trigger.REVOKE if invited else Trigger.COMPLETE
    return Outcome(
        interaction=end_leg(request.interaction, leg, trigger, Reason.DONE, request.now),
        effects=(ChangeTask(agent=leg.agent, state="CLOSED", code="CANCELLED" if invited else "DONE"),),
    )


def leave(request: Request) -> Outcome:
    """In a conference the agent goes, and if it was his it is the next one's; alone he ends the customer's session."""
    interaction, leg, now = request.interaction, request.leg, request.now
    if leg.role is not Role.OWNER:
        return Outcome(
            interaction=end_leg(interaction, leg, Trigger.COMPLETE, Reason.DONE, now),
            effects=(ChangeTask(agent=leg.agent, state="CLOSED", code="DONE"),),
        )
    heir = successor(interaction)
    if heir is None:
        return end_chat(request)
    # The engine makes the longest participant owner: whom the customer does not see must not be among them.
    interaction, effects = end_conference(interaction, Reason.DONE, now, roles=(Role.CONSULTANT,))
    interaction = end_leg(interaction, leg, Trigger.COMPLETE, Reason.DONE, now)
    return Outcome(
        interaction=interaction.with_leg(replace(heir, role=Role.OWNER)),
        effects=(*effects, ChangeTask(agent=leg.agent, state="CLOSED", code="LEAVE")),
    )


def end_chat(request: Request) -> Outcome:
    """The customer's session ends; the owner has his after-chat work."""
    request.demand_owner()
    interaction, effects = end_session(request.interaction, Reason.DONE, request.now, agent=request.agent)
    return Outcome(interaction=interaction, effects=effects)


def successor(interaction: Interaction) -> Leg | None:
    """Whose the chat becomes when its owner leaves: of those whom the customer sees, who was there longest."""
    return next((leg for leg in interaction.legs if leg.role is Role.PARTICIPANT and leg.is_held), None)


def shown_to_all(interaction: Interaction, agent: str, now: float) -> Interaction:
    """The customer sees that this agent is there, if he did not before: a PARTY_JOINED under the same id."""
    transcript = interaction.transcript
    party = transcript.party_of_agent(agent) if transcript else None
    if transcript is None or party is None or party.visibility is Visibility.ALL:
        return interaction
    return replace(interaction, transcript=transcript.joined(_visible(party), now))


def _visible(party: Party) -> Party:
    return Party(id=party.id, kind=PartyKind.AGENT, nickname=party.nickname, agent=party.agent)


def _invite(request: Request, role: Role) -> Outcome:
    request.demand_owner()
    agent = request.colleague()
    known = request.interaction.leg(agent)
    if known is not None and known.is_live:
        raise OperationRefused(EXISTS, "That agent is in the chat, or invited, already")
    within = request.rules.accept_timeout(request.interaction.channel, request.interaction.queue)
    offer = Leg(agent=agent, state=State.INVITED, role=role, until=request.now + within)
    interaction = request.interaction.with_last_leg(offer)
    if role is Role.PARTICIPANT:
        interaction = tell_owner(interaction, agent, "was invited", request.now)
    return Outcome(
        interaction=interaction,
        effects=(AskConference(owner=request.agent, participant=agent),),
    )


def _consultants(request: Request) -> list[Leg]:
    """Those who consult, or the one who is named. Refused: 6 where there is none."""
    legs = [leg for leg in request.interaction.legs if leg.role is Role.CONSULTANT and leg.is_held]
    if any(request.text(name) for name in AGENT_PARAMETERS):
        wanted = request.colleague()
        legs = [leg for leg in legs if leg.agent == wanted]
    if not legs:
        raise OperationRefused(NOT_FOUND, "There is no consultation")
    return legs
