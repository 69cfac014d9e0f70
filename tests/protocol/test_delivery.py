"""The queue of one session, and the batches that leave it."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.delivery import DeliveryQueue
from bayeux.protocol.encoded import NOTHING, Batch, EncodedMessage
from bayeux.protocol.frames import FrameReader


def event(text: str) -> EncodedMessage:
    return EncodedMessage("/a", orjson.dumps({"channel": "/a", "data": text}))


@pytest.mark.spec("Q-1", "Q-2", "SEC-L16", "SEC-1")
@pytest.mark.parametrize(("count", "is_taken"), [(2, True), (3, True), (4, False)])
def test_queue_is_bounded_in_messages(count: int, is_taken: bool) -> None:
    queue = DeliveryQueue(3, 0)
    taken = [queue.put(event(str(n))) for n in range(count)]
    assert taken[-1] is is_taken
    assert len(queue) == min(count, 3)


@pytest.mark.spec("SEC-L16", "SEC-1")
@pytest.mark.parametrize(("more", "is_taken"), [(-1, True), (0, True), (1, False)])
def test_queue_is_bounded_in_bytes(more: int, is_taken: bool) -> None:
    size = event("").size
    queue = DeliveryQueue(0, 3 * size)
    queue.put(event(""))
    assert queue.put(event("x" * (size + more))) is is_taken


def test_dropping_the_oldest_makes_just_enough_room() -> None:
    queue = DeliveryQueue(3, 0)
    for n in range(3):
        queue.put(event(str(n)))
    newest = event("new")
    assert queue.drop_oldest_for(newest) == 1
    assert queue.put(newest)
    assert [orjson.loads(m.json)["data"] for m in queue.messages] == ["1", "2", "new"]
    queue.clear()
    assert (len(queue), queue.bytes) == (0, 0)


@pytest.mark.spec("WS-11", "WS-15")
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=20),
    max_bytes=st.integers(40, 500),
    max_messages=st.integers(0, 5),
)
def test_frames_hold_all_events_in_order_and_no_more_than_they_may(
    sizes: list[int], max_bytes: int, max_messages: int
) -> None:
    """A frame above the bound holds a single event, since none is ever split."""
    batch = Batch([event("x" * size) for size in sizes], max_bytes, max_messages)
    reader = FrameReader("client", max_message_size=0, max_fragments=0)
    texts = [text for text in reader.feed(batch.frames) if isinstance(text, bytes)]
    arrays = [orjson.loads(text) for text in texts]
    assert [m["data"] for array in arrays for m in array] == ["x" * size for size in sizes]
    for text, array in zip(texts, arrays, strict=True):
        assert len(text) <= max_bytes or len(array) == 1
        assert not max_messages or len(array) <= max_messages


@pytest.mark.spec("DEL-8")
def test_a_batch_makes_its_bytes_once() -> None:
    batch = Batch([event("1"), event("2")])
    assert batch.json is batch.json
    assert batch.frames is batch.frames
    assert orjson.loads(b"[" + batch.json + b"]")[1]["data"] == "2"
    assert (len(NOTHING), NOTHING.json, NOTHING.frames) == (0, b"", b"")
