"""Taking what one is invited to, or not.

Source: AG-66, AG-71, AG-72, AG-91, MRE-85.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from channels.chat.notices import NoticeKind, PartyKind, Visibility
from channels.chat.transcript import Party, TranscriptFull
from channels.interaction.effects import ChangeTask, Outcome
from channels.interaction.model import Interaction, Role
from channels.interaction.reasons import Reason
from channels.interaction.request import Request
from channels.interaction.states import Trigger


def accept(request: Request) -> Outcome:
    """The agent has it; in a chat he joins, under the name that the customer shall see."""
    if request.leg.is_held:
        return Outcome(interaction=request.interaction)  # AG-71: asked twice is asked once
    interaction = request.interaction
    trigger = Trigger.COMPOSE if interaction.is_draft else Trigger.ACCEPT
    taken = interaction.with_last_leg(request.leg.moved(trigger))
    nickname = request.text("nickname") or request.rules.nickname(request.agent)
    return Outcome(
        interaction=enter_chat(taken, request.agent, nickname, request.now, request.new_id),
        effects=(ChangeTask(agent=request.agent, state="ACTIVE", code="ACCEPTED"),),
    )


def enter_chat(
    interaction: Interaction, agent: str, nickname: str, now: float, new_id: Callable[[], str]
) -> Interaction:
    """The agent joins the chat, if it goes on; who only consults is not seen by the customer."""
    transcript, leg = interaction.transcript, interaction.leg(agent)
    if transcript is None or not transcript.is_open or leg is None:
        return interaction
    known = transcript.party_of_agent(agent)
    party = Party(
        id=known.id if known else new_id(),
        kind=PartyKind.AGENT,
        nickname=nickname,
        agent=agent,
        visibility=Visibility.AGENTS if leg.role is Role.CONSULTANT else Visibility.ALL,
    )
    return replace(interaction, transcript=transcript.joined(party, now))


def reject(request: Request) -> Outcome:
    """The agent does not want it; who asked him into a conference is told."""
    left = request.interaction.with_leg(request.leg.moved(Trigger.REJECT, Reason.REJECTED))
    return Outcome(
        interaction=tell_owner(left, request.agent, "declined", request.now),
        effects=(ChangeTask(agent=request.agent, state="QUEUED", code="REJECTED"),),
    )


def tell_owner(interaction: Interaction, colleague: str, what: str, now: float) -> Interaction:
    """A notice for agents, from the owner's own party, of what became of a colleague whom he had asked in."""
    leg, owner, transcript = interaction.leg(colleague), interaction.owner, interaction.transcript
    if transcript is None or owner is None or leg is None or leg.role is Role.OWNER:
        return interaction
    party = transcript.party_of_agent(owner.agent)
    if party is None:
        return interaction
    try:
        told, _ = transcript.noticed(
            party, NoticeKind.CUSTOM, now, text=f"{colleague} {what}", visibility=Visibility.AGENTS
        )
    except TranscriptFull:  # the state says it too
        return interaction
    return replace(interaction, transcript=told)
