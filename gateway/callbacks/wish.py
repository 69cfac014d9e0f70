"""What a request to start a callback says, once everything in it was found to be right.

Pure: parameters and the service's options in, a ``Wish`` or a refusal out.

Source: AUTH-8, CB-1…7, G-21, PN-4, SM-3, SM-4, RI-6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.access.code import DEFAULT_LENGTH, LENGTH, read_length
from gateway.callback.profiles import ProfileUnsupported
from gateway.callback.settings import OptionInvalid, Settings
from gateway.callbacks.phone import Checks, with_plus
from gateway.callbacks.refusal import Misconfigured, NumberExcluded, OptionWrong, TimeRefused
from gateway.push.provider import Device

NUMBER: Final = "_customer_number"
MANDATORY: Final = "_mandatory_customer_lookup_keys"
LOOKUP: Final = "_customer_lookup_keys"
NO_KEYS: Final = "-"
"""Value of ``MANDATORY`` for no key at all (CB-4)."""
DESIRED: Final = "_desired_time"
STATE: Final = "_callback_state"
COMET: Final = "comet"
DEVICES: Final = frozenset({COMET, "ios", "gcm", "fcm", "android", "httpcb", "orscb", "customhttp", "wns"})
"""``_device_os``."""
_STATES: Final = frozenset({"SCHEDULED", "QUEUED"})
LONGEST: Final = 1024
"""Characters of a value by which callbacks are found."""
_MOST_CHAT_PARAMETERS: Final = 64
_DEPTH: Final = 8

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A callback as it may begin."""

    settings: Settings
    number: str = ""
    """The customer's, as all spellings of it are compared; empty: he told none."""
    told_number: str = ""
    """As he told it."""
    lookup: Mapping[str, str] = field(default_factory=dict)
    """What records are found by (CB-30)."""
    device: Device | None = None
    chat_parameters: Mapping[str, str] = field(default_factory=dict)
    code_length: int = 0
    """Digits of an access code; 0: none is asked for."""
    tells_status: bool = False
    """``_notify_status``."""


IsExcluded = Callable[[str, str], bool]
"""Whether a pattern group, the first, has a pattern that is the whole of a text."""


def read_wish(
    texts: Mapping[str, str],
    options: Options,
    user: str,
    now: float,
    is_excluded: IsExcluded,
    *,
    is_proven: bool = False,
) -> Wish:
    """What is asked for.

    Args:
        texts: the request's parameters.
        options: the service's, for this request.
        user: ``gms_user``.
        is_proven: users have to be proven, so nobody is told what another one says in their place (AUTH-8).

    Raises:
        Refused: nothing is to be started.
    """
    told = texts.get(NUMBER, "").strip()
    number = read_number(told, options, is_excluded) if told else ""
    lookup = read_lookup(texts, options)
    device = read_device(texts, user)
    if is_proven and not user and device is not None and device.type == COMET:
        raise OptionWrong("comet needs the header gms_user")
    check_time(texts.get(DESIRED, ""), now)
    if texts.get(STATE, "QUEUED") not in _STATES:
        raise OptionWrong(f"{STATE} is one of {', '.join(sorted(_STATES))}")
    settings = read_settings(options)
    return Wish(
        settings=settings,
        number=number,
        told_number=told,
        lookup=lookup,
        device=device,
        chat_parameters=read_chat_parameters(texts.get("_chat_parameters", "")),
        code_length=read_code_length(options) if settings.provide_code else 0,
        tells_status=texts.get("_notify_status", "").strip().lower() == "true",
    )


def read_number(told: str, options: Options, is_excluded: IsExcluded) -> str:
    """A number that the service calls, as it is compared. Raises NumberRefused, NumberExcluded."""
    number = Checks.read(options).check(told)
    group = options.get("_exceptions", "").strip()
    if group and (is_excluded(group, with_plus(told)) or is_excluded(group, with_plus(number))):
        raise NumberExcluded("this phone number is not called")
    return number


