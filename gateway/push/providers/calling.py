"""What all providers have in common when they call a service: failures in the words of deliveries.

Source: NT-13.
"""

from __future__ import annotations

from collections.abc import Mapping

from gateway.outgoing.client import Outgoing
from gateway.outgoing.failures import NoAnswer, TargetRefused
from gateway.outgoing.origin import Answer
from gateway.push.provider import DeliveryFailed


async def called(outgoing: Outgoing, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """Post, and give the answer. Raises DeliveryFailed where there is none."""
    try:
        return await outgoing.post(url, body, headers)
    except TargetRefused as refused:
        raise DeliveryFailed(f"the address is refused: {refused}", permanent=True) from None
    except NoAnswer as failed:
        raise DeliveryFailed(str(failed), permanent=False) from None
