"""From the sources to one valid configuration, or to all that is wrong with it.

Source: OPS-3, OPS-20…22, SEC-4.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.config.leaves import LEAVES, entry_leaves
from gateway.config.model import Config
from gateway.config.nearest import nearest
from gateway.config.profiles import DEVELOPMENT
from gateway.config.sources import Given, Problem, Values, config_files, read_environment, read_file, read_flags

_SHOWN = 64  # SEC-22: no more of an input than this in a message
_SENTENCES = {
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be a text in quotes",
    "list_type": "must be a list",
    "missing": "is missing",
    "string_pattern_mismatch": "is not of the form {pattern}",
    "greater_than_equal": "must be {ge} or more",
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "too_long": "must not have more than {max_length} entries",
    "literal_error": "must be {expected}",
    "model_type": "is a section: write [{key}] and its keys below",
}
_FLAGS = {"profile": "--dev", "workers": "--workers", "redis": "--redis", "listen.public": "--port"}
# A table in a file changes some keys of a section; the others keep the defaults of that very section.
_DEFAULTS = {
    leaf.key: Given(leaf.default, "")
    for leaf in LEAVES.values()
    if leaf.default is not None and not leaf.has_tables  # of those each entry is a key of its own
}

_BY_NAME = tuple(leaf.key for leaf in LEAVES.values() if leaf.has_tables)


@dataclass(frozen=True, slots=True)
class Sources:
    """What a command was started with."""

    files: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    settings: Sequence[str] = ()
    """``KEY=VALUE`` of ``--set``."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    """Values of a command's own flags, by key; None = not given."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid configuration and how it came about."""

    config: Config
    given: Mapping[str, Given]
    """What was not left at its default, by key."""
    warnings: Sequence[str]


class ConfigurationWrong(Exception):
    """Nothing can be started with this; ``problems`` are all that was found."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = problems


def load(sources: Sources) -> Loaded:
    """Read, merge and check, in rising priority: defaults, profile, files, environment, flags.

    Raises ConfigurationWrong.
    """
    values = _collected(sources)
    config = None
    try:
        config = Config.model_validate(_nested({**_DEFAULTS, **values.given}))
    except ValidationError as error:
        values.problems.extend(_told(error, values))
    if config is None or values.problems:
        raise ConfigurationWrong(values.problems)
    return Loaded(config, values.given, values.warnings)


def load_given(given: Mapping[str, Given]) -> Loaded:
    """The same configuration once more, from what ``load`` found: for a worker, whatever has changed since."""
    return Loaded(Config.model_validate(_nested({**_DEFAULTS, **given})), given, ())


def _collected(sources: Sources) -> Values:
    written = Values()
    for path in config_files(sources.files, written.problems):
        read_file(written, path, sources.environment)
    read_environment(written, sources.environment)
    read_flags(written, sources.settings)
    for key, value in sources.flags.items():
        if value is not None:
            written.add(key, value, _FLAGS[key])
    profile = written.given.get("profile")
    if profile is not None and profile.value == "development":
        low = {key: Given(value, profile.place) for key, value in DEVELOPMENT.items()}
        written.given = low | written.given
    return written


def _nested(given: Mapping[str, Given]) -> dict[str, Any]:
    """The flat keys as tables again; a scalar where a table belongs stays, for the model to refuse."""
    root: dict[str, Any] = {}
    for key, each in given.items():
        *parents, name = _path(key)
        table = root
        for parent in parents:
            inner = table.setdefault(parent, {})
            if not isinstance(inner, dict):
                break
            table = inner
        else:
            table[name] = each.value
    return root


def _path(key: str) -> list[str]:
    """The tables around a value, and its name: what stands below a table by name is one name, whatever dots it has."""
    for leaf in _BY_NAME:
        if key.startswith(f"{leaf}."):
            return [*leaf.split("."), key.removeprefix(f"{leaf}.")]
    return key.split(".")


def _told(error: ValidationError, values: Values) -> list[Problem]:
    """What pydantic found, in our words, one problem a key."""
    problems: dict[str, Problem] = {}
    for each in error.errors(include_url=False):
        key = _key(each["loc"])
        context = each.get("ctx", {})
        if each["type"] == "extra_forbidden":
            problem = Problem(values.place_of(key), key, f"unknown key{nearest(key, _known_beside(key))}")
        elif each["type"] == "value_error":
            text = str(context["error"])
            at = _mentioned(text, key, values)
            problem = Problem(values.place_of(at) if at else "", key, text + _shown(key, each["input"]))
        else:
            sentence = _SENTENCES.get(each["type"])
            leaf = LEAVES.get(key)
            if leaf is not None and len(leaf.types) > 1:
                text = f"must be {leaf.type_name}"
            else:
                text = sentence.format(key=key, **context) if sentence else each["msg"]
            problem = Problem(values.place_of(key), key, text + _shown(key, each["input"]))
        problems.setdefault(key + problem.text if each["type"] == "value_error" else key, problem)
    return list(problems.values())


def _key(loc: tuple[int | str, ...]) -> str:
    """The dotted key of an error; the name of the alternative that pydantic appends does not belong to it."""
    key = ""
    for part in loc:
        if key in LEAVES and LEAVES[key].entry is None:
            break
        key = f"{key}.{part}" if key else str(part)
    return key


def _known_beside(key: str) -> list[str]:
    """The keys that could have been meant: in the entry of a list, that entry's; else all."""
    for leaf in LEAVES.values():
        if leaf.entry is not None and (match := re.match(rf"{re.escape(leaf.key)}\.\d+\.", key)):
            return [match[0] + each.key for each in entry_leaves(leaf.entry)]
    sections = {known.rpartition(".")[0] for known in LEAVES} - {"", key.rpartition(".")[0]}
    return [*LEAVES, *sections]


def _mentioned(text: str, key: str, values: Values) -> str:
    """Of several options that contradict each other, the first that somebody wrote, or wrote something below."""
    for word in re.findall(r"[A-Za-z0-9_$.-]+", text):
        for candidate in (f"{key}.{word}", word):
            for given in values.given:
                if given == candidate or given.startswith(f"{candidate}."):
                    return given
            if candidate in values.lines:
                return candidate
    return key


def _shown(key: str, value: Any) -> str:
    """What was given, unless it is secret or a whole table."""
    leaf = LEAVES.get(key)
    if isinstance(value, (dict, list)) or value is None or "hash" in key or (leaf is not None and leaf.is_secret):
        return ""
    if not isinstance(value, (str, int, float, bool)):
        return ""
    shown = repr(value)
    return f", not {shown if len(shown) <= _SHOWN else shown[:_SHOWN] + '…'}"
