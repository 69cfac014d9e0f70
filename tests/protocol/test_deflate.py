"""``permessage-deflate``: what is agreed, what is sent, what is read."""

from __future__ import annotations

import zlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.deflate import MOST_AT_ONCE, TAIL, Deflate, agree
from bayeux.protocol.encoded import Batch, EncodedMessage
from bayeux.protocol.frames import (
    BINARY,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Binary,
    Event,
    FrameReader,
    Ping,
    Violation,
    deflated_text_frame,
    text_frame,
    xor_mask,
)
from bayeux.protocol.inflating import MAX_STREAMS

KEY = b"\x01\x80\xff\x3c"
FINAL, RSV1, RSV2, RSV3 = 0x80, 0x40, 0x20, 0x10
EVENT = b'[{"channel":"/news","data":{"text":"' + b"all that repeats itself " * 40 + b'"}}]'


def event(data: object) -> EncodedMessage:
    return EncodedMessage("/news", orjson.dumps({"channel": "/news", "data": data}))


def compressed(text: bytes, level: int = 6, window_bits: int = 15) -> bytes:
    """As a client compresses a message."""
    stream = zlib.compressobj(level, zlib.DEFLATED, -window_bits)
    return (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH)).removesuffix(TAIL)


def sent(first: int, payload: bytes) -> bytes:
    """A client's frame with any first byte."""
    size = len(payload)
    length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    if size > 65535:
        length = b"\xff" + size.to_bytes(8, "big")
    return bytes((first,)) + length + KEY + xor_mask(KEY, payload)


def server_reader(max_message_size: int = 1000) -> FrameReader:
    return FrameReader("server", max_message_size=max_message_size, max_fragments=8, inflates=True)


def client_reader() -> FrameReader:
    return FrameReader("client", max_message_size=0, inflates=True)


def code_of(events: list[Event]) -> int:
    assert isinstance(events[-1], Violation), events
    return events[-1].code


# -- what is agreed ----------------------------------------------------------------------------


@pytest.mark.spec("WS-4")
@pytest.mark.parametrize(
    ("offers", "window_bits"),
    [
        ("permessage-deflate", 15),
        ("permessage-deflate; client_max_window_bits", 15),
        ("permessage-deflate; client_max_window_bits=8", 15),
        ("permessage-deflate; server_no_context_takeover; client_no_context_takeover", 15),
        ("permessage-deflate; server_max_window_bits=9", 9),
        ("permessage-deflate; server_max_window_bits=15", 15),
        (' permessage-deflate ;server_max_window_bits = "12"; client_max_window_bits = 10 ', 12),
        # several: the first that can be accepted
        ("x-webkit-deflate-frame, permessage-deflate; server_max_window_bits=10", 10),
        ("permessage-deflate; server_max_window_bits=11, permessage-deflate", 11),
        ("permessage-deflate; server_max_window_bits=8, permessage-deflate; server_no_context_takeover", 15),
        ("permessage-deflate; unheard_of, permessage-deflate; server_max_window_bits=14", 14),
        ('permessage-deflate; x="a,b", permessage-deflate', 15),
        # declined
        ("", None),
        ("x-webkit-deflate-frame", None),
        ("permessage-deflate2", None),
        ("permessage-deflate; server_max_window_bits=8", None),
        ("permessage-deflate; server_max_window_bits=16", None),
        ("permessage-deflate; server_max_window_bits=09", None),
        ("permessage-deflate; server_max_window_bits", None),
        ("permessage-deflate; client_max_window_bits=7", None),
        ("permessage-deflate; client_max_window_bits=1000000000000000000000000", None),
        ("permessage-deflate; server_no_context_takeover=1", None),
        ("permessage-deflate; client_no_context_takeover=true", None),
        ("permessage-deflate; client_max_window_bits; client_max_window_bits=10", None),
        ("permessage-deflate; server_no_context_takeover; server_no_context_takeover", None),
        ("permessage-deflate; unheard_of", None),
        ("permessage-deflate;", None),
        ("permessage-deflate; server_max_window_bits=", None),
        ('permessage-deflate; server_max_window_bits="10', None),
        ("permessage-deflate" + "; a" * 5000, None),
    ],
)
def test_an_offer_is_accepted_only_if_all_of_it_is_understood(offers: str, window_bits: int | None) -> None:
    assert agree(offers, 7) == (None if window_bits is None else Deflate(window_bits, 7))


@pytest.mark.spec("WS-4")
def test_the_answer_forbids_windows_that_outlive_a_message() -> None:
    both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
    assert Deflate().answer == both
    assert Deflate(10).answer == f"{both}; server_max_window_bits=10"


# -- out ---------------------------------------------------------------------------------------


@pytest.mark.spec("WS-4")
@given(st.text(max_size=3000).map(str.encode), st.integers(9, 15))
def test_what_is_compressed_is_read_back(text: bytes, window_bits: int) -> None:
    how = Deflate(window_bits)
    frame = deflated_text_frame(text, how)
    assert client_reader().feed(frame) == [text]
    assert len(frame) <= len(text_frame(text))
    payload = how.compress(text)
    if payload is not None:
        assert zlib.decompressobj(-window_bits).decompress(payload + TAIL) == text


