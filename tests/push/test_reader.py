"""Notices reach the sessions of their user, in order, and leave the mailbox when a client is known to have them."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from bayeux.protocol.errors import Unavailable
from bayeux.testing import pass_time
from channels.private import CUSTOMER
from gateway.push.mailbox import Mailbox
from gateway.push.notice import Notice
from gateway.push.progress import WINDOW
from gateway.store.sqlite import SqliteStore
from gateway.store.turn import Turn
from tests.push.customers import Alone, heard, heard_ids, node
from tests.support.stores import sqlite_store

__all__ = ["sqlite_store"]


@pytest.mark.spec("PN-1", "PN-2")
async def test_a_notice_reaches_its_user_and_nobody_else(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice, bob = await here.listener("alice"), await here.listener("bob")
        alice.connect()
        bob.connect()
        id = await here.tell("alice", {"_id": "1"}, tag="service.agentavailable.1")
        assert alice.events[0]["channel"] == CUSTOMER
        assert alice.events[0]["data"] == {"id": id, "message": {"_id": "1"}, "tag": "service.agentavailable.1"}
        assert heard(bob) == []


@pytest.mark.spec("CM-16")
async def test_notices_come_in_the_order_in_which_they_were_told(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        for number in range(5):
            await here.tell("alice", number)
        alice = await here.listener("alice")
        for number in range(5, 10):
            await here.tell("alice", number)
        alice.connect()
        await here.settle()
        assert heard(alice) == list(range(10))


@pytest.mark.spec("PN-7")
async def test_what_comes_while_nobody_listens_waits(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        await here.tell("alice", "later")
        alice = await here.listener("alice")
        alice.connect()
        assert heard(alice) == ["later"]


@pytest.mark.spec("PN-7")
async def test_what_is_out_of_date_is_given_to_nobody(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        await here.tell("alice", "soon over", until=here.times.now + 60)
        await here.tell("alice", "for long")
        here.times.now += 61
        alice = await here.listener("alice")
        alice.connect()
        assert heard(alice) == ["for long"]


@pytest.mark.spec("PN-2")
async def test_a_next_connect_proves_what_was_given_before(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        first = await here.tell("alice", 1)
        assert await here.waiting("alice") == [first], "it was written, and may not have arrived"
        second = await here.tell("alice", 2)
        alice.connect()  # proves the first; the second leaves with its reply
        await here.settle()
        assert heard(alice) == [1, 2]
        assert await here.waiting("alice") == [second]
        alice.connect()
        await here.settle()
        assert await here.waiting("alice") == []
        assert heard(alice) == [1, 2]


@pytest.mark.spec("PN-2", "PN-7")
async def test_what_a_session_did_not_prove_the_next_one_is_given_under_the_same_id(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        first = await here.listener("alice")
        first.connect()
        await here.tell("alice", 1)
        first.connect()
        await here.tell("alice", 2)
        first.ask("/meta/disconnect")
        second = await here.listener("alice")
        second.connect()
        assert heard(first) == [1, 2]
        assert heard(second) == [2]
        assert heard_ids(second) == heard_ids(first)[1:]


@pytest.mark.spec("CM-11", "CM-17")
async def test_what_a_session_had_that_expired_is_given_again(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        lost = await here.listener("alice")
        await here.tell("alice", 1)
        await pass_time(here.server, here.clock, 60.0)
        assert here.reader.listening == 0
        back = await here.listener("alice")
        back.connect()
        assert (heard(lost), heard(back)) == ([], [1])


@pytest.mark.spec("CM-21")
async def test_all_sessions_of_a_user_are_given_everything(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        phone, tablet = await here.listener("alice"), await here.listener("alice", "websocket")
        phone.connect()
        tablet.connect()
        await here.tell("alice", 1)
        phone.connect()
        await here.settle()
        assert await here.waiting("alice") == [], "one of them has it"
        await here.tell("alice", 2)
        assert heard(phone) == [1, 2]
        tablet.connect()
        await here.settle()
        assert heard(tablet) == [1, 2]
        assert heard_ids(phone) == heard_ids(tablet)


@pytest.mark.spec("CM-21")
async def test_a_slow_session_is_given_what_another_one_has_taken_already(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here, node(sqlite_store, here.times) as there:
        phone, tablet = await here.listener("alice"), await there.listener("alice")
        phone.connect()
        tablet.connect()
        await here.tell("alice", 1)
        phone.connect()
        await here.settle()
        assert await here.waiting("alice") == []
        there.reader.wake("alice")
        await there.settle()
        assert heard(tablet) == [1]


@pytest.mark.spec("CM-21", "PN-7")
async def test_who_comes_later_is_not_given_what_was_taken(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        phone = await here.listener("alice")
        phone.connect()
        await here.tell("alice", 1)
        phone.connect()
        tablet = await here.listener("alice")
        tablet.connect()
        await here.settle()
        assert heard(tablet) == []


@pytest.mark.spec("PN-2")
async def test_one_thing_told_twice_is_one_notice(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        await here.tell("alice", 1, id="a" * 32)
        await here.tell("alice", 1, id="a" * 32)
        alice = await here.listener("alice")
        alice.connect()
        alice.connect()
        await here.tell("alice", 1, id="a" * 32)
        assert heard(alice) == [1]


@pytest.mark.spec("PN-8")
async def test_what_was_withdrawn_is_given_to_nobody(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        await here.tell("alice", 1, tag="service.agentavailable.1")
        await here.tell("alice", 2, tag="service.message.1")
        await here.decide(lambda turn: here.push.withdraw(turn, "alice", "service.agentavailable.1"))
        alice = await here.listener("alice")
        alice.connect()
        assert heard(alice) == [2]


@pytest.mark.spec("CM-15")
async def test_what_a_client_did_not_acknowledge_is_not_proven(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store, acknowledges=True) as here:
        alice = await here.listener("alice", ext={"ack": True})
        alice.connect(ext={"ack": 1})
        id = await here.tell("alice", 1)
        alice.connect(ext={"ack": 1})  # the answer was lost
        await here.settle()
        assert await here.waiting("alice") == [id]
        assert heard(alice) == [1, 1]
        batch = alice.replies[-1]["ext"]["ack"]
        alice.connect(ext={"ack": batch})
        await here.settle()
        assert await here.waiting("alice") == []
        assert heard(alice) == [1, 1]


@pytest.mark.spec("CM-15", "PN-2")
async def test_another_socket_proves_nothing(sqlite_store: SqliteStore) -> None:
    """The answer may have died with the former one: it is given again, in order, under the same id."""
    async with node(sqlite_store) as here:
        alice = await here.listener("alice", "websocket")
        alice.connect()
        await here.tell("alice", 1)
        alice.lose_connection()
        await here.tell("alice", 2)
        alice.connect()
        await here.settle()
        alice.connect()
        await here.settle()
        assert heard(alice) == [1, 1, 2]
        assert await here.waiting("alice") == []


async def test_more_than_a_session_may_have_at_once_follows_what_it_proves(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        for number in range(2 * WINDOW + 1):
            await here.tell("alice", number)
        alice = await here.listener("alice")
        for expected in (WINDOW, 2 * WINDOW, 2 * WINDOW + 1):
            alice.connect()
            await here.settle()
            assert len(heard(alice)) == expected
        assert heard(alice) == list(range(2 * WINDOW + 1))


async def test_a_lost_nudge_costs_one_look(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        await here.tell("alice", 1, nudges=False)
        assert heard(alice) == []
        await here.reader.look()
        await here.settle()
        assert heard(alice) == [1]


async def test_numbers_go_on_where_a_mailbox_was_forgotten(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        await here.tell("alice", 1)
        alice.connect()
        await here.settle()

        async def forget(turn: Turn) -> None:
            await turn.read("mailbox:alice")
            turn.write("mailbox:alice", None)

        await here.decide(forget)
        here.times.now += 1
        await here.tell("alice", 2)
        assert heard(alice) == [1, 2]


@pytest.mark.spec("IN-4", "IN-6")
async def test_what_is_on_its_way_is_not_to_be_had_by_polling(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        await here.tell("alice", 1, instance="1-x", is_kept=True)
        assert heard(alice) == [1]
        assert await polled(here) == []


@pytest.mark.spec("IN-6")
async def test_what_reached_nobody_is_to_be_had_by_polling_or_listening_but_once(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        await here.tell("alice", 1, instance="1-x", is_kept=True)
        await here.tell("alice", 2, instance="1-other", is_kept=True)
        assert [each.message for each in await polled(here)] == [1]
        assert await polled(here) == []
        alice = await here.listener("alice")
        alice.connect()
        assert heard(alice) == [2]


@pytest.mark.spec("IN-6")
async def test_what_was_on_its_way_to_a_session_that_ended_is_to_be_had_again(sqlite_store: SqliteStore) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        await here.tell("alice", 1, instance="1-x", is_kept=True)
        alice.ask("/meta/disconnect")
        await here.settle()
        assert [each.message for each in await polled(here)] == [1]


@pytest.mark.spec("IN-6")
async def test_a_store_that_is_away_when_a_session_ends_costs_no_notice(
    sqlite_store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with node(sqlite_store) as here:
        alice = await here.listener("alice")
        alice.connect()
        await here.tell("alice", 1, instance="1-x", is_kept=True)
        with monkeypatch.context() as away:
            away.setattr(here.mailboxes, "note_given", nobody_is_there)
            alice.ask("/meta/disconnect")
            with pytest.raises(Unavailable):
                await here.settle()
        await here.settle()
        assert [each.message for each in await polled(here)] == [1]


async def nobody_is_there(user: str, ids: Collection[str], *, is_on_its_way: bool) -> Mailbox:
    raise Unavailable


async def polled(here: Alone) -> list[Notice]:
    return await here.decide(lambda turn: here.mailboxes.take_kept(turn, "alice", "1-x"))
