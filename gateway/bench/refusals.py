"""What to do about what a server or the network said no to.

The words of others are matched loosely: servers differ in them. Options are named as our configuration has them;
other servers have their like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NEXT_STEPS = (
    (r"connection refused", "is the server running, and is the URL right?"),
    (r"certificate verify failed", "name the server's certificate authority in SSL_CERT_FILE"),
    (r"too many open files", "raise the descriptor limit: ulimit -n"),
    (r"429|rate.?limit|flood", "raise bayeux.session_message_rate, bayeux.handshake_rate_per_ip and their bursts"),
    (
        r"\b503\b|too many",
        "raise bayeux.max_sessions, bayeux.max_sessions_per_user, bayeux.max_connections and their _per_ip",
    ),
    (r"subscribe.* refused: 403:limit", "raise bayeux.max_subscriptions_per_session"),
    (r"refused: 40[13]|HTTP 40[13]", "sign in, or allow handshakes, subscriptions and publishes below /bench/**"),
    (r"\b404\b", "is the path of the URL right?"),
    (r"WebSocket refused", "does the server take WebSockets there? --transport long-polling does without"),
    (r"cannot assign requested address", "widen net.ipv4.ip_local_port_range, or take fewer sessions"),
    (r"no Bayeux|no HTTP", "is this a Bayeux endpoint?"),
    (
        r"reset|closed by the server",
        "bayeux.accept_rate and bayeux.max_connections may be too low; its log may tell more",
    ),
)


def next_step(words: str) -> str:
    """One sentence of advice, empty if there is none."""
    for pattern, advice in _NEXT_STEPS:
        if re.search(pattern, words, re.IGNORECASE):
            return advice
    return ""


def told(what: str, errors: Mapping[str, int]) -> str:
    """What failed, the commonest words about it, and the next step."""
    if not errors:
        return what
    words = max(errors, key=lambda each: errors[each])
    others = f" and {len(errors) - 1} other errors" if len(errors) > 1 else ""
    step = next_step(words)
    return f"{what}: {words} ({errors[words]} times{others})" + (f"; {step}" if step else "")
