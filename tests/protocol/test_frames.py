"""WebSocket frames: what is read is what was written, however it is cut; what breaks a rule is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol import frames
from bayeux.protocol.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Binary,
    Close,
    Event,
    FrameReader,
    Ping,
    Pong,
    Violation,
    accept_key,
    client_frame,
    close_frame,
    close_payload,
    ping_frame,
    pong_frame,
    server_frame,
    text_frame,
    xor_mask,
)

KEY = b"\x01\x80\xff\x3c"


def server_reader(max_message_size: int = 1000, max_fragments: int = 4) -> FrameReader:
    return FrameReader("server", max_message_size=max_message_size, max_fragments=max_fragments)


def client_reader() -> FrameReader:
    return FrameReader("client", max_message_size=0)


def part(opcode: int, payload: bytes) -> bytes:
    """A client's frame that is not the last of its message."""
    whole = client_frame(opcode, payload, KEY)
    return bytes((whole[0] & 0x7F,)) + whole[1:]


def code_of(events: list[Event]) -> int:
    assert isinstance(events[-1], Violation)
    return events[-1].code


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 200_000])
def test_every_length_form_is_read_back(size: int) -> None:
    payload = b"x" * size
    assert client_reader().feed(text_frame(payload)) == [payload]
    assert client_reader().feed(server_frame(BINARY, payload)) == [Binary(payload)]
    assert FrameReader("server", max_message_size=0).feed(client_frame(TEXT, payload, KEY)) == [payload]


@given(
    payload=st.one_of(st.binary(max_size=140), st.text(max_size=140).map(str.encode), st.just(b"x" * 400)),
    opcode=st.sampled_from((TEXT, TEXT, TEXT, BINARY, PING, CLOSE)),
    change=st.one_of(st.none(), st.tuples(st.integers(0, 7), st.integers(0, 255))),
    cut=st.integers(-3, 3),
    before=st.sampled_from(
        (b"", part(TEXT, b"x"), client_frame(TEXT, b"y", KEY), b"\x81", client_frame(CLOSE, b"", KEY))
    ),
)
def test_a_text_frame_read_alone_is_what_feeding_it_gives(
    payload: bytes, opcode: int, change: tuple[int, int] | None, cut: int, before: bytes
) -> None:
    """Whatever came before it, and whatever is wrong with it."""
    frame = bytearray(client_frame(opcode, payload, KEY))
    if change is not None and change[0] < len(frame):
        frame[change[0]] = change[1]
    data = bytes(frame[:cut] if cut < 0 else frame + b"\x81" * cut)
    alone, fed = server_reader(300), server_reader(300)
    alone.feed(before)
    fed.feed(before)
    text = alone.whole_text(data)
    events = fed.feed(data)
    assert (alone.feed(data) if text is None else [text]) == events
    assert text is not None or before or change or cut or opcode != TEXT or len(payload) > 290 or events[0] != payload


def test_a_client_reads_no_masked_frame_alone() -> None:
    assert client_reader().whole_text(client_frame(TEXT, b"x", KEY)) is None


def test_text_frame_is_the_general_frame() -> None:
    for size in (0, 125, 126, 65535, 65536):
        assert text_frame(b"x" * size) == server_frame(TEXT, b"x" * size)


def test_control_frames_are_read_back() -> None:
    sent = ping_frame(b"a") + pong_frame(b"b") + close_frame(1001, "later")
    assert client_reader().feed(sent) == [Ping(b"a"), Pong(b"b"), Close(1001, "later")]
    assert client_reader().feed(close_frame(frames.NO_CODE)) == [Close(frames.NO_CODE, "")]


def test_a_close_reason_is_cut_at_a_character() -> None:
    payload = close_payload(1000, "ä" * 100)
    assert len(payload) <= 125
    assert payload[2:].decode() == "ä" * 61


