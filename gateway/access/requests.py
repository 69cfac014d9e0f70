"""What apps and the telephone side ask for, read from the parameters of a request and the options of its service.

A service's own value wins over the request's (G-11), but for the time that request-access books for (RA-6).

Source: RI-1, RI-3, RI-7, RI-10; RA-1, RA-3, RA-6; MI-1, MI-7, MI-9.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from gateway.access.code import DEFAULT_LENGTH, LENGTH, read_length
from gateway.access.dialling import Dialling
from gateway.access.match import Call
from gateway.access.pool import TIMEOUT, Pool, Strategy, read_timeout
from gateway.access.refusal import GroupWrong
from gateway.customers.refusal import RequestWrong
from gateway.customers.values import Values

DEFAULT_TIMEOUT: Final = 30
"""Seconds that a number is booked where nobody says (RS-2)."""

_MOST_ECHOED: Final = 64
"""Characters of a request in the text that refuses it (SEC-22)."""

GROUP: Final = "_resource_group"
PHONE: Final = "_phone_number"
CODE: Final = "_provide_code"

Options = Mapping[str, str]
Pools = Mapping[str, Pool]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A number to be booked; nothing is wrong with the request."""

    pool: Pool
    seconds: int
    caller: str = ""
    """As it is compared; empty: not told."""
    code_length: int = 0
    """Digits; 0: no code."""
    with_health: bool = False
    """Whether the answer tells how many numbers of the group are free (RI-10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A call whose instance is looked for, and what is to be done with what is found."""

    call: Call
    all: bool = False
    """``_return_multiple_matches``: all that may be meant, rather than the oldest."""
    with_data: bool = False
    """``_return_data`` or ``_return_user_data``: tell what is stored, too."""
    ends: bool = False
    """``_delete_service``: the instances found are over."""


def interaction_wanted(parameters: Values, options: Options, pools: Pools, dialling: Dialling) -> Wanted:
    """What request-interaction asks for. Raises RequestWrong, GroupWrong."""
    caller = _text(parameters, PHONE)
    if not caller:
        raise RequestWrong(f"{PHONE} is missing")
    pool = _pool(parameters, options, pools)
    return Wanted(
        pool=pool,
        seconds=pool.timeout or _configured(read_timeout, options, TIMEOUT) or DEFAULT_TIMEOUT,
        caller=dialling.comparable(caller),
        code_length=_code_length(parameters, options),
        with_health=_flag("_return_pool_health", parameters, options) and pool.strategy is not Strategy.RANDOM,
    )


def access_wanted(parameters: Values, options: Options, pools: Pools, dialling: Dialling) -> tuple[str, Wanted]:
    """For which instance request-access asks for what. Raises RequestWrong, GroupWrong."""
    instance = _text(parameters, "_id")
    if not instance:
        raise RequestWrong("_id is missing")
    pool = _pool(parameters, options, pools)
    asked = _read(read_timeout, _text(parameters, TIMEOUT)) if TIMEOUT in parameters else None
    caller = _text(parameters, PHONE)
    return instance, Wanted(
        pool=pool,
        seconds=asked or pool.timeout or _configured(read_timeout, options, TIMEOUT) or DEFAULT_TIMEOUT,
        caller=dialling.comparable(caller) if caller else "",
        code_length=_code_length(parameters, options),
    )


def search_wanted(parameters: Values, options: Options, dialling: Dialling) -> Search:
    """What match-interaction asks for. Raises RequestWrong."""
    number, caller = _text(parameters, "_access_number"), _text(parameters, PHONE)
    if not number:
        raise RequestWrong("_access_number is missing")
    with_data = [_flag(name, parameters, options) for name in ("_return_data", "_return_user_data")]
    return Search(
        call=Call(
            dialled=dialling.comparable(number),
            caller=dialling.comparable(caller) if caller else "",
            code=_text(parameters, "_access_code"),
        ),
        all=_flag("_return_multiple_matches", parameters, options),
        with_data=any(with_data),
        ends=_flag("_delete_service", parameters, options),
    )


def _pool(parameters: Values, options: Options, pools: Pools) -> Pool:
    name = options.get(GROUP, "").strip() or _text(parameters, GROUP)
    if not name:
        raise GroupWrong(f"{GROUP} is missing")
    if name not in pools:
        raise GroupWrong(f"there is no resource group {name[:_MOST_ECHOED]}")
    return pools[name]


def _code_length(parameters: Values, options: Options) -> int:
    length = _configured(read_length, options, LENGTH) or DEFAULT_LENGTH
    return length if _flag(CODE, parameters, options) else 0


def _flag(name: str, parameters: Values, options: Options) -> bool:
    """What the service says, else the request; false, if neither does. Raises RequestWrong."""
    text = (options.get(name, "").strip() or _text(parameters, name)).lower()
    if not text and name not in parameters:
        return False
    if text not in {"true", "false"}:
        raise RequestWrong(f"{name} is true or false")
    return text == "true"


def _text(parameters: Values, name: str) -> str:
    """Empty, if it is not there. Raises RequestWrong for a file."""
    value = parameters.get(name, "")
    if not isinstance(value, str):
        raise RequestWrong(f"{name} is not a text")
    return value.strip()


def _configured(read: Callable[[str], T], options: Options, name: str) -> T | None:
    """An option's value; None where the service says nothing. Raises RequestWrong."""
    text = options.get(name, "").strip()
    return _read(read, text) if text else None


def _read(read: Callable[[str], T], text: str) -> T:
    """Raises RequestWrong."""
    try:
        return read(text)
    except ValueError as error:
        raise RequestWrong(str(error)) from None
