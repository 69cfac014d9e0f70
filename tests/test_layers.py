"""Who may import whom: the table of storeys in CONTRIBUTING.md, held by reading the imports.

Imports under ``TYPE_CHECKING`` and inside functions count like all others.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("bayeux", "channels", "gateway")

OUTSIDE = frozenset({"select", "selectors", "socket", "sqlite3", "ssl", "subprocess"})
"""Network, storage and processes."""
IMPURE = OUTSIDE | {"asyncio", "random", "secrets", "threading", "time"}
"""These, loop, clock and randomness: what a pure storey is given as arguments."""


@dataclass(frozen=True)
class Storey:
    """What the modules below one name may import."""

    ours: tuple[str, ...]
    """Names of ours, each with all below it."""
    third_party: frozenset[str] | None = frozenset()
    """Top-level names; None = any."""
    refused: frozenset[str] = frozenset()
    """What stays outside of the standard library, or of any third party."""


STOREYS = {
    "bayeux.protocol": Storey(("bayeux.protocol",), frozenset({"orjson"}), IMPURE),
    "bayeux.server": Storey(("bayeux.protocol", "bayeux.server", "bayeux.backplane"), refused=OUTSIDE),
    "bayeux.server.cluster": Storey(
        ("bayeux.protocol", "bayeux.server", "bayeux.backplane"), frozenset({"msgpack"}), OUTSIDE
    ),
    "bayeux.extensions": Storey(
        ("bayeux.protocol", "bayeux.server", "bayeux.backplane", "bayeux.extensions"), refused=OUTSIDE
    ),
    "bayeux.backplane": Storey(("bayeux.protocol", "bayeux.backplane"), frozenset({"msgpack"}), OUTSIDE),
    "bayeux.backplane.redis": Storey(("bayeux.protocol", "bayeux.backplane"), frozenset({"msgpack", "redis"})),
    "bayeux.transports": Storey(
        ("bayeux.protocol", "bayeux.server", "bayeux.transports"),
        frozenset({"tornado", "httptools", "mypy_extensions"}),  # the last one's types alone
    ),
    "bayeux.client": Storey(("bayeux.protocol", "bayeux.client"), frozenset({"httptools"})),
    "bayeux.testing": Storey(("bayeux",), frozenset({"tornado", "httptools", "pytest", "pytest_asyncio"})),
    "bayeux": Storey(("bayeux",)),
    "channels": Storey(("bayeux.protocol", "channels"), refused=IMPURE),
    "gateway.store": Storey(
        ("bayeux.protocol", "bayeux.backplane.redis", "gateway.failure", "gateway.store"), frozenset({"msgpack"})
    ),
    "gateway.callback": Storey(("gateway.callback",), refused=IMPURE),
    "gateway.access": Storey(
        (
            "bayeux.protocol.errors",
            "gateway.access",
            "gateway.customers.refusal",
            "gateway.customers.values",
            "gateway.store.store",
            "gateway.store.turn",
        ),
        refused=IMPURE,
    ),
    # It asks bayeux.backplane.redis, and gateway.store.
    "gateway": Storey(ROOMS, third_party=None, refused=frozenset({"redis", "sqlite3"})),
}

DOOR_ON_THE_FACADE = ("bayeux.server.server", "bayeux.transports.listener")
"""``BayeuxServer.listen``; docs/decisions/a-door-on-the-facade."""

FOR_TESTS = "bayeux.testing"
"""It imports what we ship, and nothing that we ship imports it."""


def storey_of(module: str) -> Storey:
    """The row with the longest name that the module lies below; the row of ``bayeux`` is its door's alone."""
    name = module
    while name not in STOREYS or (name == "bayeux" != module):
        name, _, _ = name.rpartition(".")
        assert name, f"{module} has no row in the table"
    return STOREYS[name]


