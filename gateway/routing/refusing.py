"""What follows from a message that is refused, in either role.

Source: MRE-21, MRE-32, MRE-114, MRE-116, MRE-125.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.routing.bus.bus import BusMessage
from gateway.routing.fields import fitting
from gateway.routing.machine import Sending, Step
from gateway.routing.messages import MAXIMUM_BODY, MAXIMUM_DEPTH, compose
from gateway.routing.refusal import Code, Refused

ERROR = "Error"
LONGEST_TYPE = 64
ABOUT = ("TaskId", "AgentId", "ClientUniqueId")
"""Whom a message is about: whoever hears that it was refused finds it by them."""


def check_time(message: BusMessage, now: float) -> None:
    """Raises Refused for a message that nobody waits for any more."""
    if message.expires is not None and message.expires <= now:
        raise Refused(Code.EXPIRED, f"{message.type} came too late")


def refusal(place: str, message: BusMessage, refused: Refused, *, id: str, now: float, producer: str) -> Step:
    """Nothing changes but that the sender hears why; what cannot be read goes to the dead letters as well.

    An Error is never answered by one, or two roles could keep each other busy.

    Args:
        place: the queue that the sender hears on; empty: he is not told.
    """
    buried = refused.reason if refused.code is Code.MALFORMED_BODY else ""
    if message.type == ERROR or not place:
        return Step(refused=refused.code, buried=buried)
    body = {
        "Type": fitting(message.type[:LONGEST_TYPE]) or "?",
        "Code": refused.code,
        "Reason": fitting(refused.reason),
        **_about(message.body),
        "RequestId": message.id,
    }
    error = compose(place, ERROR, body, id=id, now=now, producer=producer, correlation=message.id)
    return Step(messages=(Sending(place, error),), refused=refused.code, buried=buried)


def _about(body: bytes) -> Mapping[str, Any]:
    """Task, agent and interaction of a refused message, as far as it can be read."""
    if len(body) > MAXIMUM_BODY:
        return {}
    try:
        content = json.decode(body, MAXIMUM_DEPTH)
    except MalformedBody:
        return {}
    if not isinstance(content, dict):
        return {}
    found = {key.lower(): value for key, value in content.items()}
    return {name: found[name.lower()] for name in ABOUT if isinstance(found.get(name.lower()), str)}
