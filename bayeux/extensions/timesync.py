"""Time sync: a client learns how far its clock is from the server's, and how long its messages take.

It asks with its meta requests and is answered in their replies; what it computes from that is TSY-7.

Source: TSY-1…6.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from bayeux.protocol.json import Json
from bayeux.server.extension import Extension

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields, Message
    from bayeux.protocol.reply import Reply
    from bayeux.server.sessions import ServerSession

LAG: Final = "lag"
"""The session's attribute with the lag that its client measured last, in milliseconds (TSY-2)."""

_KEY = "timesync"
_LARGEST = 2.0**53  # above it sums are no longer exact, and soon no JSON


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a client said, and the server's time at which it did; all in milliseconds."""

    tc: float
    lag: float | None
    offset: float
    ts: int


class TimeSync(Extension):
    """Answers ``ext.timesync`` of meta requests.

    Args:
        accuracy_ms: a client that is known to be off by less is not told again (TSY-4).
        clock: seconds since 1970.
    """

    def __init__(self, *, accuracy_ms: float = 25.0, clock: Callable[[], float] = time.time) -> None:
        self._accuracy_ms = accuracy_ms
        self._clock = clock

    def incoming_meta(self, session: ServerSession | None, message: Message) -> None:
        """Note when the request came, in place of what it asked; the reply is made of both."""
        if _KEY not in message.ext:
            return
        asked = _read(message.ext[_KEY], self._now_ms())
        message.fields["ext"] = {**message.ext, _KEY: asked}
        if session is not None and asked is not None and asked.lag is not None:
            session.attributes[LAG] = asked.lag

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        """Answer, if asked and if there is news."""
        asked = None if reply.request is None else reply.request.ext.get(_KEY)
        if not isinstance(asked, _Asked):
            return
        answer: Fields = {"tc": asked.tc, "ts": asked.ts, "p": max(0, self._now_ms() - asked.ts)}
        if asked.lag is not None:
            answer["a"] = asked.tc + asked.offset + asked.lag - asked.ts
            if asked.lag != 0 and abs(answer["a"]) < self._accuracy_ms:
                return
        reply["ext"] = {**(reply.get("ext") or {}), _KEY: answer}

    def _now_ms(self) -> int:
        return round(self._clock() * 1000)


def _read(value: Json, ts: int) -> _Asked | None:
    """None for anything but numbers (TSY-6); a lag or offset of null counts as missing."""
    if not isinstance(value, dict):
        return None
    numbers = {name: value[name] for name in ("tc", "l", "o") if value.get(name) is not None}
    if "tc" not in numbers or not all(map(_is_time, numbers.values())):
        return None
    return _Asked(numbers["tc"], numbers.get("l"), numbers.get("o", 0), ts)


def _is_time(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= _LARGEST
