"""The server set-ups the cases ask for, by name, in the words of the specification.

A case names the one it needs with ``@pytest.mark.profile("quick")``; without a mark it runs on
``default``. Times are milliseconds, sizes bytes; what a profile does not set has the default of
the specification (section 25, and the limits SEC-L1…L22).

Profiles of the application ``hooks`` also act on these agreed names:

=============================  =====================================================================
handshake ``ext.conformance``  ``deny``: the policy refuses · ``deny-in-own-words``: it refuses with error
                               ``403:go_away:handshake_denied``, advice ``{"interval": 7000}`` and ext
                               ``{"why": "closed"}`` · ``delete``: an extension vetoes · ``greet``: a
                               listener of "session added" delivers ``"hello"`` on ``/greeting``
connect ``ext.conformance``    ``delete``: an extension vetoes it · ``wait``: it waits for the gate ``ext.gate``
publish ``ext.conformance``    ``delete``: an extension vetoes it · ``raise``: an extension raises
``/uncreatable/**``            the policy lets nobody create these
``/unreadable/**``             the policy lets nobody subscribe to these
``/unwritable/**``             the policy lets nobody publish to these
``/members/**``                an authorizer denies all with reason ``not_a_member``
``/ignored/**``                an authorizer that has no opinion
``/raising/policy/**``         the policy raises, for subscribe and for publish
``/raising/listener/**``       a listener raises
``/vetoed/**``                 a listener vetoes
``/service/echo``              delivers ``data`` to the sender on ``/echo``
``/service/publish``           ``{"channel", "data"}``: published by the application
``/service/deliver``           ``{"clientId", "channel", "data"}``: delivered to that session
``/service/kick``              ``{"clientId", "events"}``: each of ``events`` is delivered on ``/last``, then
                               the session is kicked
``/service/wait``              ``{"gate"}``: is processed until the gate of that name is opened
``/service/open``              ``{"gate"}``: opens it
``/service/set``               any of ``timeout``, ``interval``, ``max_interval``: set for the sender's session
``/service/who``               delivers on ``/who`` what the context of the message tells: ``userAgent`` of the
                               session, ``transport``, ``path``, header ``X-Mood``, cookie ``mood``
``/service/silent``            an outgoing extension stops its reply
=============================  =====================================================================

Reserved for the cases: everything below ``/conformance/`` and ``/service/conformance/``, where a
server must let anyone publish and subscribe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One set-up: options by their names in the specification, and whether the agreed hooks are there."""

    options: Mapping[str, Any] = field(default_factory=dict)
    has_hooks: bool = False
    extensions: tuple[str, ...] = ()
    """Those that are switched on, by the names of the extensions' reference."""

    def __getitem__(self, option: str) -> Any:
        return self.options[option]

    @property
    def lifetime(self) -> float:
        """Seconds after which a session that nobody connects for is gone for certain (SES-5, SES-7)."""
        milliseconds: int = self["max_interval"] + 2 * self["sweep_period"]
        return milliseconds / 1000 + MARGIN


MARGIN = 0.3
"""Seconds in which a deadline has been acted on, on a busy machine."""

KIB = 1024
BRIEF = {"max_interval": 600, "sweep_period": 60}

