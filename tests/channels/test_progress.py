"""What the customer's side learns from each change of an interaction."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.interaction.model import Interaction
from channels.interaction.progress import Progress, progress
from channels.interaction.reasons import Reason
from channels.interaction.refusal import OperationRefused
from tests.channels.story import AGENTS, Story

Step = Callable[[Story], object]


def told(story: Story, *steps: Step) -> list[str]:
    """The news of these steps, one after the other."""
    news: list[str] = []
    for step in steps:
        before = story.interaction
        step(story)
        news += progress(before, story.interaction)
    return news


def offered(agent: str = "ann") -> Step:
    return lambda story: story.invites(agent)


def does(agent: str, operation: str, **parameters: str) -> Step:
    return lambda story: story.asks(agent, operation, **parameters)


def accepts(agent: str = "ann") -> Step:
    return does(agent, "Accept")


def rejects(agent: str = "ann") -> Step:
    return does(agent, "Reject")


def given_to(owner: str, recipient: str) -> Step:
    return lambda story: story.transfers(owner, recipient)


def taken(agent: str, reason: Reason) -> Step:
    return lambda story: story.revokes(agent, reason)


LEAVES: Step = lambda story: story.leaves()  # noqa: E731 - steps stand in a table
SAYS: Step = lambda story: story.says("Hello")  # noqa: E731
ENDS: Step = lambda story: story.ends()  # noqa: E731


@pytest.mark.spec("SM-40")
@pytest.mark.parametrize(
    ("steps", "news"),
    [
        pytest.param([], [], id="waits"),
        pytest.param([SAYS], [], id="speaks while waiting"),
        pytest.param([offered()], ["reserved"], id="offered"),
        pytest.param([offered(), offered()], ["reserved"], id="offered twice"),
        pytest.param([offered(), accepts()], ["reserved", "connected"], id="accepted"),
        pytest.param([offered(), rejects()], ["reserved", "rejected"], id="rejected"),
        pytest.param([offered(), taken("ann", Reason.RONA)], ["reserved", "rejected"], id="rang out"),
        pytest.param([offered(), taken("ann", Reason.LOGOUT)], ["reserved", "rejected"], id="signed out"),
        pytest.param(
            [offered(), rejects(), offered(), accepts()],
            ["reserved", "rejected", "reserved", "connected"],
            id="the same agent again",
        ),
        pytest.param([offered(), offered("bob")], ["reserved", "rejected", "reserved"], id="offered elsewhere"),
        pytest.param([offered(), accepts(), SAYS], ["reserved", "connected"], id="talk is no news"),
    ],
)
def test_offer_is_news_until_an_agent_has_it(steps: list[Step], news: list[str]) -> None:
    assert told(Story.chat(), *steps) == news


@pytest.mark.spec("SM-42")
@pytest.mark.parametrize(
    ("steps", "news"),
    [
        pytest.param([LEAVES], ["ended"], id="while waiting"),
        pytest.param([LEAVES, LEAVES], ["ended"], id="twice"),
        pytest.param([offered(), LEAVES], ["reserved", "ended"], id="while an agent is asked"),
        pytest.param([offered(), accepts(), LEAVES], ["reserved", "connected", "ended"], id="while talking"),
        pytest.param(
            [offered(), accepts(), does("ann", "EndChatSession")], ["reserved", "connected", "ended"], id="agent"
        ),
        pytest.param(
            [offered(), accepts(), does("ann", "StopProcessing")], ["reserved", "connected", "ended"], id="stop"
        ),
        pytest.param([ENDS], ["ended"], id="no agent could be had"),
        pytest.param(
            [offered(), accepts(), LEAVES, does("ann", "StopProcessing")],
            ["reserved", "connected", "ended"],
            id="after-chat work is no news",
        ),
    ],
)
def test_end_is_the_last_news(steps: list[Step], news: list[str]) -> None:
    assert told(Story.chat(), *steps) == news


@pytest.mark.parametrize(
    ("steps", "news"),
    [
        pytest.param(
            [given_to("ann", "bob"), accepts("bob")], ["transferred", "reserved", "connected"], id="to an agent"
        ),
        pytest.param([given_to("ann", "bob"), rejects("bob")], ["transferred", "reserved", "rejected"], id="declined"),
        pytest.param([does("ann", "PlaceInQueue", queueName="Sales")], ["transferred"], id="to a queue"),
        pytest.param([taken("ann", Reason.CONNECTION_LOST)], ["transferred"], id="agent lost"),
        pytest.param(
            [does("ann", "InitiateConsultation", agentId="bob"), accepts("bob"), given_to("ann", "bob")],
            ["transferred", "connected"],
            id="to who advised",
        ),
        pytest.param([does("ann", "InviteUser", agentId="bob"), accepts("bob")], [], id="colleague comes in"),
        pytest.param([does("ann", "InviteUser", agentId="bob"), rejects("bob")], [], id="colleague declines"),
        pytest.param(
            [does("ann", "InviteUser", agentId="bob"), accepts("bob"), does("ann", "LeaveConference")],
            ["transferred", "connected"],
            id="left to the colleague",
        ),
        pytest.param([does("ann", "PlaceInWorkbin", workbin="Drafts")], [], id="parked"),
    ],
)
def test_who_has_it_may_change(steps: list[Step], news: list[str]) -> None:
    assert told(Story.chat().has("ann"), *steps) == news


def test_chat_that_began_with_its_agent_says_both() -> None:
    assert progress(None, Story.chat().interaction) == []
    assert progress(None, Story.chat().invites("ann").interaction) == ["reserved"]
    assert progress(None, Story.chat().has("ann").interaction) == ["connected"]


def test_mail_ends_when_it_is_done_with() -> None:
    steps = [offered(), accepts(), does("ann", "StopProcessing")]
    assert told(Story.email(), *steps) == ["reserved", "connected", "ended"]


OPERATIONS = ("Accept", "Reject", "LeaveConference", "EndChatSession", "StopProcessing", "InviteUser", "PlaceInQueue")
ENGINE = ("invites", "revokes")


@given(
    st.lists(
        st.tuples(st.sampled_from((*OPERATIONS, *ENGINE, "transfers", "leaves")), *(st.sampled_from(AGENTS),) * 2),
        max_size=15,
    )
)
def test_news_of_any_story_tell_who_has_it(acts: list[tuple[str, str, str]]) -> None:
    """Whoever knows only the news knows whether somebody is asked, whether somebody talks, and whether it is over."""
    story, news = Story.chat(), list[Progress]()
    for act, agent, other in acts:
        before = story.interaction
        try:
            _act(story, act, agent, other)
        except OperationRefused:
            continue
        news += progress(before, story.interaction)
        assert _known(news) == _is(story.interaction)


def _act(story: Story, act: str, agent: str, other: str) -> None:
    if act in ENGINE:
        getattr(story, act)(agent)
    elif act == "transfers":
        if story.interaction.leg(agent) is not None and agent != other:
            story.transfers(agent, other)
    elif act == "leaves":
        story.leaves()
    else:
        story.asks(agent, act, agentId=other, queueName="Sales")


def _known(news: list[Progress]) -> str:
    """What follows from the latest of each."""
    known = "waits"
    for each in news:
        assert known != "over"
        match each:
            case Progress.RESERVED:
                known = "asked"
            case Progress.CONNECTED:
                known = "talks"
            case Progress.REJECTED | Progress.TRANSFERRED:
                known = "waits"
            case Progress.ENDED:
                known = "over"
    return known


def _is(interaction: Interaction) -> str:
    if interaction.is_closed or not interaction.has_customer:
        return "over"
    owner = interaction.owner
    if owner is None:
        return "waits"
    return "talks" if owner.is_held else "asked"