def imports(source: str) -> Iterator[str]:
    """Full names of what a module's text imports; of ``from a import b`` both ``a`` and, if a module, ``a.b``."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, "relative import"
            modules = [name for alias in node.names if is_module(name := f"{node.module}.{alias.name}")]
            yield from modules
            if len(modules) < len(node.names):
                yield node.module


def is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def allowed(storey: Storey, imported: str) -> bool:
    top = imported.partition(".")[0]
    if top in ROOMS:
        return any(is_below(imported, name) for name in storey.ours)
    if top in storey.refused:
        return False
    return top in sys.stdlib_module_names or storey.third_party is None or top in storey.third_party


def is_below(module: str, name: str) -> bool:
    return module == name or module.startswith(f"{name}.")


def forbidden_imports(module: str, source: str) -> list[str]:
    storey = storey_of(module)
    return [
        name
        for name in imports(source)
        if (module, name) != DOOR_ON_THE_FACADE
        and (not allowed(storey, name) or (is_below(name, FOR_TESTS) and not is_below(module, FOR_TESTS)))
    ]


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_every_module_imports_only_what_its_storey_may() -> None:
    found = {
        name: forbidden for name, path in modules() if (forbidden := forbidden_imports(name, path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bayeux.protocol.session", "import asyncio"),
        ("bayeux.protocol.session", "from time import monotonic"),
        ("bayeux.protocol.session", "import tornado.web"),
        ("bayeux.protocol.session", "if TYPE_CHECKING:\n    from bayeux.server.server import BayeuxServer"),
        ("bayeux.protocol.session", "from bayeux import server"),
        ("bayeux.protocol.session", "from bayeux import Options"),
        ("bayeux.server.server", "def start():\n    from tornado.ioloop import IOLoop"),
        ("bayeux.server.server", "import socket"),
        ("bayeux.server.server", "from bayeux.transports.websocket import WebSocket"),
        ("bayeux.transports.listener", "import redis.asyncio"),
        ("bayeux.transports.listener", "from gateway.config import Config"),
        ("bayeux.client.client", "from bayeux.server.transport import Context"),
        ("bayeux.client.client", "import tornado.websocket"),
        ("bayeux.backplane.memory", "import redis"),
        ("channels.private", "import asyncio"),
        ("channels.private", "from bayeux.server import security"),
        ("gateway.app", "import redis"),
        ("gateway.app", "import sqlite3"),
        ("gateway.store.redis", "import redis"),
        ("gateway.store.sqlite", "from gateway.config.model import Config"),
        ("gateway.callback.machine", "from time import time"),
        ("gateway.callback.instance", "from gateway.store.store import Document"),
        ("bayeux", "from bayeux.testing import Conversation"),
        ("gateway.app", "import bayeux.testing.fault_proxy"),
    ],
)
def test_forbidden_import_is_found(module: str, source: str) -> None:
    assert len(forbidden_imports(module, source)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bayeux.protocol.json", "import orjson"),
        ("bayeux.server.server", "import asyncio\nfrom bayeux.protocol import json"),
        ("bayeux.transports.listener", "import socket, ssl, httptools\nfrom tornado.httpserver import HTTPServer"),
        ("bayeux.backplane.redis.topology", "import redis.asyncio"),
        ("bayeux.testing.plugin", "import pytest, pytest_asyncio\nfrom bayeux.testing.clock import ManualClock"),
        ("channels.private", "from bayeux.protocol.channel import ChannelName"),
        ("gateway.store.database", "import sqlite3\nfrom gateway.failure import Failure"),
        ("gateway.app", "from bayeux import BayeuxServer\nfrom channels import private\nimport typer"),
    ],
)
def test_import_from_a_lower_storey_is_allowed(module: str, source: str) -> None:
    assert forbidden_imports(module, source) == []


@pytest.mark.parametrize("module", ["elsewhere.module", "bayeux.elsewhere"])
def test_module_outside_the_table_is_found(module: str) -> None:
    with pytest.raises(AssertionError, match="has no row"):
        storey_of(module)
