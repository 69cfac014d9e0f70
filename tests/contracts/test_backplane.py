"""What every ``Backplane`` promises; each implementation runs the same lines."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise

import pytest

from bayeux.backplane.backplane import Arrived, JournalGap
from bayeux.backplane.interface import Position, Retention
from bayeux.protocol.errors import Unavailable
from tests.contracts.test_history import settled
from tests.support.nodes import JOURNAL, Member, Nodes, eventually

pytestmark = pytest.mark.expected_logs("WARNING bayeux.backplane.redis.link: redis")

CHANNEL = "/chat/news"
ELSEWHERE = "/chat/other"
"""In another partition."""
KEPT = Retention(events=100)


def numbered(first: int, after: int) -> list[bytes]:
    return [b"%d" % n for n in range(first, after)]


async def published(member: Member, first: int, after: int, channel: str = CHANNEL) -> list[bytes]:
    """Numbers from ``first`` on, one after the other."""
    for payload in numbered(first, after):
        await member.backplane.publish(channel, b"header", payload)
    return numbered(first, after)


async def listening(nodes: Nodes, count: int) -> list[Member]:
    """So many nodes that listen to the channel, and know each other."""
    members = [await nodes.node() for _ in range(count)]
    for member in members:
        await member.backplane.listen([member.backplane.partition_of(CHANNEL)])
    await eventually(lambda: all(len(member.backplane.nodes) == count - 1 for member in members))
    return members


# Publishing


async def test_every_node_knows_the_same_partition_of_an_audience(nodes: Nodes) -> None:
    one, two = await nodes.node(), await nodes.node()
    assert one.backplane.partitions == two.backplane.partitions
    for audience in (CHANNEL, ELSEWHERE, "user:ümlaut", "{}"):
        assert one.backplane.partition_of(audience) == two.backplane.partition_of(audience)
        assert 0 <= one.backplane.partition_of(audience) < one.backplane.partitions
    assert one.backplane.partition_of(CHANNEL) != one.backplane.partition_of(ELSEWHERE)


@pytest.mark.spec("CLU-3")
async def test_all_who_listen_are_given_what_is_published_the_publisher_too(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    deaf = await nodes.node()
    partition = one.backplane.partition_of(CHANNEL)
    assert await one.backplane.publish(CHANNEL, b"\x00header", b'{"n":1}') is None
    await eventually(lambda: one.ears.events and two.ears.events)
    assert one.ears.events == two.ears.events
    (event,) = one.ears.events
    assert (event.partition, event.header, event.payload, event.position) == (
        partition,
        b"\x00header",
        b'{"n":1}',
        None,
    )
    await deaf.backplane.publish(ELSEWHERE, b"", b"2")
    await one.backplane.publish(CHANNEL, b"", b"3")
    await eventually(lambda: len(two.ears.events) == 2)
    assert two.ears.payloads == [b'{"n":1}', b"3"]
    assert not deaf.ears.events


@pytest.mark.spec("CLU-3")
async def test_all_nodes_are_given_the_same_order_without_holes(nodes: Nodes) -> None:
    """Places count one by one; what one node publishes, awaited or not, stays in its order."""
    members = await listening(nodes, 3)
    await asyncio.gather(
        *(
            member.backplane.publish(CHANNEL, b"%d" % who, b"%d" % n)
            for n in range(15)
            for who, member in enumerate(members)
        )
    )
    await eventually(lambda: all(len(member.ears.events) == 45 for member in members))
    assert all(member.ears.events == members[0].ears.events for member in members)
    assert all(b.place == a.place + 1 for a, b in pairwise(members[0].ears.events))
    for who in range(3):
        assert [each.payload for each in members[0].ears.events if each.header == b"%d" % who] == numbered(0, 15)


async def test_listening_is_counted(nodes: Nodes) -> None:
    (one,) = await listening(nodes, 1)
    partition = one.backplane.partition_of(CHANNEL)
    await one.backplane.listen([partition])
    one.backplane.ignore([partition])
    await published(one, 0, 1)
    await eventually(lambda: one.ears.payloads == [b"0"])
    one.backplane.ignore([partition])
    await published(one, 1, 2)
    assert one.backplane.places == {}
    await one.backplane.listen([partition])
    await published(one, 2, 3)
    await eventually(lambda: len(one.ears.events) == 2)
    assert one.ears.payloads == [b"0", b"2"]
    assert one.backplane.places == {partition: one.ears.events[-1].place}


async def test_nothing_published_after_listening_is_missed(nodes: Nodes) -> None:
    """Listening while others publish: the first event that comes is followed by all others."""
    (busy,) = await listening(nodes, 1)
    late = await nodes.node()
    begun: list[bytes] = []

    async def publish() -> None:
        for payload in numbered(0, 40):
            begun.append(payload)
            await busy.backplane.publish(CHANNEL, b"", payload)

    busily = asyncio.create_task(publish())
    await eventually(lambda: len(begun) > 5)
    await late.backplane.listen([late.backplane.partition_of(CHANNEL)])
    owed = 40 - len(begun)
    await busily
    await published(busy, 40, 41)
    await eventually(lambda: len(busy.ears.events) == 41 and late.ears.payloads[-1:] == [b"40"])
    assert len(late.ears.events) >= owed
    assert late.ears.events == busy.ears.events[41 - len(late.ears.events) :]


@pytest.mark.spec("RPL-1", "RPL-2")
async def test_what_is_retained_has_a_position_that_its_history_knows(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    positions = [await one.backplane.publish(CHANNEL, b"h", payload, KEPT) for payload in (b"a", b"b")]
    await published(two, 0, 1)
    await eventually(lambda: len(two.ears.events) == 3)
    assert [event.position for event in two.ears.events] == [*positions, None]
    stretch = await settled(two.backplane.history.since(CHANNEL, 0, 10))
    assert [(event.id, event.payload) for event in stretch.events] == [
        (position.offset, payload) for position, payload in zip(positions, (b"a", b"b"), strict=True) if position
    ]
    assert all(isinstance(position, Position) and position.epoch == stretch.extent.epoch for position in positions)


# Losing the store


@pytest.mark.spec("OPS-72")
async def test_without_the_store_nothing_is_accepted_within_bounded_time(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    await one.cut()
    partition = one.backplane.partition_of(ELSEWHERE)
    async with asyncio.timeout(10):
        for asked in (
            lambda: one.backplane.publish(CHANNEL, b"", b"1"),
            lambda: one.backplane.send(two.backplane.node.id, b""),
            lambda: one.backplane.is_alive(two.backplane.node.id),
            lambda: one.backplane.listen([partition]),
            lambda: one.backplane.rewind({}, lambda event: None, lambda: None),
            lambda: one.backplane.sessions.find("x"),
        ):
            with pytest.raises(Unavailable):
                await asked()
    await eventually(lambda: one.ears.links == [True, False])
    assert not one.backplane.is_connected
    assert partition not in one.backplane.places
    await one.heal()
    await eventually(lambda: one.ears.links == [True, False, True])
    assert one.backplane.is_connected


@pytest.mark.spec("OPS-74")
async def test_what_was_missed_is_filled_in_before_the_node_is_called_connected(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    await published(two, 0, 2)
    await eventually(lambda: len(one.ears.events) == 2)
    await one.cut()
    await eventually(lambda: one.ears.links == [True, False])
    await published(two, 2, 20)
    await one.heal()
    await eventually(lambda: one.ears.links[-1])
    assert one.ears.payloads == numbered(0, 20)
    await published(two, 20, 25)
    await eventually(lambda: len(one.ears.events) == len(two.ears.events) == 25)
    assert one.ears.events == two.ears.events
    assert not one.ears.gaps


@pytest.mark.spec("OPS-74")
async def test_a_gap_that_the_journal_cannot_fill_is_told_before_what_follows(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    await published(two, 0, 2)
    await eventually(lambda: len(one.ears.events) == 2)
    await one.cut()
    await eventually(lambda: one.ears.links == [True, False])
    await published(two, 2, 2 + JOURNAL * 10)
    await one.heal()
    await published(two, 1000, 1001)
    await eventually(lambda: one.ears.payloads[-1] == b"1000")
    assert one.ears.gaps == [(one.backplane.partition_of(CHANNEL), 2)]
    await eventually(lambda: two.ears.payloads[-1] == b"1000")
    assert one.ears.events[2:] == two.ears.events[-(len(one.ears.events) - 2) :]
    assert len(one.ears.events) - 2 >= JOURNAL


@pytest.mark.expected_logs("had lapsed by the clock of Redis")
@pytest.mark.spec("OPS-74")
async def test_a_store_that_lost_its_data_is_told_as_a_gap_and_places_go_on_rising(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    first = await two.backplane.publish(CHANNEL, b"", b"0", KEPT)
    await eventually(lambda: one.ears.events and two.ears.events)
    await nodes.lose_everything()
    await eventually(lambda: one.ears.gaps and two.ears.gaps)
    again = await two.backplane.publish(CHANNEL, b"", b"1", KEPT)
    await eventually(lambda: one.ears.payloads[-1:] == [b"1"])
    assert one.ears.payloads == [b"0", b"1"]
    assert one.ears.events[1].place > one.ears.events[0].place
    assert first is not None and again is not None
    assert again.epoch != first.epoch


async def test_whatever_happens_to_the_link_a_publish_counts_at_most_once_and_once_if_it_returned(nodes: Nodes) -> None:
    """Cuts at random moments while three nodes publish; one of them is cut off, the others see it all."""
    chance = random.Random(5)
    shaky, *steady = await listening(nodes, 3)
    await shaky.cut()
    await shaky.heal()
    done: set[bytes] = set()

    async def publish(member: Member, name: bytes) -> None:
        for n in range(40):
            payload = name + b"%d" % n
            for _ in range(100):
                try:
                    await member.backplane.publish(CHANNEL, b"", payload)
                except Unavailable:
                    payload += b"'"  # another event: whether the one before happened is unknown
                    await asyncio.sleep(0.05)
                else:
                    done.add(payload)
                    break
            await asyncio.sleep(chance.uniform(0, 0.02))

    async def shake() -> None:
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.02, 0.1))
            await shaky.cut()
            await asyncio.sleep(chance.uniform(0.0, 0.1))
            await shaky.heal()

    await asyncio.gather(shake(), *(publish(member, b"abc"[n : n + 1]) for n, member in enumerate((shaky, *steady))))
    await eventually(lambda: done <= set(steady[0].ears.payloads))
    await eventually(lambda: all(len(each.ears.events) == len(steady[0].ears.events) for each in (shaky, *steady)))
    given = steady[0].ears.payloads
    assert len(given) == len(set(given))
    assert all(member.ears.events == steady[0].ears.events for member in (shaky, *steady))
    assert not shaky.ears.gaps


# Rewinding


async def test_rewinding_hands_over_what_a_dead_node_had_not_given_its_session(nodes: Nodes) -> None:
    """Events go on coming meanwhile: what was handed over and what comes after the join is everything, each once."""
    one, two = await listening(nodes, 2)
    partition = one.backplane.partition_of(CHANNEL)
    await published(two, 0, 10)
    await eventually(lambda: len(one.ears.events) == 10)
    given: list[Arrived] = []
    joined_at: list[int] = []
    busily = asyncio.create_task(published(two, 10, 40))
    await one.backplane.rewind(
        {partition: one.ears.events[3].place, (partition + 1) % one.backplane.partitions: 5},
        given.append,
        lambda: joined_at.append(len(one.ears.events)),
    )
    await busily
    await eventually(lambda: len(one.ears.events) == 40)
    assert given + one.ears.events[joined_at[0] :] == one.ears.events[4:]


async def test_rewinding_further_than_the_journal_reaches_joins_nobody(nodes: Nodes) -> None:
    (one,) = await listening(nodes, 1)
    await published(one, 0, JOURNAL * 10)
    await eventually(lambda: len(one.ears.events) == JOURNAL * 10)
    joined: list[bool] = []
    with pytest.raises(JournalGap):
        await one.backplane.rewind(
            {one.backplane.partition_of(CHANNEL): one.ears.events[0].place},
            lambda event: None,
            lambda: joined.append(True),
        )
    assert not joined


@pytest.mark.expected_logs("had lapsed by the clock of Redis")
async def test_rewinding_over_a_loss_of_data_is_a_gap(nodes: Nodes) -> None:
    (one,) = await listening(nodes, 1)
    await published(one, 0, 3)
    await eventually(lambda: len(one.ears.events) == 3)
    place = one.ears.events[-1].place
    await nodes.lose_everything()
    await eventually(lambda: one.ears.gaps)
    await published(one, 3, 5)
    with pytest.raises(JournalGap):
        await one.backplane.rewind({one.backplane.partition_of(CHANNEL): place}, lambda event: None, lambda: None)


async def test_rewinding_waits_for_what_a_faster_node_had_been_given(nodes: Nodes) -> None:
    """A session that saw an event elsewhere does not see it again, because this node was slower."""
    one, two = await listening(nodes, 2)
    partition = one.backplane.partition_of(CHANNEL)
    await published(two, 0, 5)
    await eventually(lambda: len(two.ears.events) == 5)
    given: list[Arrived] = []
    joined_at: list[int] = []
    await one.backplane.rewind(
        {partition: two.ears.events[-1].place}, given.append, lambda: joined_at.append(len(one.ears.events))
    )
    assert (given, joined_at) == ([], [5])


# Nodes


@pytest.mark.spec("CLU-1", "CLU-2")
async def test_nodes_learn_of_each_other_and_of_a_good_bye_but_not_of_themselves(nodes: Nodes) -> None:
    one, two = await nodes.node("one"), await nodes.node("two")
    await eventually(lambda: one.ears.company and two.ears.company)
    assert (one.ears.company, two.ears.company) == ([("two", "joined")], [("one", "joined")])
    assert one.ears.infos == [two.backplane.node] == list(one.backplane.nodes)
    assert await one.backplane.is_alive(two.backplane.node.id)
    await two.backplane.stop()
    await eventually(lambda: len(one.ears.company) == 2)
    assert one.ears.company[1:] == [("two", "left")]
    assert not one.backplane.nodes
    assert not await one.backplane.is_alive(two.backplane.node.id)


@pytest.mark.spec("CLU-1")
async def test_a_node_that_dies_is_noticed_and_not_before_its_own_lease_has_ended(nodes: Nodes) -> None:
    one, two = await nodes.node("one"), await nodes.node("two")
    await eventually(lambda: one.ears.company)
    until = two.backplane.lease_until
    await two.kill()
    clock = asyncio.get_running_loop().time

    async def is_gone() -> bool:
        return not await one.backplane.is_alive(two.backplane.node.id)

    await eventually(is_gone)
    assert clock() > until
    await eventually(lambda: len(one.ears.company) == 2)
    assert one.ears.company == [("two", "joined"), ("two", "lost")]


@pytest.mark.spec("CLU-2")
async def test_a_node_that_starts_again_under_its_name_is_told_as_left_first(nodes: Nodes) -> None:
    one, two = await nodes.node("one"), await nodes.node("two")
    await eventually(lambda: one.ears.company)
    await two.kill()
    again = await nodes.node("two")
    assert again.backplane.node.id != two.backplane.node.id
    await eventually(lambda: len(one.ears.company) == 3)
    assert [name for name, _ in one.ears.company] == ["two"] * 3
    assert [what for _, what in one.ears.company][0::2] == ["joined", "joined"]
    assert one.ears.company[1][1] in ("left", "lost")
    assert list(one.backplane.nodes) == [again.backplane.node]


@pytest.mark.spec("CLU-1")
async def test_a_node_without_its_store_may_not_go_on_for_ever_and_comes_back(nodes: Nodes) -> None:
    one, two = await nodes.node("one"), await nodes.node("two")
    await eventually(lambda: one.ears.company and two.ears.company)
    clock = asyncio.get_running_loop().time
    assert two.backplane.lease_until > clock()
    await two.cut()
    until = two.backplane.lease_until
    await eventually(lambda: ("two", "lost") in one.ears.company)
    assert until <= two.backplane.lease_until < clock()
    await two.heal()
    await eventually(lambda: one.ears.company[-1] == ("two", "joined"))
    await eventually(lambda: two.backplane.lease_until > clock())
    await one.backplane.send(two.backplane.node.id, b"welcome")
    await eventually(lambda: two.ears.messages == [(one.backplane.node.id, b"welcome")])


@pytest.mark.spec("OPS-48")
async def test_a_node_that_starts_without_its_store_joins_later(nodes: Nodes) -> None:
    one = await nodes.node("one")
    two = await nodes.node("two", is_reachable=False)
    assert not two.backplane.is_connected
    assert not two.ears.links
    await two.heal()
    await eventually(lambda: one.ears.company == [("two", "joined")])
    await eventually(lambda: two.ears.links == [True])


async def test_messages_to_one_node_come_in_their_order_each_once(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    for n in range(30):
        await one.backplane.send(two.backplane.node.id, b"%d" % n)
        await two.backplane.send(one.backplane.node.id, b"\x00")
    await eventually(lambda: len(two.ears.messages) == 30 and len(one.ears.messages) == 30)
    assert two.ears.messages == [(one.backplane.node.id, payload) for payload in numbered(0, 30)]
    assert not two.ears.events


async def test_messages_to_a_node_that_is_cut_off_for_a_moment_are_not_lost(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    await one.backplane.send(two.backplane.node.id, b"0")
    await eventually(lambda: len(two.ears.messages) == 1)
    await two.cut()
    for n in range(1, 10):
        await one.backplane.send(two.backplane.node.id, b"%d" % n)
    await two.heal()
    await eventually(lambda: len(two.ears.messages) == 10)
    await one.backplane.send(two.backplane.node.id, b"10")
    await eventually(lambda: len(two.ears.messages) == 11)
    assert [message for _, message in two.ears.messages] == numbered(0, 11)


async def test_what_is_sent_to_a_node_that_is_gone_is_refused(nodes: Nodes) -> None:
    one, two = await listening(nodes, 2)
    await two.kill()
    await eventually(lambda: not one.backplane.nodes)
    with pytest.raises(Unavailable):
        await one.backplane.send(two.backplane.node.id, b"")
    with pytest.raises(Unavailable):
        await one.backplane.send("nobody00", b"")