def test_the_handshake_key_of_the_standard() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=300))
def test_masking_is_byte_by_byte_and_its_own_inverse(key: bytes, data: bytes) -> None:
    masked = xor_mask(key, data)
    assert masked == bytes(byte ^ key[at % 4] for at, byte in enumerate(data))
    assert xor_mask(key, masked) == data


@pytest.mark.spec("SEC-94")
def test_control_frames_may_stand_between_fragments() -> None:
    sent = part(TEXT, b"a") + client_frame(PING, b"p", KEY) + part(CONTINUATION, b"b") + client_frame(0, b"c", KEY)
    assert server_reader().feed(sent) == [Ping(b"p"), b"abc"]
    assert server_reader().feed(part(BINARY, b"\xff") + client_frame(0, b"\xfe", KEY)) == [Binary(b"\xff\xfe")]


@pytest.mark.spec("SEC-94", "WS-20")
@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"\xc1\x80" + KEY, id="reserved bit"),
        pytest.param(b"\x91\x80" + KEY, id="lowest reserved bit"),
        pytest.param(b"\x83\x80" + KEY, id="unknown data opcode"),
        pytest.param(b"\x8b\x80" + KEY, id="unknown control opcode"),
        pytest.param(text_frame(b"bare"), id="not masked"),
        pytest.param(client_frame(PING, b"x" * 126, KEY), id="long ping"),
        pytest.param(part(PING, b""), id="ping in parts"),
        pytest.param(client_frame(CONTINUATION, b"x", KEY), id="continues nothing"),
        pytest.param(part(TEXT, b"a") + client_frame(TEXT, b"b", KEY), id="message within a message"),
        pytest.param(part(TEXT, b"a") + part(BINARY, b"b"), id="message begun within a message"),
        pytest.param(b"\x81\xff" + b"\x80" + bytes(7) + KEY, id="length of 64 bits"),
        pytest.param(client_frame(CLOSE, b"\x03", KEY), id="half a close code"),
    ],
)
def test_what_breaks_the_protocol_ends_with_1002(sent: bytes) -> None:
    assert code_of(server_reader().feed(sent)) == 1002


@pytest.mark.spec("SEC-94")
def test_a_server_that_masks_breaks_the_protocol() -> None:
    assert code_of(client_reader().feed(client_frame(TEXT, b"x", KEY))) == 1002


@pytest.mark.spec("SEC-94")
@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_a_close_code_that_may_not_be_sent_is_a_violation(code: int) -> None:
    sent = client_frame(CLOSE, code.to_bytes(2, "big"), KEY)
    assert code_of(server_reader().feed(sent)) == 1002


@pytest.mark.spec("SEC-94")
@pytest.mark.parametrize("code", [1000, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999])
def test_a_registered_or_private_close_code_is_passed_on(code: int) -> None:
    assert server_reader().feed(client_frame(CLOSE, close_payload(code, "bye"), KEY)) == [Close(code, "bye")]


@pytest.mark.spec("SEC-94")
@pytest.mark.parametrize("payload", [b"\xff", b"\xed\xa0\x80", b"\xc0\xaf", b"\xf4\x90\x80\x80", "ä".encode()[:1]])
def test_text_that_is_not_utf8_ends_with_1007(payload: bytes) -> None:
    assert code_of(server_reader().feed(client_frame(TEXT, payload, KEY))) == 1007
    assert code_of(server_reader().feed(client_frame(CLOSE, b"\x03\xe8" + payload, KEY))) == 1007
    assert code_of(server_reader().feed(part(TEXT, payload[:1]) + client_frame(0, payload[1:], KEY))) == 1007


@pytest.mark.spec("SEC-94")
def test_invalid_utf8_is_noticed_before_the_message_is_complete() -> None:
    reader = server_reader()
    assert reader.feed(part(TEXT, "κ".encode()[:1])) == []
    assert code_of(reader.feed(part(CONTINUATION, b"\xc0"))) == 1007


