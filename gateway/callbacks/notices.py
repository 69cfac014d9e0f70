"""What the customer of a callback is told without asking.

Source: SM-21, PN-3, PN-4, PN-8, SV-41, G-19.
"""

from __future__ import annotations

import uuid

from gateway.callback.dialogs import confirmation_action
from gateway.callback.effects import Notify
from gateway.callbacks.callback import Callback
from gateway.push.notice import Notice


def available_tag(id: str) -> str:
    """Of the notice that an agent is near."""
    return f"service.agentavailable.{id}"


def available(callback: Callback, effect: Notify) -> Notice:
    """An agent is near; there is one for each attempt, and another one when an agent comes near again."""
    instance = callback.instance
    return Notice(
        id=_id(f"{instance.id}/{callback.revision}/{effect.attempt}"),
        tag=available_tag(instance.id),
        message={"_action": confirmation_action(instance), "_id": instance.id},
        instance=instance.id,
        user=callback.tells,
        until=instance.expires,
    )


def status(callback: Callback) -> Notice:
    """Its public state has changed (PN-4)."""
    instance = callback.instance
    reason = {"_callback_reason": instance.reason.value} if instance.reason is not None else {}
    return Notice(
        id=_id(f"{instance.id}/{callback.revision}/status"),
        tag=f"service.status.{instance.id}",
        message={"_id": instance.id, "_callback_state": instance.state.value, **reason},
        instance=instance.id,
        user=callback.tells,
    )


def _id(name: str) -> str:
    return uuid.uuid5(uuid.NAMESPACE_URL, name).hex