PROFILES: Mapping[str, Profile] = {
    "default": Profile(),
    "hooks": Profile(has_hooks=True),
    # Time. "quick" ends holds, sessions and sockets soon; "brief" only sessions nobody connects for.
    "quick": Profile(options={**BRIEF, "timeout": 600}, has_hooks=True),
    "brief": Profile(options=BRIEF, has_hooks=True),
    "idle": Profile(options={"timeout": 300, "ws_idle_timeout": 700}),
    "pinging": Profile(options={"ws_ping_interval": 300, "ws_ping_timeout": 300}),
    "impatient": Profile(
        options={"header_timeout": 500, "body_timeout": 500, "keepalive_idle": 500, "handshake_timeout": 500}
    ),
    # Limits
    "small": Profile(
        options={
            "max_message_size": 8 * KIB,
            "ws_max_message_size": 8 * KIB,
            "max_bayeux_message_size": 2 * KIB,
            "max_batch_messages": 5,
            "max_json_depth": 8,
            "max_ext_size": 256,
            "max_subscriptions_per_session": 3,
            "max_queue": 10,
            "ws_max_fragments": 8,
        }
    ),
    "few-bytes": Profile(options={"max_queue_bytes": 8 * KIB, "max_message_size": 8 * KIB}),
    "drop-new": Profile(options={"max_queue": 3, "queue_overflow": "drop_new"}),
    "drop-old": Profile(options={"max_queue": 3, "queue_overflow": "drop_old"}),
    "few-sessions": Profile(options={"max_sessions": 2}),
    "few-channels": Profile(options={"max_channels": 12, "sweep_period": 100}),
    "slow-talkers": Profile(options={"session_message_rate": 0.01, "session_message_burst": 5}),
    "few-handshakes": Profile(options={"handshake_rate_per_ip": 0.01, "handshake_burst_per_ip": 2}),
    "few-connections": Profile(options={"max_connections": 3}),
    "slow-door": Profile(options={"accept_rate": 3}),
    "small-buffers": Profile(
        options={
            "ws_max_write_buffer": 16 * KIB,
            "ws_write_timeout": 1000,
            "max_queue": 100_000,
            "max_queue_bytes": 16 * 1024 * KIB,
        }
    ),
    # Choices
    "connect-only": Profile(options={"meta_connect_delivery_only": True}),
    "self-rehandshake": Profile(options={"handshake_reconnect": True}),
    "strict": Profile(options={"strict_handshake": True, "duplicate_meta_connect_http_code": 409}),
    "one-event-a-frame": Profile(options={"ws_messages_per_frame": 1}),
    "discreet": Profile(
        options={
            "broadcast_to_publisher": False,
            "forward_ext": ("allowed",),
            "forward_unknown_fields": False,
            "allow_anonymous_publish": True,
        }
    ),
    "no-ext": Profile(options={"forward_ext": False}),
    "long-polling-only": Profile(options={"transports": ("long-polling",)}),
    "websocket-only": Profile(options={"transports": ("websocket",)}),
    "callback-polling": Profile(
        options={
            "transports": ("websocket", "long-polling", "callback-polling"),
            "trust_client_session": True,
            "allowed_origins": ("https://app.example.com",),
            "gzip_min_size": 0,
        }
    ),
    "early-events": Profile(options={"allow_message_delivery_during_handshake": True}, has_hooks=True),
    # Extensions
    "acknowledging": Profile(has_hooks=True, extensions=("ack",)),
    "acknowledging-early-events": Profile(
        options={"allow_message_delivery_during_handshake": True}, has_hooks=True, extensions=("ack",)
    ),
    "acknowledging-little": Profile(options={"max_queue": 5, "ack_max_resends": 3}, extensions=("ack",)),
    # Sockets
    "subprotocol": Profile(options={"ws_protocol": "bayeux"}),
    # Who may continue a session
    "trusting": Profile(options={"trust_client_session": True, "ws_rebind": "clientid"}),
    "bound-for-ever": Profile(options={"ws_rebind": "never"}),
    # Browsers
    "two-tabs": Profile(options={"max_sessions_per_browser": 2, "multi_session_interval": 1500}),
    "any-number-of-tabs": Profile(options={"max_sessions_per_browser": -1}),
    "other-cookie": Profile(
        options={
            "browser_cookie_name": "BUN",
            "browser_cookie_path": "/cometd",
            "browser_cookie_domain": "localhost",
            "browser_cookie_max_age": 3600,
            "browser_cookie_http_only": False,
            "browser_cookie_same_site": "Strict",
        }
    ),
    "cross-site": Profile(
        options={
            "browser_cookie_same_site": "None",
            "browser_cookie_secure": "on",
            "browser_cookie_partitioned": True,
            "allowed_origins": ("any",),
        }
    ),
    "origins": Profile(
        options={"allowed_origins": ("https://app.example.com", "http://app.example.com:8080", "*.trusted.example")}
    ),
    "lenient-origins": Profile(options={"allowed_origins": ("https://app.example.com",), "reject_bad_origin": False}),
    "no-gzip": Profile(options={"gzip": False}),
}
