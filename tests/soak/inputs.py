"""What the fuzz tests throw at a server: junk, what is almost right, and what is right in odd company.

Every strategy gives plain data, so that a failing example can be read. ``CLIENT_ID`` and ``BROWSER`` stand for
the session of a live client and its cookie; whoever sends puts those in, and no length changes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

from hypothesis import strategies as st

from tests.support.wire import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, frame

CLIENT_ID = "C" * 27
BROWSER = "B" * 27
PATH = "/cometd"

# -- JSON and Bayeux -----------------------------------------------------------------------------

_texts = st.text(max_size=20) | st.sampled_from(["", "\x00", "\ufeff", "é" * 40, "a" * 600, "__class__", "403::x"])
_numbers = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | _numbers | _texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_texts, inner, max_size=4),
    max_leaves=8,
)

_channel_texts = st.text(st.sampled_from("/*ab {}é%?.\x00\n\\~ \t"), max_size=12)
_known_channels = st.sampled_from(
    (
        "/meta/handshake /meta/connect /meta/subscribe /meta/unsubscribe /meta/disconnect /meta/connect/ /meta/x /meta "
        "/meta/** /service/echo /service/* /chat /chat/news /chat/* /** /v2/me /v2/me/x /v2/me/* /a/b/c/d/** /{x}/y"
    ).split()
)
channels = _known_channels | _known_channels | _channel_texts | st.builds("/".join, st.lists(_channel_texts))
_ids = st.sampled_from(["1", "abc-1.2:3", "", "x" * 128, "x" * 129, 0, -1, 2**63, 1.5, True, None]) | json_values
_milliseconds: st.SearchStrategy[Any] = st.sampled_from([0, 1, -1, 100, 1e300, 2**64, "0", True, None, []])
_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "id": _ids,
    "clientId": st.sampled_from([CLIENT_ID, CLIENT_ID, CLIENT_ID[1:], "", 1, None]),
    "connectionType": st.sampled_from(["websocket", "long-polling", "callback-polling", "", 1]),
    "supportedConnectionTypes": st.sampled_from([["websocket", "long-polling"], [], ["x"], "x", [1], None]),
    "version": st.sampled_from(["1.0", "2.0", "x", 1]),
    "minimumVersion": st.sampled_from(["1.0", "1", "99", "9" * 5000, "1.0.1", "", "١", 1]),
    "subscription": channels | st.lists(channels, max_size=5) | json_values,
    "advice": st.fixed_dictionaries({}, optional={"timeout": _milliseconds, "interval": _milliseconds}) | json_values,
    "data": json_values,
    "ext": st.dictionaries(_texts, json_values, max_size=3) | json_values,
    "successful": st.booleans(),
    "error": _texts,
    "timestamp": json_values,
}
_any_fields = st.fixed_dictionaries({}, optional={"channel": channels | json_values, **_FIELDS})


def _plausible(channel: str, **fields: Any) -> st.SearchStrategy[dict[str, Any]]:
    """A message of a live session, with a few more fields than it needs."""
    right = {"channel": st.just(channel), "clientId": st.just(CLIENT_ID), **fields}
    rest = {name: strategy for name, strategy in _FIELDS.items() if name not in right}
    return st.fixed_dictionaries(right, optional=rest)


messages = st.one_of(
    _plausible("/meta/handshake", version=st.just("1.0")),
    _plausible("/meta/connect"),
    _plausible("/meta/subscribe", subscription=channels | st.lists(channels, max_size=5)),
    _plausible("/meta/unsubscribe", subscription=channels | st.lists(channels, max_size=5)),
    _plausible("/chat/news"),
    _plausible("/service/echo"),
    _plausible("/meta/disconnect"),
    _any_fields,
)
batches = st.lists(messages, min_size=1, max_size=5) | messages


@dataclass(frozen=True)
class Mutation:
    """A change of some bytes: what is at ``where``, a fraction of the whole, gives way to ``by``."""

    where: float
    size: int
    by: bytes

    def of(self, data: bytes) -> bytes:
        at = int(self.where * len(data))
        return data[:at] + self.by + data[at + self.size :]


_PIECES = (
    b'" \\ { } [ ] , : / \x00 \xff \xc3 \xed\xa0\x80 \xef\xbb\xbf \\ud800 NaN 1e999 -0 null \r\n \r\n\r\n * ** % 0 +'
).split(b" ")
_SIZES = (0, 0, 1, 1, 4, 50)
_tokens = st.sampled_from(_PIECES)
mutations = st.lists(
    st.builds(
        Mutation,
        st.floats(0, 1),
        st.sampled_from(_SIZES),
        _tokens | st.binary(max_size=4) | st.builds(lambda token: token * 50, _tokens),
    ),
    max_size=3,
)


def variants(data: bytes, seed: int, count: int) -> Iterator[bytes]:
    """The bytes themselves and changed copies: many more examples than hypothesis has time to think of."""
    yield data
    chance = random.Random(seed)
    for _ in range(count):
        changes = [
            Mutation(
                chance.random(),
                chance.choice(_SIZES),
                chance.choice((chance.choice(_PIECES), chance.randbytes(chance.randrange(4)))),
            )
            for _ in range(chance.randint(1, 3))
        ]
        yield mutated(data, changes)


seeds = st.integers(0, 2**32)
"""Of the variants."""


def mutated(data: bytes, changes: Sequence[Mutation]) -> bytes:
    for change in changes:
        data = change.of(data)
    return data


def dumps(value: Any) -> bytes:
    """JSON as Python writes it, with numbers beyond what others take."""
    return json.dumps(value, ensure_ascii=False).encode()


_valid = st.builds(dumps, batches)
_nested = st.builds(lambda depth: b"[" * depth + b"{}" + b"]" * depth, st.integers(1, 3000))
documents = st.one_of(
    _valid, st.builds(mutated, _valid, mutations), st.builds(dumps, json_values), _nested, st.binary(max_size=100)
)
"""Bodies and texts."""

# -- HTTP ----------------------------------------------------------------------------------------

_content_types = st.sampled_from(
    [
        "application/json",
        "application/json;charset=UTF-8",
        'text/json; charset="utf-16"',
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/x-www-form-urlencoded; charset=latin-1",
        "application/json; charset=utf-7",
        "application/json; charset=idna",
        "application/json; charset=\xff",
        "multipart/form-data; boundary=x",
        ";;;",
        "",
    ]
)
_HEADERS: dict[str, st.SearchStrategy[str]] = {
    "Content-Type": _content_types,
    "Cookie": st.sampled_from([f"BAYEUX_BROWSER={BROWSER}", 'BAYEUX_BROWSER=x; =; ;"', "a=" + "b" * 5000]),
    "Origin": st.sampled_from(["http://127.0.0.1", "null", "http://elsewhere", "http://[", "://", "http://a:b"]),
    "Access-Control-Request-Method": st.sampled_from(["POST", ""]),
    "Connection": st.sampled_from(["close", "keep-alive", "Upgrade", "upgrade, close", ",,"]),
    "Upgrade": st.sampled_from(["websocket", "h2c", "websocket, h2c"]),
    "Sec-WebSocket-Version": st.sampled_from(["13", "8", "x"]),
    "Sec-WebSocket-Key": st.sampled_from(["AAAAAAAAAAAAAAAAAAAAAA==", "short", "é"]),
    "Sec-WebSocket-Protocol": st.sampled_from(["a, b", ","]),
    "Accept-Encoding": st.sampled_from(["gzip", "gzip;q=0", "*;q=0.001", "gzip" * 500]),
    "Content-Encoding": st.sampled_from(["gzip", "identity"]),
    "Expect": st.sampled_from(["100-continue", "x"]),
    "X-Forwarded-For": st.sampled_from(["1.2.3.4, x", ",", "["]),
    "Sec-Fetch-Site": st.sampled_from(["cross-site", "same-origin", "x"]),
    "A" * 3000: st.just("b" * 3000),
}
_framings = st.sampled_from(["length", "length", "length", "chunked", "chunked", "both", "none", "short", "long"])


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``framing`` says how its body's end is told, rightly or not; ``junk``: it is all body."""

    method: str
    target: str
    version: str
    headers: dict[str, str]
    framing: str
    body: bytes
    changes: Sequence[Mutation]

    def wire(self, body: bytes) -> bytes:
        """Its bytes, with this body instead of its own."""
        if self.framing == "junk":
            return body
        headers = {"Host": "127.0.0.1", **self.headers}
        size = len(body)
        lengths = {"length": size, "both": size, "short": size // 2, "long": size + 10}
        if self.framing in lengths:
            headers["Content-Length"] = str(lengths[self.framing])
        if self.framing in ("chunked", "both"):
            headers["Transfer-Encoding"] = "chunked"
            chunks = [body[:1], body[1:10], body[10:]]
            body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks if chunk) + b"0\r\n\r\n"
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        line = f"{self.method} {self.target} HTTP/{self.version}\r\n"
        return mutated((line + head + "\r\n").encode("latin-1") + body, self.changes)


