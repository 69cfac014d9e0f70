"""The model as a flat table of dotted keys: what ``--set``, the environment and the docs go by.

Source: OPS-21.
"""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from gateway.config.model import Config
from gateway.config.units import Address, Duration, Size

ENV_PREFIX = "GATEWAY_"
ENV_VARIABLE_PREFIX = "GATEWAY_VAR_"
"""Only these may be used as ``${…}`` in values; they are no options themselves."""


@dataclass(frozen=True)
class Leaf:
    """One option: a key that has a value, not a table."""

    key: str
    field: FieldInfo
    default: Any
    """The built-in one; None also if there is none."""

    @property
    def env(self) -> str:
        """The environment variable that sets it."""
        return ENV_PREFIX + self.key.upper().replace(".", "__")

    @cached_property
    def types(self) -> tuple[Any, ...]:
        """The alternatives of its type, without None."""
        return tuple(_alternatives(self.field.annotation))

    @property
    def is_secret(self) -> bool:
        """Is the value masked wherever it is shown?"""
        return SecretStr in self.types

    @property
    def has_tables(self) -> bool:
        """Is it tables by name, each of which is one value?"""
        return any(typing.get_origin(each) is dict for each in self.types)

    @property
    def entry(self) -> type[BaseModel] | None:
        """The model of one entry, if it is a list of tables."""
        for each in self.types:
            inner = typing.get_args(each)[0] if typing.get_origin(each) is list else None
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                return inner
        return None

    @property
    def type_name(self) -> str:
        """What may be given, in words."""
        return " or ".join(dict.fromkeys(_name(each) for each in self.types))

    def from_text(self, text: str) -> Any:
        """The value that a text of the environment or the command line means.

        What does not parse is returned as it is: validation says what is wrong with it.
        """
        for each in self.types:
            if each is bool and text in ("true", "false"):
                return text == "true"
            if each in (int, float):
                try:
                    return each(text)
                except ValueError:
                    return text
            if typing.get_origin(each) is list:
                return _list(text)
            if typing.get_origin(each) is dict:
                return _json(text)
        return text


def _alternatives(annotation: Any) -> Iterator[Any]:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        yield from _alternatives(typing.get_args(annotation)[0])
    elif origin in (typing.Union, types.UnionType):
        for each in typing.get_args(annotation):
            if each is not type(None):
                yield from _alternatives(each)
    else:
        yield annotation


_NAMES: Mapping[Any, str] = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    SecretStr: "secret text",
    Duration: "duration",
    Size: "size",
    Address: "host:port",
}


def _name(kind: Any) -> str:
    if typing.get_origin(kind) is Literal:
        return ", ".join(f'"{value}"' for value in typing.get_args(kind))
    if typing.get_origin(kind) is list:
        inner = typing.get_args(kind)[0]
        return (
            "list of tables" if isinstance(inner, type) and issubclass(inner, BaseModel) else f"list of {_name(inner)}"
        )
    return "tables by name" if typing.get_origin(kind) is dict else _NAMES[kind]


def _list(text: str) -> Any:
    if text.lstrip().startswith("["):
        return _json(text)
    return [part.strip() for part in text.split(",") if part.strip()]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def leaves(section: BaseModel, prefix: str = "") -> Iterator[Leaf]:
    """Every option below a section: its own first, then those of the sections in it, as TOML wants them."""
    inner: list[tuple[str, BaseModel]] = []
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            inner.append((f"{prefix}{name}.", value))
        else:
            yield Leaf(f"{prefix}{name}", field, value)
    for below, value in inner:
        yield from leaves(value, below)


def entry_leaves(entry: type[BaseModel]) -> Iterator[Leaf]:
    """The keys of one entry of a list of tables."""
    for name, field in entry.model_fields.items():
        yield Leaf(name, field, None if field.is_required() else field.default)


LEAVES: Mapping[str, Leaf] = {leaf.key: leaf for leaf in leaves(Config())}
"""Every option by its key."""


def value_at(config: Config, key: str) -> Any:
    """What a configuration says for a dotted key."""
    value: Any = config
    for name in key.split("."):
        value = getattr(value, name)
    return value
