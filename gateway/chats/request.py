"""What an app sends about its chat, read and checked.

Source: CH1-2, CH1-3, CH1-6, CH1-7, CH1-14, G-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.chats.chat import Target
from gateway.chats.refusal import ChatRefused
from gateway.customers.refusal import RequestWrong
from gateway.customers.values import Values

COMET: Final = "comet"
ANONYMOUS: Final = "anonymous"
LONGEST: Final = 2048
"""Characters of one parameter of ``ixn/chat``."""
MOST: Final = 64
"""Parameters of it that the agent is shown."""
_PUSH: Final = "push_notification_"
_NOT_SHOWN: Final = frozenset({"notify_by", "userDisplayName", "subscriptionID"})
"""They are for the gateway; all other names that no ``_`` begins are for the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What ``ixn/chat`` asks for."""

    nickname: str
    form: Mapping[str, str]
    is_comet: bool
    is_verbose: bool
    target: Target | None


def wish(values: Values) -> Wish:
    """Raises RequestWrong, ChatRefused."""
    texts = {name: _text(name, values) for name in values}
    for name, text in texts.items():
        if len(text) > LONGEST:
            raise ChatRefused(f"{name[:64]} has at most {LONGEST} characters")
    notify_by = texts.get("notify_by", "").strip().lower()
    if notify_by not in ("", COMET):
        raise ChatRefused("notify_by must be comet, or absent for polling")
    form = {
        name: text
        for name, text in texts.items()
        if name not in _NOT_SHOWN and not name.startswith("_") and not name.startswith(_PUSH)
    }
    if len(form) > MOST:
        raise ChatRefused(f"a chat begins with at most {MOST} parameters")
    return Wish(
        nickname=_nickname(texts),
        form=form,
        is_comet=notify_by == COMET,
        is_verbose=_is_true(texts.get("_verbose", "")),
        target=_target(texts),
    )


def message(values: Values, most: int) -> str:
    """What the customer says (CH1-6). Raises ChatRefused, RequestWrong."""
    text = _text("message", values)
    if not text:
        raise ChatRefused("message is empty")
    if len(text) > most:
        raise ChatRefused(f"message has more than {most} characters")
    return text


def message_id(values: Values) -> str:
    """What the app calls its message, for a repetition to be known; empty: nothing. Raises as ``message``."""
    id = _text("clientMessageId", values)
    if len(id) > LONGEST:
        raise ChatRefused(f"clientMessageId has at most {LONGEST} characters")
    return id


def position(values: Values) -> int | None:
    """After which entry the app wants to read; None: it does not say (CH1-7). Raises ChatRefused, RequestWrong."""
    text = _text("transcriptPosition", values).strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or len(text) > 9:
        raise ChatRefused("transcriptPosition must be a whole number")
    number = int(text)
    return number if number > 1 else 0


def _nickname(texts: Mapping[str, str]) -> str:
    """CH1-14."""
    named = " ".join(filter(None, (texts.get(name, "").strip() for name in ("firstName", "lastName"))))
    return texts.get("userDisplayName", "").strip() or named or ANONYMOUS


def _target(texts: Mapping[str, str]) -> Target | None:
    """None: no device was named, or one that comet reaches."""
    kind, device = (texts.get(f"{_PUSH}{name}", "").strip() for name in ("type", "deviceid"))
    if not device or kind.lower() in ("", COMET):
        return None
    return Target(
        type=kind,
        id=device,
        provider=texts.get(f"{_PUSH}provider", ""),
        language=texts.get(f"{_PUSH}language", ""),
        debug=_is_true(texts.get(f"{_PUSH}debug", "")),
    )


def _text(name: str, values: Values) -> str:
    value = values.get(name, "")
    if not isinstance(value, str):
        raise RequestWrong(f"{name[:64]} must be a text")
    return value


def _is_true(text: str) -> bool:
    return text.strip().lower() == "true"
