"""What an agent was told so far adds up to what he has: whatever happens, in both dialects (AG-57)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.dialects import interactions, typed
from channels.interaction.customer import ChatClosed
from channels.interaction.model import Role
from channels.interaction.operations import OPERATIONS
from channels.interaction.reasons import Reason
from channels.interaction.refusal import OperationRefused
from channels.interaction.states import LISTED
from channels.interaction.vocabulary import Dialect
from channels.private import CHATS, EMAILS
from tests.channels.story import AGENTS, QUEUES, Story

BASE = "http://localhost:8080/api/v2"
TYPING = ("TYPING_STARTED", "TYPING_STOPPED")

Told = Mapping[str, Any]


class Desktop:
    """Knows nothing but what it was told in dialect A."""

    def __init__(self) -> None:
        self.view: dict[str, Any] = {}

    def hear(self, told: Told) -> None:
        events = self.view.get("chat_notifications", [])
        events = events + [e for e in told.get("chat_notifications", []) if e["NoticeType"] not in TYPING]
        numbers = [event["EventId"] for event in events]
        assert numbers == sorted(set(numbers)), "in order, none twice"
        self.view = dict(told)
        if events:
            self.view["chat_notifications"] = events
        if told["state"] not in ("Invited", "Accepted", "Composing"):
            self.view = {}


class TypedDesktop:
    """Knows nothing but what it was told in dialect B."""

    def __init__(self) -> None:
        self.view: dict[str, Any] = {}

    def hear(self, told: Told) -> None:
        if told["messageType"] == "MessageLogUpdated":
            kept = [each for each in told["messages"] if each["type"] not in ("TypingStarted", "TypingStopped")]
            self.view["messages"] = self.view.get("messages", []) + kept
            return
        self.view |= told.get("chat") or told["email"]
        if self.view["state"] in ("Completed", "Revoked", "InWorkbin"):
            self.view = {"userData": self.view["userData"]} if self.view["state"] == "InWorkbin" else {}


def about(told: Told) -> str:
    """Id of the chat or e-mail that a message of dialect B tells of."""
    uri: str = told["chatUri"] if "chatUri" in told else (told.get("chat") or told["email"])["uri"]
    return uri.rpartition("/")[2]


def replayed(story: Story, agent: str) -> tuple[dict[str, Any], dict[str, Any]]:
    first, second = Desktop(), TypedDesktop()
    for told in story.heard(agent):
        if told["id"] == story.interaction.id:
            first.hear(told)
    typed_channel = CHATS if story.interaction.channel == "chat" else EMAILS
    for told in story.heard(agent, typed_channel):
        if about(told) == story.interaction.id:
            second.hear(told)
    return first.view, second.view


def check(story: Story) -> None:
    for agent in AGENTS:
        leg = story.interaction.leg(agent)
        heard, heard_typed = replayed(story, agent)
        if leg is None or leg.state not in LISTED:
            assert heard == {}
            continue
        assert heard == interactions.snapshot(story.interaction, leg, story.rules)
        had = typed.snapshot(story.interaction, leg, BASE, story.rules)
        assert without_names(heard_typed) == without_names(had)


def without_names(chat: dict[str, Any]) -> dict[str, Any]:
    """Who spoke is told as he was then: since, he may have become visible, or have another nickname."""
    if "messages" not in chat:
        return chat
    return chat | {"messages": [each | {"from": each["from"]["participantId"]} for each in chat["messages"]]}


def check_invariants(story: Story) -> None:
    """One owner at most; who is hidden, and what is for agents, does not reach the customer."""
    owners = [leg for leg in story.interaction.legs if leg.role is Role.OWNER and leg.is_live]
    assert len(owners) <= 1
    if story.interaction.transcript is not None:
        assert all(event.visibility == "All" for event in story.interaction.transcript.for_customer())


PARAMETERS = st.fixed_dictionaries(
    {},
    optional={
        "agentId": st.sampled_from(AGENTS),
        "queueName": st.sampled_from(QUEUES),
        "workbin": st.just("Drafts"),
        "text": st.text(min_size=1, max_size=3),
        "visibility": st.sampled_from(["All", "Agents"]),
        "notification": st.sampled_from(["TypingStarted", "TypingStopped"]),
        "clientMessageId": st.sampled_from(["1", "2"]),
        "userData": st.dictionaries(st.sampled_from("abc"), st.integers(0, 2), min_size=1),
        "email": st.fixed_dictionaries({"subject": st.sampled_from(["x", "y"])}),
        "dispositionCode": st.just("sold"),
        "comment": st.just("fine"),
    },
)
Step = Callable[[Story], object]

agents = st.sampled_from(AGENTS)
steps: st.SearchStrategy[Step] = st.one_of(
    st.builds(
        lambda agent, operation, parameters, dialect: (
            lambda story: story._performs(agent, operation, parameters, dialect, None)
        ),
        agents,
        st.sampled_from(sorted(OPERATIONS)),
        PARAMETERS,
        st.sampled_from(Dialect),
    ),
    st.builds(lambda agent: lambda story: story.asks(agent, "Accept"), agents),
    st.builds(
        lambda operation, agent: (
            lambda story: story.asks(
                story.interaction.owner.agent if story.interaction.owner else agent, operation, agentId=agent
            )
        ),
        st.sampled_from(["InviteUser", "InitiateConsultation", "CompleteTransfer", "LeaveConference"]),
        agents,
    ),
    st.builds(lambda agent: lambda story: story.invites(agent), agents),
    st.builds(lambda agent: lambda story: story.pulls(agent), agents),
    st.builds(lambda agent, reason: lambda story: story.revokes(agent, reason), agents, st.sampled_from(Reason)),
    st.builds(
        lambda agent: (
            lambda story: (
                story.transfers(story.interaction.owner.agent, agent)
                if story.interaction.owner and story.interaction.owner.agent != agent
                else None
            )
        ),
        agents,
    ),
    st.sampled_from(
        [
            lambda story: story.says("Hello"),
            lambda story: story.types(),
            lambda story: story.joins(),
            lambda story: story.leaves(),
            lambda story: story.relay_takes_it(),
            lambda story: story.relay_fails(),
        ]
    ),
)


def chat() -> Story:
    return Story.chat(user_data={"a": 0}).has("ann")


def email() -> Story:
    return Story.email(user_data={"a": 0}).has("ann")


def draft() -> Story:
    inbound = email().asks("ann", "Reply")
    return inbound.continues_with(inbound.created[0])


@pytest.mark.spec("AG-2", "AG-57", "AG-66", "AG-92", "AG-95")
@pytest.mark.parametrize("begin", [chat, email, draft])
@given(happens=st.lists(steps, max_size=25))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_was_told_adds_up_to_what_is(begin: Callable[[], Story], happens: list[Step]) -> None:
    story = begin()
    for step in happens:
        before = story.interaction.to_document()
        try:
            step(story)
        except (OperationRefused, ChatClosed):
            assert story.interaction.to_document() == before
        check(story)
        check_invariants(story)
