"""What is told of a callback to who looks for it.

Source: CB-33…35, G-21, SM-10, SM-12.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from gateway.callbacks.callback import Callback
from gateway.callbacks.wish import NUMBER

FIXED: Final = frozenset({"_id", "_service_name", "_url", "_expiration_time", "_callback_reason", "_ors_session_id"})
"""What nobody changes (CB-24)."""
_OLD_NAMES: Final = {
    "_desired_time": "desiredTime",
    "_url": "url",
    NUMBER: "_customerNumber",
    "_callback_state": "_callbackState",
}
"""Of release 8.1.2 (CB-34)."""


def record(callback: Callback, root: str, returned: Collection[str], *, has_old_names: bool = False) -> dict[str, Any]:
    """One record.

    Args:
        root: path below which the resources are, ``/genesys/1``.
        returned: properties that are told beside those that always are.
    """
    told = {name: value for name, value in callback.properties.items() if name in returned or name in callback.changed}
    answer = {**told, **values(callback), "_url": f"{root}/service/callback/{callback.instance.service}/{callback.id}"}
    if has_old_names:
        answer |= {old: answer[name] for name, old in _OLD_NAMES.items() if name in answer}
    return answer


def values(callback: Callback) -> Mapping[str, str]:
    """What every record has but its place, which depends on who asks."""
    instance = callback.instance
    return {
        "_id": instance.id,
        "_desired_time": moment(callback.desired),
        "_service_name": callback.name,
        "_callback_state": instance.state.value,
        **({"_callback_reason": instance.reason.value} if instance.reason is not None else {}),
        "_expiration_time": moment(instance.expires),
        NUMBER: callback.told_number,
        **callback.lookup,
    }


def moment(seconds: float) -> str:
    """UTC, with milliseconds (G-21)."""
    return datetime.fromtimestamp(round(seconds, 3), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
