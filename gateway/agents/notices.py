"""What agents are told of themselves; of interactions ``channels.dialects`` speaks.

Source: AG-25, AG-33, AG-75, AG-144, AG-151.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gateway.agents.agent import Agent


def channel_states(agent: Agent, channels: Iterable[str]) -> dict[str, Any]:
    """For ``/v2/me/channels``: how these media channels stand (AG-33)."""
    return {
        "messageType": "ChannelStateChangeMessageV2",
        "channels": [channel_state(agent, channel) for channel in channels],
    }


def channel_state(agent: Agent, channel: str) -> dict[str, Any]:
    """One open media channel (AG-32)."""
    return {"channel": channel, "userState": agent.channels[channel].wish.as_json()}


def session_replaced() -> dict[str, Any]:
    """For ``/v2/me``: another desktop has taken over (AG-25)."""
    return {"messageType": "SessionReplacedMessage"}


def error(operation: str, status_code: int, text: str, interaction: str, reference_id: int | None) -> dict[str, Any]:
    """What was taken and could not be done after all (AG-75, AG-144)."""
    message: dict[str, Any] = {
        "messageType": "ErrorMessage",
        "operationName": operation,
        "statusCode": status_code,
        "statusMessage": text,
        "id": interaction,
    }
    return message | ({"referenceId": reference_id} if reference_id is not None else {})


def workbin_subscription(workbin: str, state: str, reference_id: int | None) -> dict[str, Any]:
    """For ``/v2/me/workbins``: an agent hears of a workbin from here on, or no more (AG-151)."""
    message: dict[str, Any] = {
        "messageType": "WorkbinSubscriptionStateChangeMessage",
        "stateResource": state,
        "id": workbin,
    }
    return message | ({"referenceId": reference_id} if reference_id is not None else {})


def workbin_changed(workbin: str, action: str, medium: str, item: dict[str, Any]) -> dict[str, Any]:
    """For ``/v2/me/workbins``: an item came or went (AG-151)."""
    resource = "chatStateResourceV2" if medium == "chat" else "emailStateResourceV2"
    return {"messageType": "WorkbinStateChangeMessage", "action": action, "id": workbin, resource: item}
