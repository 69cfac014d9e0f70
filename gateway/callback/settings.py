"""The options of a callback service as typed values: a field is the option of its name with ``_`` before it.

Source: OPT-1, OPT-2, TH-7.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, NewType, get_type_hints

from gateway.callback import threshold
from gateway.callback.profiles import Direction, Media, Profile, select
from gateway.callback.threshold import Threshold, ThresholdInvalid, WhenUnknown

Seconds = NewType("Seconds", int)

WHOLE = re.compile(r"-?[0-9]{1,9}")


class InQueueCheck(StrEnum):
    """``_enable_in_queue_checking``: how many callbacks of one number the queue holds (CB-18)."""

    TRUE = "true"
    """Two."""
    STRICT = "strict"
    """One."""
    FALSE = "false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an instance lives by; taken when it begins, so that a later change is for later ones."""

    # which scenario
    media_type: Media = Media.VOICE
    call_direction: Direction = Direction.USERORIGINATED
    wait_for_agent: bool = False
    wait_for_user_confirm: bool = False
    provide_code: bool = False
    target: str = ""
    resource_group: str = "DNIS"
    # how long
    ttl: Seconds = Seconds(86_400)
    urs_queued_ttl: Seconds = Seconds(14_400)
    max_time_to_reach_eta_pos_threshold: Seconds = Seconds(14_160)
    agent_availability_notification_delay: Seconds = Seconds(30)
    user_confirm_timeout: Seconds = Seconds(30)
    booking_expiration_timeout: Seconds = Seconds(30)
    client_timeout: Seconds = Seconds(120)
    agent_reserve_timeout: Seconds = Seconds(30)
    max_time_to_wait_for_agent_on_the_call: Seconds = Seconds(3_600)
    retain_session_until_ixn_deleted: bool = False
    # how often
    max_number_of_user_availability_confirmation_attempts: int = 3
    userorig_connect_limit: int = 3
    """New numbers or chats that one instance is given; 0 or less: any number."""
    max_transfer_to_agent_attempts: int = 5
    # when an agent is near
    eta_pos_threshold: Threshold = threshold.DEFAULT
    threshold_when_eta_unknown: WhenUnknown = WhenUnknown.PASS
    min_queue_wait: Seconds = Seconds(0)
    min_urs_ewt_pos_polling_interval: Seconds = Seconds(2)
    max_urs_ewt_pos_polling_interval: Seconds = Seconds(30)
    # limits: 0 or less switches one off (CB-20)
    max_queued_callbacks_per_service: int = 1_000
    throttle_callbacks_per_service_1: int = 500
    throttle_ttl_1: Seconds = Seconds(300)
    throttle_callbacks_per_service_2: int = 1_000
    throttle_ttl_2: Seconds = Seconds(3_600)
    throttle_request_parameters: str = "_customer_number"
    throttle_request_parameters_limit: int = 6
    enable_throttle_header_parameters: bool = True
    enable_in_queue_checking: InQueueCheck = InQueueCheck.TRUE
    # what customers read
    text_wait_for_agent: str = "We will notify you when agent is available"

    @classmethod
    def read(cls, options: Mapping[str, str]) -> Settings:
        """The settings that option texts give; names that are not here are for others.

        A threshold that cannot be read is the default's: ``check`` has told of it when it was configured (TH-7).

        Raises:
            OptionInvalid: a value is not of its option's type.
        """
        values: dict[str, Any] = {}
        for field in fields(cls):
            option = f"_{field.name}"
            if option not in options:
                continue
            try:
                values[field.name] = _value(field.name, options[option])
            except ThresholdInvalid:
                continue
            except ValueError as error:
                raise OptionInvalid(option, str(error)) from None
        return cls(**values)

    def written(self) -> dict[str, str]:
        """The option texts that ``read`` makes these settings of: those that are not the defaults."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {f"_{name}": _written(value) for name, value in values.items() if value != getattr(DEFAULTS, name)}

    @property
    def profile(self) -> Profile:
        """The scenario. Raises ProfileUnsupported."""
        return select(self.media_type, self.call_direction, self.wait_for_agent)


class OptionInvalid(ValueError):
    """The value is not of its option's type; ``option`` is its name."""

    def __init__(self, option: str, text: str) -> None:
        super().__init__(f"{option}: {text}")
        self.option = option


DEFAULTS = Settings()


def check(option: str, text: str) -> None:
    """Whether an option may be saved with this text; an option that is not here may have any.

    Raises:
        OptionInvalid: also for a threshold.
    """
    name = option.removeprefix("_")
    if name != option and name in _TYPES:
        try:
            _value(name, text)
        except ValueError as error:
            raise OptionInvalid(option, str(error)) from None


def _value(name: str, text: str) -> Any:
    """Raises ValueError with what would be right."""
    wanted = _TYPES[name]
    return _READERS.get(wanted, wanted)(text.strip())


def _flag(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError(f"neither true nor false: {text}")
    return text.lower() == "true"


def _whole(text: str) -> int:
    if not WHOLE.fullmatch(text):
        raise ValueError(f"not a whole number of at most nine digits: {text}")
    return int(text)


def _seconds(text: str) -> int:
    if (seconds := _whole(text)) < 0:
        raise ValueError(f"seconds are not negative: {text}")
    return seconds


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_READERS: Mapping[Any, Callable[[str], Any]] = {
    bool: _flag,
    int: _whole,
    Seconds: _seconds,
    Threshold: Threshold.read,
}
_TYPES = get_type_hints(Settings)
