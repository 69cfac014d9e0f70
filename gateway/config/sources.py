"""Where values come from: files, the environment, the command line. Each gives flat keys with their place.

Nothing is validated here except what only the source can know: that a file is TOML, that a
variable exists. What is wrong becomes a ``Problem``, so that all of them are told at once.

Source: OPS-20…22, SEC-55.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gateway.config.leaves import ENV_PREFIX, ENV_VARIABLE_PREFIX, LEAVES
from gateway.config.nearest import nearest
from gateway.services.options import is_secret

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r'\s*([A-Za-z0-9_."\'-]+(?:\s*\.\s*[A-Za-z0-9_"\'-]+)*)\s*=')
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
_SECRET_MODE = 0o640


@dataclass(frozen=True, slots=True)
class Given:
    """A value somebody gave."""

    value: Any
    place: str
    """Such as ``gateway.toml:12``, ``GATEWAY_LOG__LEVEL`` or ``--port``."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one line: the place, the key, the fault and what to do."""

    place: str
    key: str
    text: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.place, self.key, self.text) if part)


class Values:
    """Values from all sources, by key; a later source wins."""

    def __init__(self) -> None:
        self.given: dict[str, Given] = {}
        self.lines: dict[str, str] = {}
        """The place of each key and each entry of a list of tables in the files."""
        self.problems: list[Problem] = []
        self.warnings: list[str] = []

    def add(self, key: str, value: Any, place: str) -> None:
        """Take one value, in place of what an earlier source said."""
        self.given[key] = Given(value, place)

    def place_of(self, key: str) -> str:
        """Where a key, or else the nearest table around it, was written; empty if nowhere."""
        parts = key.split(".")
        for end in range(len(parts), 0, -1):
            known = ".".join(parts[:end])
            if known in self.given:
                return self.given[known].place
            if known in self.lines:
                return self.lines[known]
        return ""


def config_files(paths: Iterable[Path], problems: list[Problem]) -> Iterator[Path]:
    """The files meant by ``-c``: a directory stands for its ``*.toml``, sorted by name (OPS-20)."""
    for path in paths:
        if path.is_dir():
            yield from sorted(path.glob("*.toml"))
        elif path.is_file():
            yield path
        else:
            problems.append(Problem(str(path), "", "no such file or directory; check -c"))


def read_file(values: Values, path: Path, environment: Mapping[str, str]) -> None:
    """Add what a TOML file says."""
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        values.problems.append(Problem(str(path), "", f"cannot be read: {getattr(error, 'strerror', None) or error}"))
        return
    except tomllib.TOMLDecodeError as error:
        line = re.search(r" \(at line (\d+), column \d+\)", str(error))
        place = f"{path}:{line[1]}" if line else str(path)
        problem = str(error).replace(line[0], "") if line else str(error)
        values.problems.append(Problem(place, "", f"is not TOML: {problem}"))
        return
    values.lines.update({key: f"{path}:{line}" for key, line in _lines(text)})
    secrets = False
    for key, value in _flat(table):
        place = values.lines.get(key, str(path))
        secrets = secrets or _holds_secret(key, value)
        values.add(key, _interpolated(value, key, place, environment, values.problems), place)
    if secrets and path.stat().st_mode & 0o777 & ~_SECRET_MODE:
        values.warnings.append(f"{path} holds secrets and others may read it; chmod 640 {path}")  # SEC-55


def read_environment(values: Values, environment: Mapping[str, str]) -> None:
    """Add what variables named ``GATEWAY_SECTION__KEY`` say; ``…_FILE`` names a file with a secret."""
    by_env = {leaf.env: leaf for leaf in LEAVES.values()}
    for name in sorted(environment):
        if not name.startswith(ENV_PREFIX) or name.startswith(ENV_VARIABLE_PREFIX):
            continue
        leaf = by_env.get(name)
        if leaf is not None:
            values.add(leaf.key, leaf.from_text(environment[name]), name)
            continue
        leaf = by_env.get(name.removesuffix("_FILE")) if name.endswith("_FILE") else None
        if leaf is None or not leaf.is_secret:
            values.problems.append(Problem(name, "", f"unknown variable{nearest(name, by_env)}"))
            continue
        try:
            values.add(leaf.key, Path(environment[name]).read_text(encoding="utf-8").rstrip("\r\n"), name)
        except (OSError, UnicodeDecodeError):
            values.problems.append(Problem(name, leaf.key, "the file with the secret cannot be read"))


def read_flags(values: Values, settings: Iterable[str]) -> None:
    """Add what ``--set KEY=VALUE`` says."""
    for setting in settings:
        key, equals, text = setting.partition("=")
        leaf = LEAVES.get(key)
        if not equals:
            values.problems.append(Problem("--set", key, "must be KEY=VALUE, such as log.level=debug"))
        elif leaf is None:
            values.problems.append(Problem("--set", key, f"unknown key{nearest(key, LEAVES)}"))
        else:
            values.add(key, leaf.from_text(text), "--set")


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Tables of tables as dotted keys; a list is one value, and so is each of a section's tables by name."""
    around = LEAVES.get(prefix.removesuffix("."))
    for name, value in table.items():
        if isinstance(value, dict) and not (around is not None and around.has_tables):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """The line of each table, key and list entry.

    tomllib keeps no positions. This reads only headers and starts of lines, so a line inside a multi-line string may
    count as a key: then an error message points there, and that is all.
    """
    prefix = ""
    entries: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            prefix = _dotted(header[2])
            if header[1] == "[[":
                index = entries[prefix] = entries.get(prefix, -1) + 1
                if index == 0:
                    yield prefix, number
                prefix = f"{prefix}.{index}"
            yield prefix, number
        elif key := _KEY.match(line):
            yield f"{prefix}.{_dotted(key[1])}" if prefix else _dotted(key[1]), number


def _dotted(key: str) -> str:
    return ".".join(part.strip().strip("\"'") for part in key.split("."))


def _holds_secret(key: str, value: Any) -> bool:
    leaf = LEAVES.get(key)
    if isinstance(value, dict):
        return any(is_secret(name) for name in value)
    if leaf is None:
        return False
    return leaf.is_secret or key in ("auth.users", "management.administrators")


def _interpolated(value: Any, key: str, place: str, environment: Mapping[str, str], problems: list[Problem]) -> Any:
    """``${GATEWAY_VAR_X}`` in texts, replaced; no other variable can be read this way (OPS-21)."""

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if not name.startswith(ENV_VARIABLE_PREFIX):
            problems.append(Problem(place, key, f"${{{name}}}: only {ENV_VARIABLE_PREFIX}… can be used here"))
        elif name not in environment:
            problems.append(Problem(place, key, f"${{{name}}} is not set; export {name}"))
        return environment.get(name, "")

    if isinstance(value, str):
        return _VARIABLE.sub(replace, value)
    if isinstance(value, list):
        return [_interpolated(item, key, place, environment, problems) for item in value]
    if isinstance(value, dict):
        return {name: _interpolated(item, key, place, environment, problems) for name, item in value.items()}
    return value
