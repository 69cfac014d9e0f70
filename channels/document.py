"""Frozen dataclasses as JSON values and back, for a store to keep.

A field that has its default is left out, so that a field may be added without touching what is kept. Understood are
dataclasses, tuples of one type, enums of texts, optional ones of these, and JSON values as they are.

How a class is written and read is worked out once: a chat is written and read whole with each of its events.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Value = TypeVar("Value")
Convert = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class _Kept:
    """How one field is kept."""

    name: str
    default: Any
    """``MISSING``: it has none, and is always written."""
    write: Convert
    read: Convert


def to_document(value: Any) -> dict[str, Any]:
    """A dataclass as a JSON object: its fields in their order."""
    return {
        kept.name: kept.write(content)
        for kept in _fields(cast(Hashable, type(value))).values()
        if (content := getattr(value, kept.name)) != kept.default
    }


def from_document(kind: type[Value], body: Mapping[str, Any]) -> Value:
    """What ``to_document`` made of a value of this class. Raises KeyError, TypeError, ValueError for anything else."""
    return cast(Value, _reader(cast(Hashable, kind))(body))


@cache
def _reader(kind: Hashable) -> Convert:
    """Most of what is kept is as it was, and only the rest is gone through for each of a chat's events."""
    assert isinstance(kind, type)
    converted = [(kept.name, kept.read) for kept in _fields(kind).values() if kept.read is not _as_it_is]

    def read(body: Mapping[str, Any]) -> object:
        values = dict(body)
        for name, convert in converted:
            if name in values:
                values[name] = convert(values[name])
        return kind(**values)

    return read


@cache
def _fields(kind: Hashable) -> Mapping[str, _Kept]:
    assert isinstance(kind, type)
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return {each.name: _Kept(each.name, _default(each), *_converters(hints[each.name])) for each in fields(kind)}


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _converters(hint: Any) -> tuple[Convert, Convert]:
    """How what has this type is written, and read."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        write, read = _converters(next(each for each in arguments if each is not type(None)))
        return _unless_none(write), _unless_none(read)
    if origin is tuple:
        write, read = _converters(arguments[0])
        return lambda content: [write(each) for each in content], lambda content: tuple(map(read, content))
    if isinstance(hint, type) and is_dataclass(hint):
        return to_document, _reader(cast(Hashable, hint))
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return str, {each.value: each for each in hint}.__getitem__
    return _as_it_is, _as_it_is


def _unless_none(convert: Convert) -> Convert:
    return lambda content: None if content is None else convert(content)


def _as_it_is(content: Any) -> Any:
    return content
