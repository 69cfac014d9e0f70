"""Decisions that overlap: one happens first, the other one is taken anew."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest

from gateway.agents.states import READY
from gateway.agents.turn import ANNOUNCE_LANE, Turn, agent_key, latest_seq, numbered
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Room, TakenAlready, Write
from gateway.store.turn import decided
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]

_IDS = count()


@pytest.fixture
def room(sqlite_store: SqliteStore) -> Room:
    return sqlite_store.room("contact")


def begin(room: Room) -> Turn:
    return Turn(room, 1000.0, lambda: f"id{next(_IDS)}")


@pytest.mark.spec("AG-66", "MRE-122")
async def test_of_overlapping_decisions_none_is_lost(room: Room) -> None:
    async def add(channel: str) -> None:
        async def decision(turn: Turn) -> None:
            agent = await turn.agent("Agent1")
            turn.put_agent(agent.started([channel], place="", holder=""))

        await decided(room, decision, lambda: begin(room))

    names = [f"channel{n}" for n in range(20)]
    await asyncio.gather(*map(add, names))
    agent = await begin(room).agent("Agent1")
    assert set(agent.channels) == set(names)


@pytest.mark.spec("MRE-120")
async def test_what_was_answered_before_is_not_decided_again(room: Room) -> None:
    async def decision(turn: Turn) -> None:
        turn.taken = "notice"
        agent = await turn.agent("Agent1")
        turn.put_agent(agent.started([f"channel{len(agent.channels)}"], place="", holder=""))

    await decided(room, decision, lambda: begin(room))
    with pytest.raises(TakenAlready):
        await decided(room, decision, lambda: begin(room))
    assert len((await begin(room).agent("Agent1")).channels) == 1


async def test_turn_reads_what_it_has_written(room: Room) -> None:
    async def decision(turn: Turn) -> None:
        turn.put_agent((await turn.agent("Agent1")).started(["chat"], place="", holder=""))
        turn.put_agent((await turn.agent("Agent1")).wishing(READY, 1.0, "chat"))
        assert (await turn.agent("Agent1")).wants("chat")

    await decided(room, decision, lambda: begin(room))
    assert (await begin(room).agent("Agent1")).wants("chat")


async def test_decision_that_changes_nothing_writes_nothing(room: Room) -> None:
    async def decision(turn: Turn) -> bool:
        return (await turn.agent("Agent1")).is_started

    is_started, _ = await decided(room, decision, lambda: begin(room))
    assert not is_started
    assert await room.read(agent_key("Agent1")) == [None]


@pytest.mark.spec("AG-122")
async def test_numbers_of_what_is_said_rise_with_the_document(room: Room) -> None:
    """Also over a sign-out, and when the document was forgotten: a desktop may be open for longer."""

    async def decision(turn: Turn) -> None:
        agent = await turn.agent("Agent1")
        turn.put_agent(agent.ended() if agent.is_started else agent.started(["chat"], place="", holder=""))
        for n in range(2):
            turn.announce("Agent1", "/v2/me", {"n": n}, of=agent_key("Agent1"))

    for _ in range(3):
        await decided(room, decision, lambda: begin(room))
    (forgotten,) = await room.read(agent_key("Agent1"))
    assert forgotten is not None
    await room.commit(Changes(writes=[Write(forgotten.key, None, forgotten.version)]))  # as a day later
    await decided(room, decision, lambda: begin(room))
    said = [numbered(entry)["seq"] for entry in await room.outbox(ANNOUNCE_LANE)]
    assert said == sorted(set(said))
    assert said[1] <= latest_seq(1) < said[2]
