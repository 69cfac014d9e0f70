"""A configuration as text again, with secrets masked: for ``config show`` and the start of the log.

Source: OPS-4, OPS-48, SEC-55.
"""

from __future__ import annotations

import json
import re
from typing import Any

from pydantic import BaseModel, SecretStr

from gateway.config.leaves import LEAVES, Leaf, value_at
from gateway.config.loading import Loaded
from gateway.config.model import Config
from gateway.config.units import Address, Duration, Size
from gateway.services.options import masked

MASK = "***"
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def plain(value: Any) -> Any:
    """A value as JSON and TOML know it, as one would write it, secrets masked."""
    if isinstance(value, SecretStr):
        return MASK
    if isinstance(value, (Duration, Size, Address)):
        return str(value)
    if isinstance(value, BaseModel):
        return {name: plain(getattr(value, name)) for name in type(value).model_fields}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):  # tables by name, or texts
        return {name: _shown(inner) for name, inner in value.items()}
    return value


def _shown(inner: Any) -> Any:
    return masked({key: text or "" for key, text in inner.items()}) if isinstance(inner, dict) else inner


def effective(config: Config) -> dict[str, Any]:
    """Every key and its value, masked; what is not set at all is left out."""
    values = {key: plain(value_at(config, key)) for key in LEAVES}
    return {key: value for key, value in values.items() if value is not None}


def as_toml(loaded: Loaded, *, with_origin: bool) -> str:
    """The effective values as a configuration file; with their origin as comments, if asked for."""
    lines: list[str] = []
    section = ""
    for key, value in effective(loaded.config).items():
        table, _, name = key.rpartition(".")
        if table != section:
            section = table
            lines += ["", f"[{table}]"]
        line = f"{name} = {_toml(value)}"
        lines.append(f"{line}  # {origin(loaded, key)}" if with_origin else line)
    return "\n".join(lines)


def as_environment(loaded: Loaded, *, with_origin: bool) -> str:
    """The effective values as environment variables; with their origin as comments, if asked for."""
    lines = []
    for key, value in effective(loaded.config).items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        line = f"{LEAVES[key].env}={text}"
        lines.append(f"{line}  # {origin(loaded, key)}" if with_origin else line)
    return "\n".join(lines)


def origin(loaded: Loaded, key: str) -> str:
    """Where an effective value comes from."""
    places = [each.place for name, each in loaded.given.items() if name == key or name.startswith(f"{key}.")]
    return ", ".join(dict.fromkeys(places)) or "default"


def changed(loaded: Loaded) -> dict[str, Any]:
    """Only what somebody set, masked: what is worth a line in the log."""
    return {key: value for key, value in effective(loaded.config).items() if origin(loaded, key) != "default"}


def default_text(leaf: Leaf) -> str:
    """The default of an option as one would write it in TOML; empty if it is unset."""
    return "" if leaf.default is None or leaf.has_tables else _toml(plain(leaf.default))


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        pairs = (f"{_key(name)} = {_toml(inner)}" for name, inner in value.items())
        return "{ " + ", ".join(pairs) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # TOML's basic strings, numbers and booleans are JSON's


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)
