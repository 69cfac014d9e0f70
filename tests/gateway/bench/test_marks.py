"""Marks in received bodies: found whatever a server does to its JSON, and read once for all who got the same."""

from __future__ import annotations

import json

import pytest

from gateway.bench import marks
from gateway.bench.marks import Reader, message_parts, padding
from tests.gateway.bench.scripted import RUN, event


def read(*messages: object, **style: object) -> marks.Content:
    body = json.dumps(messages, **style).encode()  # type: ignore[arg-type]
    return Reader(RUN, remembers=False).read(body, [body])


@pytest.mark.parametrize("style", [{"separators": (",", ":")}, {"indent": 2}, {"sort_keys": True}])
def test_marks_are_found_in_any_style(style: dict[str, object]) -> None:
    content = read(event(1, 2, 3), event(1, 3, 4), **style)
    assert content.marks == [(1, 2, 3), (1, 3, 4)]
    assert content.runs == [(1, 2, 2)]
    assert content.replies == []


def test_a_published_message_carries_its_mark() -> None:
    before, after = message_parts(RUN, 7, "/a", "me", "FILL")
    body = b'%b%d %d%b%d"}]' % (before, 5, 99, after, 5)
    (message,) = json.loads(body)
    assert message == {
        "channel": "/a",
        "clientId": "me",
        "data": {"bench": f"{RUN} 7 5 99", "fill": "FILL"},
        "id": "7n5",
    }
    assert read(message).marks == [(7, 5, 99)]


def test_events_of_another_run_are_not_seen() -> None:
    assert read(event(1, 2, run="ffffffff")).marks == []


def test_replies_are_told_from_events() -> None:
    reply = {"channel": "/meta/connect", "successful": True}
    assert read(event(0, 0), reply).replies == [reply]


def test_interleaved_stretches_are_not_plain() -> None:
    """A stream with two stretches in one body must be looked at event by event."""
    assert read(event(0, 0), event(1, 0)).is_plain
    assert not read(event(0, 0), event(1, 0), event(0, 1)).is_plain
    assert not read(event(0, 0), event(0, 0)).is_plain


def test_the_same_bytes_are_read_once() -> None:
    reader = Reader(RUN, remembers=True)
    body = json.dumps([event(0, 0)]).encode()
    content = reader.read(b"frame" + body, [body])
    assert reader.known[b"frame" + body] is content


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """In number and in bytes."""
    monkeypatch.setattr(marks, "MAX_KNOWN_BODIES", 3)
    reader = Reader(RUN, remembers=True)
    for i in range(10):
        reader.read(b"%d" % i, [])
        assert len(reader.known) <= 3
    monkeypatch.setattr(marks, "MAX_KNOWN_BODIES", 1000)
    monkeypatch.setattr(marks, "MAX_KNOWN_BYTES", 100)
    for i in range(50):
        reader.read(b"%050d" % i, [])
        assert len(reader.known) <= 4


@pytest.mark.parametrize("body", [b'"successful"', b'{"successful"', b'[1, {"successful": true}]'])
def test_what_is_no_array_of_messages_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError):
        Reader(RUN, remembers=False).read(body, [body])


def test_padding_is_the_same_for_a_seed() -> None:
    assert padding(100, 1) == padding(100, 1) != padding(100, 2)
    assert len(padding(100, 1)) == 100
