"""Splitting plain text frames, which is all that a fan-out consists of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.frames import PING, server_frame, text_frame
from gateway.bench.websocket import split

PAYLOADS = st.lists(st.sampled_from([b"", b"[]", b"x" * 125, b"y" * 126, b"z" * 70_000]), max_size=5)


@given(PAYLOADS)
def test_whole_frames_are_split(payloads: list[bytes]) -> None:
    frames = b"".join(map(text_frame, payloads))
    assert split(frames) == (payloads, len(frames))


@given(PAYLOADS, st.integers(0, 10))
def test_an_incomplete_frame_is_left(payloads: list[bytes], size: int) -> None:
    frames = b"".join(map(text_frame, payloads))
    assert split(frames + text_frame(b"q" * 300)[:size]) == (payloads, len(frames))


def test_another_kind_of_frame_is_left() -> None:
    first = text_frame(b"[]")
    assert split(first + server_frame(PING, b"") + first) == ([b"[]"], len(first))
