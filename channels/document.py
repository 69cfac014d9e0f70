"""Frozen dataclasses as JSON values and back, for a store to keep.

A field that has its default is left out, so that a field may be added without touching what is kept. Understood are
dataclasses, tuples of one type, enums of texts, optional ones of these, and JSON values as they are.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import StrEnum
from functools import cache, partial
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def to_document(value: Any) -> dict[str, Any]:
    """A dataclass as a JSON object: its fields in their order."""
    held = ((each, getattr(value, each.name)) for each in fields(value))
    return {each.name: _plain(content) for each, content in held if not _is_default(each, content)}


def from_document(kind: type[Value], body: Mapping[str, Any]) -> Value:
    """What ``to_document`` made of a value of this class. Raises KeyError, TypeError, ValueError for anything else."""
    readers = _readers(cast(Hashable, kind))
    return kind(**{name: readers[name](content) for name, content in body.items()})


def _plain(content: Any) -> Any:
    if is_dataclass(content):
        return to_document(content)
    if isinstance(content, tuple):
        return [_plain(each) for each in content]
    return content.value if isinstance(content, StrEnum) else content


def _is_default(field: Field[Any], content: Any) -> bool:
    if field.default_factory is not MISSING:
        return bool(content == field.default_factory())
    return field.default is not MISSING and bool(content == field.default)


@cache
def _readers(kind: Hashable) -> Mapping[str, Callable[[Any], Any]]:
    """How each field of a class is read."""
    assert isinstance(kind, type)
    assert is_dataclass(kind)
    hints = get_type_hints(kind)
    return {each.name: _reader(hints[each.name]) for each in fields(kind)}


def _reader(hint: Any) -> Callable[[Any], Any]:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = _reader(next(each for each in arguments if each is not type(None)))
        return lambda content: None if content is None else inner(content)
    if origin is tuple:
        each = _reader(arguments[0])
        return lambda content: tuple(map(each, content))
    if isinstance(hint, type) and is_dataclass(hint):
        return partial(from_document, hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return hint
    return lambda content: content