@pytest.mark.spec("SEC-94")
def test_a_character_may_be_cut_between_fragments() -> None:
    text = "κόσμε".encode()
    assert server_reader().feed(part(TEXT, text[:1]) + client_frame(0, text[1:], KEY)) == [text]


@pytest.mark.spec("WS-19", "SEC-L7")
def test_a_message_above_the_bound_is_refused_by_its_header() -> None:
    reader = server_reader(max_message_size=300)
    assert reader.feed(client_frame(TEXT, b"x" * 300, KEY)) == [b"x" * 300]
    assert code_of(reader.feed(client_frame(TEXT, b"x" * 301, KEY)[:4])) == 1009


@pytest.mark.spec("WS-19", "SEC-L7")
def test_fragments_count_together() -> None:
    reader = server_reader(max_message_size=300)
    assert reader.feed(part(TEXT, b"x" * 200)) == []
    assert code_of(reader.feed(part(CONTINUATION, b"x" * 101)[:2])) == 1009


@pytest.mark.spec("SEC-L22")
def test_too_many_fragments_end_with_1008() -> None:
    reader = server_reader(max_fragments=3)
    assert reader.feed(part(TEXT, b"") + part(0, b"") + client_frame(0, b"", KEY)) == [b""]
    assert code_of(reader.feed(part(TEXT, b"") + part(0, b"") + part(0, b"") + part(0, b""))) == 1008


@pytest.mark.spec("SEC-94")
def test_messages_before_a_violation_are_kept_and_nothing_follows_it() -> None:
    reader = server_reader()
    whole = client_frame(TEXT, b"before", KEY)
    events = reader.feed(whole + b"\xff\xff" + whole)
    assert events[0] == b"before"
    assert len(events) == 2
    assert reader.feed(whole) == []


def test_nothing_is_read_after_a_close() -> None:
    reader = server_reader()
    assert reader.feed(client_frame(CLOSE, b"", KEY) + client_frame(TEXT, b"x", KEY)) == [Close(frames.NO_CODE, "")]
    assert reader.feed(client_frame(TEXT, b"x", KEY)) == []


# A stream of good and bad frames: what it says may not depend on where the network cut it.
frame_bytes = st.one_of(
    st.builds(client_frame, st.sampled_from([TEXT, BINARY, PING, PONG]), st.binary(max_size=140), st.just(KEY)),
    st.builds(client_frame, st.just(TEXT), st.text(max_size=400).map(str.encode), st.just(KEY)),
    st.builds(part, st.sampled_from([TEXT, BINARY, CONTINUATION]), st.text(max_size=5).map(str.encode)),
    st.builds(client_frame, st.just(CONTINUATION), st.text(max_size=5).map(str.encode), st.just(KEY)),
    st.builds(client_frame, st.just(CLOSE), st.binary(max_size=4), st.just(KEY)),
    st.binary(max_size=3),
)


@pytest.mark.spec("SEC-94")
@given(st.lists(frame_bytes, max_size=8).map(b"".join), st.data())
def test_events_do_not_depend_on_how_the_stream_is_cut(stream: bytes, data: st.DataObject) -> None:
    at_once = server_reader().feed(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    reader = server_reader()
    assert [event for piece in pieces for event in reader.feed(piece)] == at_once
    drip = server_reader()
    assert [event for byte in stream for event in drip.feed(bytes((byte,)))] == at_once


@given(st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), st.text(max_size=300)), max_size=5))
def test_what_either_side_writes_the_other_reads(messages: list[tuple[int, str]]) -> None:
    expected: list[Event] = [text.encode() if opcode == TEXT else Binary(text.encode()) for opcode, text in messages]
    to_client = b"".join(server_frame(opcode, text.encode()) for opcode, text in messages)
    to_server = b"".join(client_frame(opcode, text.encode(), KEY) for opcode, text in messages)
    assert client_reader().feed(to_client) == expected
    assert FrameReader("server", max_message_size=0).feed(to_server) == expected
