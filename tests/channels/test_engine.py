"""What routing does to an interaction, also late and twice."""

from __future__ import annotations

import pytest

from channels.interaction import engine
from channels.interaction.effects import ChangeTask, EndReply, RemoveFromWorkbin, StartTask
from channels.interaction.model import MAX_ENDED_LEGS, Interaction, Leg
from channels.interaction.reasons import Reason
from channels.interaction.states import State
from tests.channels.story import Story


def test_agents_are_those_whose_part_is_not_over() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("ann", "InviteUser", agentId="eve")
    assert story.asks("bob", "Reject").interaction.agents == ("ann", "eve")


def test_invited_twice_is_invited_once() -> None:
    story = Story.chat().invites("ann").forgets().invites("ann")
    assert (story.told, story.effects) == ([], ())


@pytest.mark.spec("AG-66")
def test_invitation_that_went_to_another_agent_is_taken_from_the_first() -> None:
    story = Story.chat().invites("ann").invites("bob")
    assert (story.state("ann"), story.state("bob")) == ("Revoked", "Invited")
    assert story.leg("ann").reason is Reason.TAKEN_ELSEWHERE


@pytest.mark.spec("AG-66")
def test_what_somebody_has_is_offered_to_nobody_else() -> None:
    story = Story.chat().has("ann").forgets().invites("bob")
    assert story.told == []
    assert story.effects == (ChangeTask(agent="bob", state="QUEUED", code="REJECTED"),)


def test_what_is_over_is_offered_to_nobody() -> None:
    story = Story.chat().leaves().invites("ann")
    assert story.effects == (ChangeTask(agent="ann", state="CLOSED", code="CANCELLED"),)
    assert story.interaction.legs == ()


@pytest.mark.spec("AG-67")
def test_same_interaction_comes_back_under_its_id() -> None:
    story = Story.chat().has("ann").asks("ann", "PlaceInQueue", queueName="Support").has("ann")
    assert [told["state"] for told in story.heard("ann")] == ["Invited", "Accepted", "Placed", "Invited", "Accepted"]
    assert story.last("ann")["chat_notifications"][0]["EventId"] == 1


@pytest.mark.spec("AG-65")
@pytest.mark.parametrize("reason", [Reason.RONA, Reason.LOGOUT, Reason.CONNECTION_LOST, Reason.SUPERVISOR])
def test_taken_away_it_says_why(reason: Reason) -> None:
    story = Story.chat().has("ann").revokes("ann", reason)
    assert (story.state("ann"), story.told[-1].reason) == ("Revoked", reason)
    assert story.customer_sees()[-1] == "PARTY_LEFT"
    assert story.interaction.has_customer
    assert story.effects == ()


def test_taken_away_twice_is_taken_once() -> None:
    story = Story.chat().invites("ann").revokes("ann").forgets().revokes("ann").revokes("bob")
    assert story.told == []


def test_colleagues_go_with_an_owner_who_is_lost() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept")
    story.revokes("ann", Reason.CONNECTION_LOST)
    assert story.state("bob") == "Completed"
    assert story.effects == (ChangeTask(agent="bob", state="CLOSED", code="DONE"),)


@pytest.mark.spec("AG-76")
def test_target_who_does_not_take_a_transfer_leaves_it_to_the_queue() -> None:
    story = Story.chat().has("ann").transfers("ann", "bob").asks("bob", "Reject")
    assert story.effects == (ChangeTask(agent="bob", state="QUEUED", code="REJECTED"),)
    assert story.has("eve").state("eve") == "Accepted"


def test_participants_stay_when_the_chat_is_transferred() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").asks("bob", "Accept")
    story.transfers("ann", "eve")
    assert [story.state(agent) for agent in ("ann", "bob", "eve")] == ["Transferred", "Accepted", "Invited"]


def test_taken_from_a_workbin_it_is_in_there_no_more() -> None:
    story = Story.email().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts").revokes("ann", Reason.SUPERVISOR)
    assert story.effects == (RemoveFromWorkbin(agent="ann", workbin="Drafts"),)


def test_what_does_not_lie_in_a_workbin_is_not_pulled() -> None:
    story = Story.email().has("ann").forgets().pulls("ann").pulls("bob")
    assert (story.told, story.effects) == ([], ())


def test_closed_by_force_it_is_over_for_all() -> None:
    story = Story.chat().has("ann").asks("ann", "InviteUser", agentId="bob").ends()
    assert (story.state("ann"), story.state("bob"), story.interaction.is_closed) == ("Revoked", "Revoked", True)
    assert story.forgets().ends().told == []


def test_closed_by_force_it_lies_in_no_workbin() -> None:
    story = Story.email().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts").ends()
    assert story.effects == (RemoveFromWorkbin(agent="ann", workbin="Drafts"),)


def test_draft_closed_by_force_is_an_open_reply_no_more() -> None:
    inbound = Story.email().has("ann").asks("ann", "Reply")
    draft = inbound.continues_with(inbound.created[0]).ends()
    assert draft.effects == (EndReply(parent=inbound.interaction.id, reply=draft.interaction.id),)


def test_draft_of_who_signed_out_is_routed_anew() -> None:
    inbound = Story.email().has("ann").asks("ann", "Reply")
    draft = inbound.continues_with(inbound.created[0]).revokes("ann", Reason.LOGOUT)
    outcome = engine.requeued(draft.interaction, "Support")
    assert outcome.effects == (StartTask(queue="Support"),)
    assert outcome.interaction.is_routed


def test_task_is_known_by_the_name_that_the_engine_gave_it() -> None:
    story = Story.chat()
    story.interaction = engine.tasked(story.interaction, "T1")
    assert story.has("ann").interaction.task == "T1"
    assert story.asks("ann", "PlaceInQueue", queueName="Sales").interaction.task == ""


def test_agents_of_long_ago_are_forgotten() -> None:
    ended = tuple(Leg(agent=f"agent{number}", state=State.REJECTED) for number in range(MAX_ENDED_LEGS + 5))
    story = Story.chat().has("ann")
    kept = Interaction.from_document(
        {**story.interaction.to_document(), "legs": [{"agent": leg.agent, "state": leg.state.value} for leg in ended]}
    )
    assert [leg.agent for leg in kept.legs] == [leg.agent for leg in ended[5:]]
