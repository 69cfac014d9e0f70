"""Offers that no agent took."""

from __future__ import annotations

import pytest

from channels.interaction import customer, offers
from channels.interaction.effects import ChangeTask
from channels.interaction.model import Interaction
from channels.interaction.progress import progress
from channels.interaction.reasons import Reason
from tests.channels.story import Story

pytestmark = pytest.mark.spec("SM-40")


def missed(story: Story) -> int:
    """Of a story told from its end: who had it last, had it."""
    return story.interaction.missed


def counting(story: Story, *steps: str) -> Story:
    """Each step is ``agent word``; what is stored is counted as it is stored."""
    for step in steps:
        before = story.interaction
        agent, word = step.split()
        if word == "offered":
            story.invites(agent)
        elif word == "gone":
            story.revokes(agent)
        else:
            story.asks(agent, word.title())
        story.interaction = offers.counted(before, story.interaction)
    return story


def test_offers_that_nobody_took_are_counted() -> None:
    story = counting(Story.chat(), "ann offered", "ann reject", "ann offered", "ann gone", "bob offered", "bob accept")
    assert missed(story) == 2
    assert Interaction.from_document(story.interaction.to_document()).missed == 2


def test_whoever_is_asked_is_asked_no_more() -> None:
    story = counting(Story.chat(), "ann offered")
    outcome = offers.withdraw(story.interaction, 1)
    assert outcome.effects == (ChangeTask(agent="ann", state="QUEUED", code="REQUEUED"),)
    leg = outcome.interaction.leg("ann")
    assert leg is not None and leg.reason is Reason.REQUEUED and not leg.is_live
    assert outcome.interaction.has_customer
    assert progress(story.interaction, outcome.interaction) == []


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        ((), 1),
        (("ann offered", "ann accept"), 1),
        (("ann offered", "ann reject"), 1),
        (("ann offered", "ann reject", "bob offered"), 1),
        (("ann offered", "ann gone", "ann offered"), 1),
    ],
)
def test_nothing_is_taken_back_that_was_not_meant(steps: tuple[str, ...], wanted: int) -> None:
    """Nobody is asked, one has taken it, or the one who did not was another."""
    story = counting(Story.chat(), *steps)
    outcome = offers.withdraw(story.interaction, wanted)
    assert (outcome.interaction, outcome.effects) == (story.interaction, ())


def test_taken_back_twice_is_taken_back_once() -> None:
    """The engine has asked another one by then."""
    story = counting(Story.chat(), "ann offered")
    story.interaction = offers.withdraw(story.interaction, 1).interaction
    counting(story, "bob offered")
    assert offers.withdraw(story.interaction, 1).effects == ()
    assert offers.withdraw(story.interaction, 2).effects != ()


@pytest.mark.spec("CB-12")
def test_chat_that_nobody_waits_for_ends_unless_an_agent_was_there() -> None:
    story = Story.chat().invites("ann")
    given_up = customer.give_up(story.interaction, story.now)
    assert given_up.interaction.is_closed
    assert given_up.effects == (ChangeTask(agent="ann", state="CLOSED", code="CANCELLED"),)
    story.asks("ann", "Accept")
    for _ in ("he talks", "he has given it away"):
        outcome = customer.give_up(story.interaction, story.now)
        assert (outcome.interaction, outcome.effects) == (story.interaction, ())
        story.transfers("ann", "bob")


def test_mail_is_given_up_by_nobody() -> None:
    story = Story.email().invites("ann")
    assert customer.give_up(story.interaction, story.now).interaction == story.interaction
