"""The kinds of fields that messages have, and how each is read.

Source: the schemas of MRE-20; MRE-31, MRE-34.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from bayeux.protocol import json
from gateway.routing import moment
from gateway.routing.refusal import Code, Refused

LONGEST = 256
"""Characters of a text that names something."""


class Kind(Enum):
    """What a field holds; the value says it to people."""

    TEXT = "text, not empty"
    STRING = "text"
    HIDDEN = "text, never shown"
    WORD = "one of"
    TIME = "ISO 8601, UTC, milliseconds"
    PARAMS = "map of text"
    ANY = "JSON"


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a message's body, in the spelling that is written."""

    name: str
    kind: Kind
    required: bool = True
    words: tuple[str, ...] = ()
    """What a WORD may be."""


def text(name: str) -> Field:
    """Names something: not empty, bounded, without control characters."""
    return Field(name, Kind.TEXT)


def string(name: str) -> Field:
    """The same, and may be empty."""
    return Field(name, Kind.STRING)


def secret(name: str) -> Field:
    """The same, and is never shown (MRE-116)."""
    return Field(name, Kind.HIDDEN)


def among(name: str, words: Iterable[str]) -> Field:
    """One of so many words."""
    return Field(name, Kind.WORD, words=tuple(str(word) for word in words))


def time(name: str) -> Field:
    """A moment."""
    return Field(name, Kind.TIME)


def params(name: str) -> Field:
    """What a task carries along."""
    return Field(name, Kind.PARAMS)


def anything(name: str) -> Field:
    """Not looked at."""
    return Field(name, Kind.ANY)


def optional(field: Field) -> Field:
    """The field, which may be absent."""
    return replace(field, required=False)


def fitting(words: str) -> str:
    """What somebody wrote, as far as a field of text may hold it."""
    shown = "".join(" " if unicodedata.category(each) == "Cc" else each for each in words[: LONGEST + 1])
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"


def read_field(field: Field, value: Any) -> Any:
    """The value as it is meant.

    Raises Refused: MISSING_FIELD for one that cannot be meant, MALFORMED_BODY for a map that is none.
    """
    return _READERS[field.kind](field, value)


def _text(field: Field, value: Any) -> str:
    if value == "":
        raise Refused(Code.MISSING_FIELD, f"{field.name} is empty")
    return _string(field, value)


def _string(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(Code.MISSING_FIELD, f"{field.name} is no text")
    if len(value) > LONGEST:
        raise Refused(Code.MISSING_FIELD, f"{field.name} has more than {LONGEST} characters")
    if any(unicodedata.category(character) == "Cc" for character in value):
        raise Refused(Code.MISSING_FIELD, f"{field.name} has control characters")
    return value


def _word(field: Field, value: Any) -> str:
    word = value.strip().upper().replace("-", "_").replace(" ", "_") if isinstance(value, str) else value
    if word not in field.words:
        raise Refused(Code.MISSING_FIELD, f"{field.name} is none of {', '.join(field.words)}")
    return str(word)


def _time(field: Field, value: Any) -> str:
    try:
        return moment.written(moment.read(value))
    except (TypeError, ValueError, OverflowError):
        raise Refused(Code.MISSING_FIELD, f"{field.name} is no moment in ISO 8601 with its zone") from None


def _params(field: Field, value: Any) -> dict[str, Any]:
    return {str(key): _carried(each) for key, each in _pairs(field, value)}


def _pairs(field: Field, value: Any) -> Iterable[tuple[Any, Any]]:
    """Of a map, of ``["key", "value", …]``, or of ``[{"key": "value"}, …]``."""
    if isinstance(value, dict):
        return value.items()
    if isinstance(value, list):
        if all(isinstance(each, dict) and len(each) == 1 for each in value):
            return [pair for each in value for pair in each.items()]
        if len(value) % 2 == 0 and all(isinstance(key, str) for key in value[::2]):
            return zip(value[::2], value[1::2], strict=True)
    raise Refused(Code.MALFORMED_BODY, f"{field.name} is neither a map nor a list of its keys and values")


def _carried(value: Any) -> Any:
    """As text, unless it holds other values."""
    if isinstance(value, str | dict | list):
        return value
    return "" if value is None else json.encode(value).decode()


def _any(field: Field, value: Any) -> Any:
    return value


_READERS: Mapping[Kind, Callable[[Field, Any], Any]] = {
    Kind.TEXT: _text,
    Kind.STRING: _string,
    Kind.HIDDEN: _string,
    Kind.WORD: _word,
    Kind.TIME: _time,
    Kind.PARAMS: _params,
    Kind.ANY: _any,
}