_METHODS = ["POST", "POST", "GET", "OPTIONS", "HEAD", "PUT", "post", "X" * 300]
_TARGETS = [PATH, PATH, f"{PATH}/connect", f"{PATH}?x=%00&jsonp=alert", f"{PATH}#x", f"{PATH}/../x", PATH + "x" * 9000]
_TARGETS += ["/", "/other", "*", "//", f"http://127.0.0.1{PATH}", "http://elsewhere/", "/%63ometd"]
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}
_of_citizen = {"Cookie": f"BAYEUX_BROWSER={BROWSER}"}
_forms = st.builds(lambda body: b"message=" + quote_plus(body).encode(), _valid)
_whole = st.sampled_from(["length", "length", "chunked"])


def _request(
    headers: st.SearchStrategy[dict[str, str]], framing: st.SearchStrategy[str], body: st.SearchStrategy[bytes]
) -> st.SearchStrategy[Request]:
    return st.builds(Request, st.just("POST"), st.just(PATH), st.just("1.1"), headers, framing, body, st.just([]))


requests = st.one_of(
    _request(st.just(_of_citizen), _whole, _valid),
    _request(st.just(_of_citizen), _whole, documents),
    _request(st.just({**_of_citizen, **_FORM}), _whole, _forms),
    _request(st.fixed_dictionaries({}, optional=_HEADERS), _framings, documents | _forms),
    st.builds(
        Request,
        st.sampled_from(_METHODS),
        st.sampled_from(_TARGETS),
        st.sampled_from(["1.1", "1.1", "1.0", "2.0", "1.2", "x"]),
        st.fixed_dictionaries({}, optional=_HEADERS),
        _framings,
        documents,
        st.just([]) | mutations,
    ),
    _request(st.just({}), st.just("junk"), st.binary(max_size=200)),
)
http_streams = st.lists(requests, min_size=1, max_size=4)
"""What one connection sends, one write after the other: several requests are pipelined."""

UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    **_of_citizen,
}
"""Headers of the request that makes a WebSocket."""

# -- WebSocket -----------------------------------------------------------------------------------

_payloads = documents | st.binary(max_size=130) | st.sampled_from([b"", b"\x03\xe8", b"\x03\xe9bye", b"\x03\xff\xff"])


@dataclass(frozen=True)
class Frames:
    """A message in fragments, each with what comes before the next one; and how its bytes are changed."""

    opcode: int
    payload: bytes
    fragments: int
    between: Sequence[tuple[int, bytes]]
    reserved: int
    is_masked: bool
    changes: Sequence[Mutation]

    def wire(self, payload: bytes) -> bytes:
        """Its frames, with this payload instead of its own."""
        size = -(-len(payload) // self.fragments) or 1
        parts = [payload[at : at + size] for at in range(0, len(payload), size)] or [b""]
        data = b""
        for n, part in enumerate(parts):
            opcode, is_final = (CONTINUATION if n else self.opcode), n == len(parts) - 1
            data += frame(opcode, part, is_final=is_final, reserved=self.reserved, is_masked=self.is_masked)
            if not is_final:
                data += b"".join(frame(control, text) for control, text in self.between)
        return mutated(data, self.changes)


_controls = st.tuples(st.sampled_from([PING, PONG, CLOSE, TEXT]), st.binary(max_size=130))
_rarely = {"reserved": st.sampled_from([0] * 20 + [1, 4, 7]), "is_masked": st.sampled_from([True] * 20 + [False])}
frames = st.one_of(
    st.builds(
        Frames,
        st.sampled_from([TEXT] * 8 + [BINARY, CLOSE, PING, PING, PONG, CONTINUATION, 3, 15]),
        _payloads,
        st.sampled_from([1, 1, 1, 2, 5, 300]),
        st.just([]) | st.lists(_controls, max_size=2),
        changes=st.just([]) | mutations,
        **_rarely,
    ),
    st.builds(Frames, st.just(TEXT), _valid, st.just(1), st.just([]), st.just(0), st.just(True), st.just([])),
)
frame_streams = st.lists(frames, min_size=1, max_size=6)
"""What one socket sends after its upgrade."""
