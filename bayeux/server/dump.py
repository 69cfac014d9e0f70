"""A server's state for people: options, channels, sessions, what it counted.

Source: MON-1; CometD's JMX beans and ``dump``.
"""

from __future__ import annotations

import dataclasses
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayeux.server.channels import ServerChannel
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

MOST = 1000  # channels, and sessions: a dump is to be read


def dump(server: BayeuxServer, *, most: int = MOST) -> dict[str, Any]:
    """Plain JSON values; times are seconds, sizes bytes. No clientId, which is a credential, is in it.

    Args:
        most: so many channels and so many sessions at most; ``channel_count`` and ``session_count`` tell them all.
    """
    now = server.clock()
    return {
        "options": {
            each.name: getattr(server.options, each.name)
            for each in dataclasses.fields(server.options)
            if "doc" in each.metadata
        },
        "transports": list(server.options.transports),
        "channel_count": len(server.channels),
        "channels": [_channel(channel) for channel in islice(server.channels, most)],
        "session_count": len(server.sessions),
        "sessions": [_session(session, now) for session in islice(server.sessions, most)],
        "last_sweep": server.sweeps.last,
        "longest_sweep": server.sweeps.longest,
        "counters": {
            "handshakes": {"/".join(key): count for key, count in server.counters.handshakes.items()},
            "session_ends": dict(server.counters.session_ends),
            "messages_received": {"/".join(key): count for key, count in server.counters.messages_received.items()},
            "messages_delivered": dict(server.counters.messages_delivered),
            "messages_dropped": dict(server.counters.messages_dropped),
            "rejected": dict(server.counters.rejected),
            "connections": dict(server.counters.connections),
        },
    }


def dump_text(state: dict[str, Any], indent: int = 0) -> str:
    """The same for a terminal: one value a line, indented."""
    lines: list[str] = []
    for name, value in state.items():
        if isinstance(value, dict):
            lines += [f"{' ' * indent}{name}:", dump_text(value, indent + 2)]
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            lines.append(f"{' ' * indent}{name}:")
            lines += [f"{' ' * (indent + 2)}- " + ", ".join(f"{key} {each[key]}" for key in each) for each in value]
        else:
            lines.append(f"{' ' * indent}{name}: {value}")
    return "\n".join(line for line in lines if line)


def _channel(channel: ServerChannel) -> dict[str, Any]:
    return {
        "name": channel.name.text,
        "subscribers": len(channel.subscribers),
        "listeners": len(channel.listeners) if channel.is_heard else 0,
        "authorizers": len(channel.authorizers) if channel.is_guarded else 0,
        "persistent": channel.persistent,
        "lazy": channel.lazy,
    }


def _session(session: ServerSession, now: float) -> dict[str, Any]:
    return {
        "user": session.user,
        "peer": session.peer,
        "state": session.state,
        "is_local": session.is_local,
        "transport": session.reached_by,
        "is_held": session.held is not None,
        "age": round(now - session.begun_at, 3),
        "subscriptions": len(session.subscriptions),
        "queue_messages": len(session.queue),
        "queue_bytes": session.queue.bytes,
    }
