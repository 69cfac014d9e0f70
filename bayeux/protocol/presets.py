"""Options under which servers and clients written for CometD or Faye feel at home.

They switch off protections that are on otherwise; a server that is started with them says so once.

Source: MIG-3; the bracketed values of the limits SEC-L1…L22.
"""

from __future__ import annotations

from typing import Any

from bayeux.protocol.options import MIB, Options

_COMETD: dict[str, Any] = {
    "transports": ("websocket", "long-polling", "callback-polling"),
    "accept_rate": 0.0,
    "max_message_size": 0,
    "ws_max_message_size": 0,
    "max_bayeux_message_size": 0,
    "max_batch_messages": 1000,
    "max_json_depth": 100,
    "max_ext_size": 0,
    "max_subscriptions_per_session": 10_000,
    "max_sessions_per_user": 0,
    "max_queue": -1,
    "max_queue_bytes": 0,
    "queue_overflow": "call",
    "ws_max_write_buffer": 4 * MIB,
    "ws_write_timeout": 30.0,
    "handshake_timeout": 300.0,
    "session_message_rate": 0.0,
    "handshake_rate_per_ip": 0.0,
    "ws_rebind": "clientid",
    "browser_cookie_same_site": "",
    "reject_bad_origin": False,
}

_FAYE: dict[str, Any] = {
    "transports": ("websocket", "long-polling", "callback-polling"),
    "timeout": 60.0,
    "allow_anonymous_publish": True,
    "allowed_origins": ("any",),
    "ws_rebind": "clientid",
}

FAYE_PATH = "/bayeux"
"""Where Faye's clients look for a server unless told otherwise; give it to the mount."""


def cometd_options(**changes: Any) -> Options:
    """Options with the defaults of CometD 8, and ``changes`` to them.

    What bounds the unacknowledged part of a queue there (10,000 events) is not bounded here, as ``max_queue`` is
    not. Raises ValueError for an option that does not exist, and for values that contradict each other.
    """
    return Options(preset="cometd").replaced({**_COMETD, **changes})


def faye_options(**changes: Any) -> Options:
    """Options with the defaults of Faye 1.4, and ``changes`` to them; mount the server at ``FAYE_PATH``.

    Raises ValueError for an option that does not exist, and for values that contradict each other.
    """
    return Options(preset="faye").replaced({**_FAYE, **changes})