@pytest.mark.spec("WS-4")
def test_messages_do_not_refer_to_one_another() -> None:
    """So whoever missed the first can read the second."""
    how = Deflate()
    assert deflated_text_frame(EVENT, how) == deflated_text_frame(EVENT, how)
    assert deflated_text_frame(EVENT, how)[0] == FINAL | RSV1 | TEXT


@pytest.mark.spec("WS-4")
def test_what_is_short_or_repeats_nothing_is_sent_as_it_is() -> None:
    assert deflated_text_frame(EVENT, Deflate(15, len(EVENT) + 1)) == text_frame(EVENT)
    assert deflated_text_frame(EVENT, Deflate(15, len(EVENT))) != text_frame(EVENT)
    assert deflated_text_frame(b"Hello", Deflate()) == text_frame(b"Hello")
    assert deflated_text_frame(b"", Deflate()) == text_frame(b"")


@pytest.mark.spec("WS-4", "DEL-8", "WS-11")
def test_a_batch_is_compressed_once_for_all_who_agreed_on_the_same() -> None:
    batch = Batch([event("a" * 300), event("b" * 600)], max_frame_bytes=800)
    frames = batch.deflated_frames(Deflate(15, 512))
    assert batch.deflated_frames(Deflate(15, 512)) is frames
    assert client_reader().feed(frames) == batch.arrays
    assert frames.startswith(text_frame(batch.arrays[0])), "each of its frames by itself"
    assert len(frames) < len(batch.frames)
    narrow = batch.deflated_frames(Deflate(9, 0))
    assert narrow != frames
    assert client_reader().feed(narrow) == batch.arrays


@pytest.mark.spec("SEC-92", "WS-4")
def test_of_a_long_batch_only_the_beginning_is_compressed() -> None:
    """The rest would hold the loop; so would one long message."""
    batch = Batch([event("x" * 60_000) for _ in range(6)], max_frame_bytes=64 * 1024)
    frames = batch.deflated_frames(Deflate())
    assert client_reader().feed(frames) == batch.arrays
    assert 2 * 60_000 < len(frames) < 3 * 60_000
    assert Deflate().compress(b"x" * MOST_AT_ONCE) is not None
    assert Deflate().compress(b"x" * (MOST_AT_ONCE + 1)) is None


# -- in ----------------------------------------------------------------------------------------


@pytest.mark.spec("WS-4")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param("f248cdc9c90700", id="7.2.3.1 one block"),
        pytest.param("000500faff48656c6c6f00", id="7.2.3.3 without compression"),
        pytest.param("f348cdc9c9070000", id="7.2.3.4 with a final block"),
        pytest.param("f248050000 00ffffcac9c90700", id="7.2.3.5 two blocks"),
    ],
)
def test_the_examples_of_the_standard(payload: str) -> None:
    assert server_reader().feed(sent(FINAL | RSV1 | TEXT, bytes.fromhex(payload))) == [b"Hello"]


@pytest.mark.spec("WS-4")
def test_the_fragments_of_the_standard_with_control_frames_between() -> None:
    """7.2.3.1; the mark stands on the first fragment alone, and control frames are never compressed."""
    stream = (
        sent(RSV1 | TEXT, bytes.fromhex("f248cd"))
        + sent(FINAL | PING, b"there?")
        + sent(FINAL | CONTINUATION, bytes.fromhex("c9c90700"))
    )
    assert server_reader().feed(stream) == [Ping(b"there?"), b"Hello"]
    reader = server_reader()
    assert [got for byte in stream for got in reader.feed(bytes((byte,)))] == [Ping(b"there?"), b"Hello"]


@pytest.mark.spec("WS-4")
def test_whoever_agreed_may_still_send_as_it_is() -> None:
    reader = server_reader()
    packed = sent(FINAL | RSV1 | TEXT, compressed(EVENT[:900]))
    plain = sent(FINAL | TEXT, b"plain") + sent(TEXT, b"pl") + sent(FINAL | CONTINUATION, b"ain")
    binary = sent(FINAL | RSV1 | BINARY, compressed(b"\xff\xfe")) + sent(FINAL | BINARY, b"\xff")
    expected: list[Event] = [b"plain", b"plain", EVENT[:900], b"plain", b"plain", Binary(b"\xff\xfe"), Binary(b"\xff")]
    assert reader.feed(plain + packed + plain + binary) == expected


messages = st.lists(st.tuples(st.text(max_size=300).map(str.encode), st.integers(0, 9), st.booleans()), max_size=4)