def lookup_keys(options: Options) -> tuple[str, ...]:
    """By what records of a service are found: at least what every request has to give (CB-4)."""
    return tuple(dict.fromkeys([*mandatory_keys(options), *(_names(options.get(LOOKUP, "")) or [NUMBER])]))


def mandatory_keys(options: Options) -> tuple[str, ...]:
    """What every request has to give."""
    if options.get(MANDATORY, "").strip() == NO_KEYS:
        return ()
    return tuple(_names(options.get(MANDATORY, "")) or [NUMBER])


def read_lookup(texts: Mapping[str, str], options: Options) -> Mapping[str, str]:
    """The values of all keys that are told. Raises OptionWrong."""
    for key in mandatory_keys(options):
        if not texts.get(key, "").strip():
            raise OptionWrong(f"{key} is missing")
    found = {key: texts[key].strip() for key in lookup_keys(options) if texts.get(key, "").strip()}
    for key, value in found.items():
        if len(value) > LONGEST:
            raise OptionWrong(f"{key} has at most {LONGEST} characters")
    return found


def read_device(texts: Mapping[str, str], user: str) -> Device | None:
    """Where the customer is told of an agent; None: nowhere, and his app has to ask. Raises OptionWrong."""
    id, os = texts.get("_device_notification_id", "").strip(), texts.get("_device_os", "").strip().lower()
    if not id and not os:
        return None
    if not id or not os:
        raise OptionWrong("_device_notification_id and _device_os go together")
    if os not in DEVICES:
        raise OptionWrong(f"_device_os is one of {', '.join(sorted(DEVICES))}")
    if os == COMET and user and id != user:
        raise OptionWrong("_device_notification_id is not the gms_user")
    return Device(type=os, id=id, provider=texts.get("_provider_name", "").strip())


def check_time(text: str, now: float) -> None:
    """Callbacks begin at once. Raises OptionWrong, TimeRefused."""
    if text.strip() and read_time(text) > now:
        raise TimeRefused("callbacks cannot be had for later")


def read_time(text: str) -> float:
    """A moment of ISO 8601, with its offset (G-21). Raises OptionWrong."""
    try:
        moment = datetime.fromisoformat(text.strip())
        if moment.tzinfo is not None and "T" in text:
            return moment.timestamp()
    except (ValueError, OverflowError):
        pass  # the same answer as for what has no offset
    raise OptionWrong(f"{DESIRED} is a time such as 2026-03-02T09:00:00.000Z")


def read_settings(options: Options) -> Settings:
    """What the callback lives by. Raises OptionWrong, Misconfigured."""
    try:
        settings = Settings.read(options)
        _ = settings.profile
    except OptionInvalid as invalid:
        raise OptionWrong(str(invalid)) from None
    except ProfileUnsupported:
        raise OptionWrong("customers are not dialled: _call_direction is USERORIGINATED") from None
    if not settings.target.strip():
        raise Misconfigured("the service has no _target")
    return settings


def read_code_length(options: Options) -> int:
    """Digits of an access code. Raises OptionWrong."""
    text = options.get(LENGTH, "").strip()
    try:
        return read_length(text) if text else DEFAULT_LENGTH
    except ValueError as error:
        raise OptionWrong(str(error)) from None


def read_chat_parameters(text: str) -> Mapping[str, str]:
    """What the app's chat is shown with. Raises OptionWrong."""
    if not text.strip():
        return {}
    try:
        given: Any = json.decode(text.encode(), _DEPTH)
    except (MalformedBody, UnicodeEncodeError):
        given = None
    if not isinstance(given, dict) or len(given) > _MOST_CHAT_PARAMETERS:
        raise OptionWrong("_chat_parameters is a JSON object of texts")
    found = {name: value if isinstance(value, str) else json.encode(value).decode() for name, value in given.items()}
    if any(len(value) > LONGEST for value in found.values()):
        raise OptionWrong(f"a text in _chat_parameters has at most {LONGEST} characters")
    return found


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
