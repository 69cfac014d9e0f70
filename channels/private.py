"""Names that mean "mine": one channel name for everybody, with a separate audience a user.

Owns the prefixes and the agents' names below them. Who may subscribe is the policy's business,
who receives is the server's: it addresses a user's sessions and never walks the subscriptions.

Source: SEC-44, AG-101, AG-102, AG-104, PN-1.
"""

from __future__ import annotations

from collections.abc import Iterable

from bayeux.protocol.channel import ChannelName

AGENT = "/v2/me"
"""The agent's own things; also the channel of messages about the agent's session."""
CUSTOMER = "/_genesys"
"""Notices to one customer."""
PRIVATE_PREFIXES = (AGENT, CUSTOMER)

INTERACTIONS = f"{AGENT}/interactions"
CHANNELS = f"{AGENT}/channels"
DEVICES = f"{AGENT}/devices"
CALLS = f"{AGENT}/calls"
CHATS = f"{AGENT}/chats"
EMAILS = f"{AGENT}/emails"
WORKBINS = f"{AGENT}/workbins"
AGENT_CHANNELS = (AGENT, INTERACTIONS, CHANNELS, DEVICES, CALLS, CHATS, EMAILS, WORKBINS)

SERVICES = "/notifications/services"
"""State of the services behind the gateway: the same for every agent, so not private."""


def reaches_private(pattern: ChannelName, prefixes: Iterable[str] = PRIVATE_PREFIXES) -> bool:
    """May this wildcard match a private name among others, as ``/**`` and ``/v2/*`` do (AG-104)?"""
    if not pattern.is_wild:
        return False
    parent, _, star = pattern.text.rpartition("/")
    if star == "**":
        return any(prefix.startswith(f"{parent}/") for prefix in prefixes)
    return any(prefix.rpartition("/")[0] == parent for prefix in prefixes)