@pytest.mark.spec("WS-4", "SEC-94")
@given(messages, st.data())
def test_whatever_a_client_compresses_is_read_however_it_is_cut(
    texts: list[tuple[bytes, int, bool]], data: st.DataObject
) -> None:
    """Into fragments, without regard for characters and blocks, and by the network."""
    stream = b""
    for text, level, is_compressed in texts:
        payload = compressed(text, level) if is_compressed else text
        cuts = sorted(data.draw(st.lists(st.integers(0, len(payload)), max_size=3)))
        pieces = [payload[start:end] for start, end in zip([0, *cuts], [*cuts, len(payload)], strict=True)]
        for n, piece in enumerate(pieces):
            opcode = CONTINUATION if n else TEXT | (RSV1 if is_compressed else 0)
            stream += sent(opcode | (FINAL if n == len(pieces) - 1 else 0), piece)
    reader, middle = server_reader(), data.draw(st.integers(0, len(stream)))
    read = [*reader.feed(stream[:middle]), *reader.feed(stream[middle:])]
    assert read == [text for text, _, _ in texts]


@pytest.mark.spec("WS-4", "WS-20", "SEC-94")
@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(sent(FINAL | RSV2 | TEXT, b""), id="another reserved bit"),
        pytest.param(sent(FINAL | RSV1 | RSV3 | TEXT, b""), id="two of them"),
        pytest.param(sent(FINAL | RSV1 | PING, b""), id="compressed ping"),
        pytest.param(sent(FINAL | RSV1 | PONG, b""), id="compressed pong"),
        pytest.param(sent(FINAL | RSV1 | 0x8, b""), id="compressed close"),
        pytest.param(sent(RSV1 | TEXT, b"") + sent(FINAL | RSV1 | CONTINUATION, b""), id="mark on a later fragment"),
        pytest.param(sent(TEXT, b"") + sent(FINAL | RSV1 | CONTINUATION, b""), id="mark on a later fragment alone"),
    ],
)
def test_a_mark_where_none_may_stand_ends_with_1002(stream: bytes) -> None:
    assert code_of(server_reader().feed(stream)) == 1002


@pytest.mark.spec("WS-4", "WS-20")
def test_a_mark_that_nobody_agreed_on_ends_with_1002() -> None:
    reader = FrameReader("server", max_message_size=1000)
    assert code_of(reader.feed(sent(FINAL | RSV1 | TEXT, compressed(b"Hello")))) == 1002


@pytest.mark.spec("WS-4", "WS-20")
@pytest.mark.parametrize(
    "payload",
    [
        pytest.param(b"\x07", id="no such block"),
        pytest.param(bytes.fromhex("f200110000"), id="7.2.3.2 refers to the message before"),
        pytest.param(bytes.fromhex("f348cdc9c907 00") * (MAX_STREAMS + 1), id="a chain of streams"),
        pytest.param(compressed(b"\xff\xfe"), id="compressed, but no UTF-8"),
    ],
)
def test_what_cannot_be_inflated_ends_with_1007(payload: bytes) -> None:
    reader = server_reader()
    assert reader.feed(sent(FINAL | RSV1 | TEXT, compressed(b"Hello"))) == [b"Hello"]
    assert code_of(reader.feed(sent(FINAL | RSV1 | TEXT, payload))) == 1007
    assert reader.feed(sent(FINAL | TEXT, b"x")) == []


@pytest.mark.spec("WS-4", "SEC-94")
def test_what_is_wrong_is_noticed_before_the_message_is_complete() -> None:
    assert code_of(server_reader().feed(sent(RSV1 | TEXT, b"\x07"))) == 1007
    assert code_of(server_reader().feed(sent(RSV1 | TEXT, compressed(b"\xc0" * 20) + TAIL))) == 1007


@pytest.mark.spec("WS-19", "SEC-L7", "SEC-93", "SEC-1")
@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("beyond", [-1, 0, 1])
@pytest.mark.parametrize("count", [1, 3])
def test_the_bound_is_that_of_the_inflated_message(level: int, beyond: int, count: int) -> None:
    """Exactly; also where compressing made it longer."""
    text = b"x" * (1000 + beyond)
    payload = compressed(text, level)
    pieces = [payload[n * len(payload) // count : (n + 1) * len(payload) // count] for n in range(count)]
    stream = b"".join(
        sent((CONTINUATION if n else RSV1 | TEXT) | (FINAL if n == count - 1 else 0), piece)
        for n, piece in enumerate(pieces)
    )
    events = server_reader(max_message_size=1000).feed(stream)
    if beyond > 0:
        assert code_of(events) == 1009
    else:
        assert events == [text]


@pytest.mark.spec("WS-19", "SEC-L7", "SEC-93")
def test_a_bomb_ends_with_1009_with_the_fragment_that_has_it() -> None:
    bomb = compressed(bytes(1_000_000), 9)
    assert len(bomb) < 1100
    assert code_of(server_reader().feed(sent(RSV1 | TEXT, bomb[:500]))) == 1009
    assert code_of(server_reader().feed(sent(RSV1 | TEXT, compressed(b"x" * 999) + TAIL) + sent(0, bomb[:500]))) == 1009


@pytest.mark.spec("WS-19", "SEC-L7")
def test_a_frame_far_above_the_bound_is_refused_by_its_header() -> None:
    assert code_of(server_reader(max_message_size=1000).feed(sent(FINAL | RSV1 | TEXT, bytes(1190))[:8])) == 1009
