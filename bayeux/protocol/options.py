"""Every option of a Bayeux server, typed, with its unit, its default and its ground.

One frozen value a server, a transport or a mount: the more specific one is a copy with some
fields replaced. Times are seconds, sizes are bytes; 0 switches a bound off where the text says so.

Source: sections 6, 12, 14…18 and 25 of the Bayeux reference; limits SEC-L1…L22.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from types import UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from bayeux.protocol.json import STRICT, JsonCodec

KIB = 1024
MIB = 1024 * KIB

TRANSPORTS = ("websocket", "long-polling", "callback-polling")
"""All there are; the last has no protection against foreign pages but the cookie, and is off by default (JP-7)."""

CALLBACK = re.compile(r"[A-Za-z_$][A-Za-z0-9_$.]*")
"""What the callback of callback-polling may be called (JP-2)."""

# CometD's word for "unlimited", and a cookie's for "until the browser closes".
_MAY_BE_MINUS_ONE = (
    "max_queue",
    "max_queue_bytes",
    "max_sessions_per_browser",
    "http2_max_sessions_per_browser",
    "browser_cookie_max_age",
)


def option(default: Any, text: str) -> Any:
    """A field whose ``metadata["doc"]`` is shown by ``config docs`` of the gateway."""
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a server, one of its transports or one of its mounts goes by.

    Raises ValueError for values that contradict each other (SEC-4).
    """

    # Connect and session life
    timeout: float = option(30.0, "How long a connect is held (CN-3).")
    interval: float = option(0.0, "Pause advised between two connects (ADV-1).")
    max_interval: float = option(10.0, "Life of a session after `interval` without a connect (SES-5).")
    sweep_period: float = option(0.997, "How often unused channels are looked for (CH-31).")
    max_client_interval: float = option(3600.0, "Longest interval a client may ask for (ADV-7).")
    handshake_reconnect: bool = option(False, "Send `maxInterval` in the advice (ADV-5).")
    meta_connect_delivery_only: bool = option(False, "Events leave only with connect replies (DEL-3).")
    duplicate_meta_connect_http_code: int = option(500, "Status of a replaced connect, 400 or more, not 408 (CN-10).")
    advise_unknown_session: bool = option(False, "Every 402 carries advice, not only those of connect (CM-12).")
    strict_handshake: bool = option(False, "A handshake needs version and connection types (HS-4).")
    max_processing: float = option(0.0, "Longest processing of a connect before its session ends; 0 = off (SES-9).")
    transports: tuple[str, ...] = option(("websocket", "long-polling"), "Enabled transports, preferred first (HS-3).")

    # Hooks
    hook_timeout: float = option(0.0, "How long a hook may be waited for; 0 = for ever (GEN-3).")
    rpc_strict: bool = option(False, "A call nobody answers fails with 404 (RPC-6).")
    rpc_hide_errors: bool = option(True, "A failed call does not tell the exception (RPC-3).")

    # Delivery
    allow_message_delivery_during_handshake: bool = option(False, "Events follow the handshake reply (HS-14).")
    max_lazy_timeout: float = option(5.0, "How long a lazy event waits for company; 0 = not at all (Q-11).")
    broadcast_to_publisher: bool = option(True, "A publisher gets its own event if subscribed (PUB-11).")
    allow_anonymous_publish: bool = option(False, "Publishing without a session, as the policy says (PUB-2).")
    forward_ext: bool | tuple[str, ...] = option(True, "`ext` keys of a publish that reach subscribers (EXT-3).")
    forward_unknown_fields: bool = option(True, "Application fields of a publish reach subscribers (PUB-9).")
    private_prefixes: tuple[str, ...] = option((), "Channels that are one name with an audience a user (SEC-44).")
    max_queue: int = option(1000, "Events that may wait for a session; 0 or -1 = unlimited (SEC-L16).")
    max_queue_bytes: int = option(1024 * KIB, "Bytes of them; 0 or -1 = unlimited (SEC-L16).")
    queue_overflow: Literal["call", "drop_new", "drop_old", "disconnect"] = option(
        "disconnect", "What a full queue does when no listener decides (Q-2)."
    )
    ack_max_resends: int = option(10, "Connects in a row without news before a session ends; 0 = unlimited (ACK-41).")

    # Limits
    max_sessions: int = option(20_000, "Sessions at once; 0 = unlimited (SEC-L15).")
    max_sessions_per_user: int = option(16, "Sessions of one user; 0 = unlimited (SEC-L15).")
    max_sessions_per_ip: int = option(0, "Sessions of one address; 0 = unlimited (SEC-L2).")
    max_subscriptions_per_session: int = option(256, "Subscriptions of one session; 0 = unlimited (SEC-L14).")
    max_channels: int = option(0, "Channels at once, meta channels not counted; 0 = unlimited (WSEC-2).")
    max_message_size: int = option(256 * KIB, "Bytes of a request body; 0 = unlimited (SEC-L7, LP-4).")
    ws_max_message_size: int = option(256 * KIB, "Bytes of a WebSocket message; 0 = unlimited (SEC-L7, WS-19).")
    max_bayeux_message_size: int = option(64 * KIB, "Bytes of one Bayeux message; 0 = unlimited (SEC-L8).")
    max_batch_messages: int = option(100, "Messages in one body or frame; 0 = unlimited (SEC-L11).")
    max_channel_length: int = option(512, "Characters of a channel name (SEC-L13, CH-5).")
    max_channel_segments: int = option(32, "Segments of a channel name (SEC-L13, CH-5).")
    max_json_depth: int = option(32, "Nesting of JSON; 0 = as deep as can be encoded again (SEC-L12).")
    max_ext_size: int = option(8 * KIB, "Bytes of a message's `ext`; 0 = unlimited (SEC-L13).")
    session_message_rate: float = option(50.0, "Messages a second of one session; 0 = unlimited (SEC-L19).")
    session_message_burst: int = option(100, "Messages a session may send at once (SEC-L19).")
    handshake_rate_per_ip: float = option(500.0, "Handshakes a second of one address; 0 = unlimited (SEC-L20).")
    handshake_burst_per_ip: int = option(2000, "Handshakes an address may do at once (SEC-L20).")

    # Connections
    max_connections: int = option(10_000, "Connections at once; 0 = unlimited (SEC-L1).")
    max_connections_per_ip: int = option(0, "Connections of one address; 0 = unlimited (SEC-L2).")
    accept_rate: float = option(1000.0, "Connections accepted a second; 0 = unlimited (SEC-L3).")
    header_bytes: int = option(16 * KIB, "Bytes of a request's line and headers (SEC-L4).")
    header_timeout: float = option(10.0, "From a request's first byte to its last header (SEC-L4).")
    body_timeout: float = option(15.0, "From a request's last header to its last byte (SEC-L5).")
    keepalive_idle: float = option(75.0, "Life of a connection without a request (SEC-L6).")

    # Browsers
    max_sessions_per_browser: int = option(1, "Held connects of one browser; -1 = unlimited (COOK-10).")
    http2_max_sessions_per_browser: int = option(-1, "The same behind a proxy that says HTTP/2 (COOK-10).")
    multi_session_interval: float = option(2.0, "Interval advised to a tab too many (COOK-11).")
    trust_client_session: bool = option(False, "A clientId alone is proof of a session over HTTP (COOK-4).")
    browser_cookie_name: str = option("BAYEUX_BROWSER", "Name of the browser cookie (COOK-1).")
    browser_cookie_domain: str = option("", "Its Domain; empty = none (COOK-2).")
    browser_cookie_path: str = option("/", "Its Path (COOK-2).")
    browser_cookie_max_age: int = option(-1, "Its Max-Age in seconds; -1 = a session cookie (COOK-2).")
    browser_cookie_http_only: bool = option(True, "Its HttpOnly (COOK-2).")
    browser_cookie_secure: Literal["auto", "on", "off"] = option("auto", "Its Secure; auto = on over TLS (COOK-2).")
    browser_cookie_same_site: Literal["Lax", "Strict", "None", ""] = option("Lax", "Its SameSite (COOK-2).")
    browser_cookie_partitioned: bool = option(False, "Its Partitioned (COOK-2).")
    allowed_origins: tuple[str, ...] = option((), "Origins allowed besides our own; `any` = all (CORS-1).")
    allowed_headers: tuple[str, ...] = option((), "Request headers allowed besides the usual (CORS-3).")
    reject_bad_origin: bool = option(True, "403 for an Origin that is not allowed (CORS-6).")
    trusted_proxies: tuple[str, ...] = option((), "Networks whose X-Forwarded-* is believed (SEC-96).")

    # HTTP and WebSocket
    callback_parameter: str = option("jsonp", "Query parameter with the callback of callback-polling (JP-2).")
    callback_parameter_max_length: int = option(64, "Characters of a callback's name (JP-2).")
    preset: str = field(default="", compare=False)
    """The server these options imitate (MIG-3), or nothing."""
    json_codec: JsonCodec = field(default=STRICT, compare=False)
    """How values that JSON does not know are sent (MSGX-6); not for configuration files."""
    default_callback: str = option("", "Callback of a request that names none; empty = refuse it (JP-3).")
    gzip: bool = option(True, "Compress answers for clients that accept it (ENC-2).")
    gzip_min_size: int = option(1024, "Smallest body that is compressed (ENC-2).")
    accept_gzip_requests: bool = option(False, "Inflate request bodies that come compressed by gzip (ENC-3).")
    ws_protocol: str = option("", "Subprotocol a client must offer; empty = none (WS-2).")
    ws_messages_per_frame: int = option(0, "Events in one frame; 0 = unlimited (WS-11).")
    ws_max_frame_bytes: int = option(64 * KIB, "Bytes of a frame of several events (WS-11).")
    ws_deflate: bool = option(False, "Compress frames for clients that offer permessage-deflate (WS-4).")
    # Below it less than half is saved, and the frame is one packet either way.
    ws_deflate_min_size: int = option(512, "Smallest frame that is compressed (WS-4).")
    ws_idle_timeout: float = option(300.0, "Life of a socket without a frame (WS-17).")
    ws_ping_interval: float = option(0.0, "Pause between our pings; 0 = none (WS-18).")
    ws_ping_timeout: float = option(20.0, "Wait for a pong (WS-18).")
    ws_max_write_buffer: int = option(512 * KIB, "Unsent bytes of a connection (SEC-L17, WS-21).")
    ws_write_timeout: float = option(10.0, "How long a write may stall (SEC-L17, WS-21).")
    handshake_timeout: float = option(60.0, "Life of a socket without a message (SEC-L18, WS-6).")
    ws_max_fragments: int = option(256, "Fragments of one WebSocket message (SEC-L22).")
    ws_control_rate: float = option(10.0, "Control frames a second (SEC-L22).")
    ws_rebind: Literal["clientid", "bound", "never"] = option(
        "bound", "Who may continue a session on another socket (WS-32)."
    )
    ws_require_handshake_per_connection: bool = option(
        False, "A socket serves only sessions that handshook on it (WS-30)."
    )

    def __post_init__(self) -> None:
        if self.duplicate_meta_connect_http_code < 400 or self.duplicate_meta_connect_http_code == 408:
            raise ValueError("duplicate_meta_connect_http_code must be 400 or more and not 408 (CN-10)")
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            _check_type(each.name, value)
            if isinstance(value, (int, float)) and value < 0 and each.name not in _MAY_BE_MINUS_ONE:
                raise ValueError(f"{each.name} may not be negative")
        if 0 < self.max_queue_bytes < self.max_message_size:
            raise ValueError("max_message_size is above max_queue_bytes: one message could not be queued")
        if self.ws_ping_interval and self.ws_ping_timeout > self.ws_ping_interval:
            raise ValueError("ws_ping_timeout is above ws_ping_interval: pings would overlap")
        if self.ws_idle_timeout <= self.timeout:
            raise ValueError("ws_idle_timeout must exceed timeout: held sockets would be closed as idle (WS-17)")
        if self.browser_cookie_same_site == "None" and self.browser_cookie_secure == "off":
            raise ValueError("browser_cookie_same_site None needs browser_cookie_secure (SEC-37)")
        if self.default_callback and not CALLBACK.fullmatch(self.default_callback):
            raise ValueError(f"default_callback: {self.default_callback!r} is no name of a function (JP-2)")
        unknown = [name for name in self.transports if name not in TRANSPORTS]
        if unknown or not self.transports:
            raise ValueError(f"transports: choose from {', '.join(TRANSPORTS)}, not {unknown}")

    def replaced(self, changes: Mapping[str, Any]) -> Options:
        """These options with some fields replaced, for a transport or a mount.

        Raises ValueError for a field that does not exist.
        """
        unknown = set(changes) - {each.name for each in dataclasses.fields(self)}
        if unknown:
            raise ValueError(f"unknown option: {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **changes)


@lru_cache
def _types() -> Mapping[str, Any]:
    return get_type_hints(Options)


def _check_type(name: str, value: object) -> None:
    """Raises ValueError for a value that the option cannot have: it would be found out by the first client only."""
    wanted = _types()[name]
    if not _is_a(value, wanted):
        raise ValueError(f"{name}: {value!r:.80} is not {_words_of(wanted)}")


def _is_a(value: object, wanted: Any) -> bool:
    if get_origin(wanted) is Literal:
        return value in get_args(wanted)
    if isinstance(wanted, UnionType):
        return any(_is_a(value, each) for each in get_args(wanted))
    if get_origin(wanted) is tuple:
        return isinstance(value, (tuple, list)) and all(_is_a(each, str) for each in value)
    if wanted is str:  # most of them stand in headers
        return isinstance(value, str) and value.isprintable()
    if wanted in (int, float):
        kinds = (int,) if wanted is int else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool) and value == value  # not a NaN
    return isinstance(value, wanted)


def _words_of(wanted: Any) -> str:
    if get_origin(wanted) is Literal:
        return f"one of {', '.join(map(repr, get_args(wanted)))}"
    if isinstance(wanted, UnionType):
        return " or ".join(_words_of(each) for each in get_args(wanted))
    words = {int: "a whole number", float: "a number", bool: "True or False", str: "a printable text"}
    return words.get(wanted, "a tuple of printable texts" if get_origin(wanted) is tuple else f"a {wanted.__name__}")
