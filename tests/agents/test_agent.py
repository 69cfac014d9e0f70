"""What an agent wants, what his desktops show, and what the engine is told of it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.agents.agent import UNREACHABLE, Agent, Readiness, changed_channels
from gateway.agents.states import NOT_READY, READY, RONA, UserStates

BOTH = frozenset({"chat", "email"})


def settled(agent: Agent, now: float = 1.0) -> tuple[Agent, list[tuple[str, str, str]]]:
    after, commands = agent.settled(now)
    return after, [(each.channel, each.readiness.state, each.readiness.reason) for each in commands]


def started(*channels: str) -> Agent:
    return Agent(user="Agent1").started(channels or ("chat", "email"), place="", holder="")


@pytest.mark.spec("AG-22", "AG-24")
def test_channels_begin_not_ready_and_starting_again_changes_nothing() -> None:
    agent = started("chat").wishing(READY, 1.0, "chat")
    again = agent.started(("chat", "email"), place="", holder="")
    assert [each.wish for each in again.channels.values()] == [READY, NOT_READY]
    assert settled(started())[1] == []


@pytest.mark.spec("AG-36")
def test_engine_hears_ready_only_of_who_can_be_shown_an_invitation() -> None:
    agent, told = settled(started("chat").wishing(READY, 1.0, "chat"))
    assert told == [("chat", "NOT_READY", UNREACHABLE)]
    assert not agent.can_be_offered("chat")
    agent, told = settled(agent.seen("node1", BOTH, 2.0))
    assert told == [("chat", "READY", "")]
    assert agent.can_be_offered("chat")
    assert settled(agent)[1] == []


@pytest.mark.spec("AG-36")
def test_desktop_that_shows_chats_alone_brings_no_email() -> None:
    agent = started().wishing(READY, 1.0, "chat", "email").seen("node1", frozenset({"chat"}), 1.0)
    assert (agent.can_be_offered("chat"), agent.can_be_offered("email")) == (True, False)


@pytest.mark.spec("AG-36")
def test_desktop_that_went_before_the_session_began_shows_nothing() -> None:
    earlier = Agent(user="Agent1").seen("node1", BOTH, 1.0).seen("node1", None, 2.0)
    agent = earlier.started(("chat",), place="", holder="").wishing(READY, 3.0, "chat")
    assert (agent.can_be_offered("chat"), agent.away_since) == (False, None)


@pytest.mark.spec("AG-26", "AG-36")
def test_desktop_that_outlives_a_session_shows_the_next_one() -> None:
    agent = started().seen("node1", BOTH, 1.0).ended().started(("chat",), place="", holder="")
    assert agent.wishing(READY, 2.0, "chat").can_be_offered("chat")


@pytest.mark.spec("AG-125")
def test_who_reloads_his_desktop_is_reachable_all_the_while() -> None:
    agent, _ = settled(started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0))
    away, told = settled(agent.seen("node1", None, 5.0))
    assert (away.away_since, told) == (5.0, [])
    back, told = settled(away.seen("node2", frozenset(), 6.0).seen("node2", BOTH, 7.0))
    assert (back.away_since, told) == (None, [])


@pytest.mark.spec("AG-125")
def test_who_stays_away_is_not_selected_and_then_not_ready() -> None:
    agent, _ = settled(started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0))
    gone, told = settled(agent.seen("node1", None, 5.0).given_up())
    assert told == [("chat", "NOT_READY", UNREACHABLE)]
    lost, told = settled(gone.lost(65.0))
    assert told == [("chat", "NOT_READY", "CONNECTION_LOST")]
    assert list(changed_channels(gone, lost)) == ["chat"]


def test_second_node_keeps_an_agent_whose_first_one_is_gone() -> None:
    agent = started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0).seen("node2", frozenset({"chat"}), 1.0)
    assert agent.seen("node1", None, 2.0).reached == {"chat"}


@pytest.mark.spec("AG-127", "MRE-113")
def test_what_the_engine_decides_by_a_reason_of_its_own_is_the_agents_state() -> None:
    agent, _ = settled(started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0))
    rested, told = settled(agent.corrected("chat", "NOT_READY", RONA, 9.0), 9.0)
    assert (rested.channels["chat"].wish.reason, told) == (RONA, [])


@pytest.mark.spec("MRE-113")
def test_word_of_the_time_before_his_latest_wish_is_out_of_date() -> None:
    agent, _ = settled(started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0))
    ready_again, _ = settled(agent.wishing(NOT_READY, 9.0, "chat").wishing(READY, 10.0, "chat"), 10.0)
    assert ready_again.corrected("chat", "NOT_READY", RONA, 9.5) == ready_again


@pytest.mark.spec("MRE-113")
def test_engine_that_did_not_hear_is_told_again() -> None:
    agent, _ = settled(started().wishing(READY, 1.0, "chat").seen("node1", BOTH, 1.0))
    resting, _ = settled(agent.wishing(NOT_READY, 2.0, "chat"), 2.0)
    assert settled(resting.corrected("chat", "ACTIVE", "", 3.0), 3.0)[1] == [("chat", "NOT_READY", "")]


@given(
    st.lists(
        st.one_of(
            st.tuples(
                st.just("wish"), st.sampled_from(["Ready", "NotReady", "OutToLunch"]), st.sampled_from(sorted(BOTH))
            ),
            st.tuples(
                st.just("seen"),
                st.sampled_from(["a", "b"]),
                st.one_of(st.none(), st.frozensets(st.sampled_from(sorted(BOTH)))),
            ),
            st.tuples(st.just("given up"), st.none(), st.none()),
        ),
        max_size=12,
    )
)
def test_engine_knows_whatever_has_happened(happened: list[tuple[str, str, str]]) -> None:
    """READY for it means: he wants it, and something shows it or did a moment ago."""
    agent, engine = started(), {"chat": "NOT_READY", "email": "NOT_READY"}
    states = UserStates(["OutToLunch"])
    for now, (what, first, second) in enumerate(happened):
        if what == "wish":
            state = states.find(first)
            assert state is not None
            agent = agent.wishing(state, float(now), second)
        elif what == "seen":
            agent = agent.seen(first, None if second is None else frozenset(second), float(now))
        else:
            agent = agent.given_up()
        agent, told = settled(agent, float(now))
        engine.update({channel: state for channel, state, _ in told})
        for channel in BOTH:
            assert (engine[channel] == "READY") == agent.can_be_offered(channel)
            assert channel not in agent.shown or channel in agent.reached
        assert Agent.from_body(agent.as_body()) == agent


def test_agent_is_kept_as_he_is() -> None:
    agent = replace(
        started().wishing(READY, 1.0, "chat").seen("n", BOTH, 2.0), workbins=frozenset({"Personal"}), place="7"
    )
    agent = agent.corrected("chat", "NOT_READY", RONA, 3.0)
    assert Agent.from_body(agent.as_body()) == agent
    assert agent.channels["chat"].told == Readiness("NOT_READY", RONA)


@pytest.mark.spec("AG-29", "AG-32")
def test_states_that_can_be_asked_for() -> None:
    states = UserStates(["OutToLunch"])
    described = {each["operationName"]: each for each in states.settings()}
    assert list(described) == ["Ready", "NotReady", "OutToLunch"]
    assert described["Ready"]["id"] == "9430250E-0A1B-421F-B372-F29E69366DED"
    lunch = described["OutToLunch"]
    assert (lunch["state"], lunch["reason"], lunch["displayName"]) == ("NotReady", "OutToLunch", "Out To Lunch")
    assert states.find("Gone") is None
