"""The unacknowledged batches of one session, and what connects say of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.acknowledgement import Acknowledgement, batch_number
from bayeux.protocol.delivery import DeliveryQueue
from bayeux.protocol.encoded import EncodedMessage


def events(texts: str) -> list[EncodedMessage]:
    return [EncodedMessage("/a", text.encode()) for text in texts]


def texts(acknowledgement: Acknowledgement) -> str:
    return b"".join(message.json for message in acknowledgement.messages).decode()


def after(*batches: str) -> Acknowledgement:
    """One that has sent these batches, from number 1 on; an empty text is a reply without events."""
    acknowledgement = Acknowledgement()
    for batch in batches:
        acknowledgement.close_batch(events(batch))
    return acknowledgement


@pytest.mark.spec("ACK-14")
def test_every_reply_has_a_number_of_its_own() -> None:
    acknowledgement = Acknowledgement()
    assert [acknowledgement.close_batch(events(batch)) for batch in ("", "a", "", "bc")] == [1, 2, 3, 4]


@pytest.mark.spec("ACK-11", "ACK-15")
@pytest.mark.parametrize(("number", "left"), [(0, "abc"), (1, "bc"), (2, "bc"), (3, "")])
def test_acknowledging_forgets_the_batches_up_to_a_number(number: int, left: str) -> None:
    acknowledgement = after("a", "", "bc")
    assert acknowledgement.acknowledge(number) == number
    assert texts(acknowledgement) == left


@pytest.mark.spec("ACK-12")
@pytest.mark.parametrize(("number", "meant"), [(-1, -1), (-(10**30), -(10**30)), (0, 0), (3, 2), (10**30, 2)])
def test_what_was_never_sent_cannot_be_acknowledged(number: int, meant: int) -> None:
    acknowledgement = after("a", "b")
    assert acknowledgement.acknowledge(number) == meant
    acknowledgement.close_batch(events("c"))
    assert texts(acknowledgement) == ("c" if number > 0 else "abc")


@pytest.mark.spec("ACK-12")
def test_before_the_first_reply_there_is_nothing_to_acknowledge() -> None:
    assert Acknowledgement().acknowledge(5) == 0


@pytest.mark.spec("ACK-40", "Q-4")
def test_events_and_bytes_are_counted() -> None:
    acknowledgement = after("ab", "", "c")
    assert (acknowledgement.count, acknowledgement.bytes) == (3, 3)
    acknowledgement.acknowledge(1)
    assert (acknowledgement.count, acknowledgement.bytes) == (1, 1)
    acknowledgement.forget(3)
    assert (acknowledgement.count, acknowledgement.bytes) == (0, 0)


@pytest.mark.spec("ACK-41")
def test_stale_numbers_are_counted_while_something_was_sent() -> None:
    acknowledgement = after("a", "b")
    for count, stale in ((1, 0), (2, -1), (3, 0)):
        acknowledgement.acknowledge(stale)
        assert acknowledgement.resends == count
    acknowledgement.acknowledge(1)
    assert acknowledgement.resends == 0, "a step forward begins anew"
    acknowledgement.acknowledge(1)
    assert acknowledgement.resends == 1
    acknowledgement.acknowledge(2)
    acknowledgement.acknowledge(2)
    assert acknowledgement.resends == 0, "nothing is left to acknowledge"


@pytest.mark.spec("ACK-18")
@pytest.mark.parametrize(
    ("kept", "acknowledged", "left"),
    [("abcd", 1, "cd"), ("ad", 1, "d"), ("ad", 2, ""), ("", 0, ""), ("cab", 1, "c"), ("cab", 2, ""), ("b", 0, "b")],
)
def test_what_a_listener_leaves_keeps_its_numbers_and_has_its_order(kept: str, acknowledged: int, left: str) -> None:
    acknowledgement = after("ab", "cd")
    by_text = {message.json.decode(): message for message in acknowledgement.messages}
    acknowledgement.replace([by_text[text] for text in kept])
    assert texts(acknowledgement) == kept
    assert acknowledgement.count == len(kept)
    acknowledgement.acknowledge(acknowledged)
    assert texts(acknowledgement) == left


@pytest.mark.spec("ACK-11", "XT-1")
@pytest.mark.parametrize(
    ("value", "number"),
    [
        (0, 0), (7, 7), (-1, -1), (10**30, 10**30), (7.0, 7), (-1.0, -1), (1e300, int(1e300)),
        (7.5, None), (float("inf"), None), (float("nan"), None), ("7", None), ("", None), (None, None),
        (True, None), (False, None), ({}, None), ([7], None), ({"batch": 7}, None),
    ],
)  # fmt: skip
def test_a_number_is_an_integer_however_it_is_written(value: Any, number: int | None) -> None:
    assert batch_number(value) == number


@pytest.mark.spec("Q-4", "ACK-40")
@pytest.mark.parametrize(("max_messages", "max_bytes"), [(5, 0), (0, 5)])
def test_what_was_sent_takes_room_in_the_queue(max_messages: int, max_bytes: int) -> None:
    queue, acknowledgement = DeliveryQueue(max_messages, max_bytes), after("abc")
    queue.occupy(acknowledgement.count, acknowledgement.bytes)
    assert [queue.put(message) for message in events("def")] == [True, True, False]
    acknowledgement.acknowledge(1)
    queue.occupy(acknowledgement.count, acknowledgement.bytes)
    assert [queue.put(message) for message in events("ghij")] == [True, True, True, False]


@pytest.mark.spec("Q-4")
def test_an_unbounded_queue_stays_so() -> None:
    queue, acknowledgement = DeliveryQueue(0, 0), after("abc" * 1000)
    queue.occupy(acknowledgement.count, acknowledgement.bytes)
    assert queue.put(events("d")[0])


@pytest.mark.spec("ACK-12", "ACK-15")
@given(steps=st.lists(st.one_of(st.integers(0, 3), st.integers(-2, 20).map(lambda n: ("acknowledge", n))), max_size=40))
def test_a_number_forgets_what_left_up_to_it_and_nothing_else(steps: list[Any]) -> None:
    acknowledgement, expected, event = Acknowledgement(), [], 0
    for step in steps:
        if isinstance(step, tuple):
            number = min(step[1], acknowledgement.next_batch - 1)
            expected = [each for each in expected if each[0] > number]
            assert acknowledgement.acknowledge(step[1]) == number
        else:
            fresh = [EncodedMessage("/a", b"%d" % (event + n)) for n in range(step)]
            event += step
            number = acknowledgement.close_batch(fresh)
            expected += [(number, message) for message in fresh]
        assert acknowledgement.messages == [message for _, message in expected]
        assert acknowledgement.count == len(expected)
        assert acknowledgement.bytes == sum(message.size for _, message in expected)
