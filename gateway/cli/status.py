"""``status``: what the gateway on this machine is doing.

Source: OPS-9, OPS-62.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from gateway.cli.order import order
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.running import find_running

_COLUMNS = ("worker", "node", "pid", "state", "up", "sessions", "connections", "subscriptions", "queued")
_ALONE = "No cluster: sessions live and die with this process; clients begin anew after a restart."
_SHARED = "Sessions are kept in Redis: if a node dies, the others take its sessions over."


def status(
    files: Files = None,
    settings: Settings = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
    dev: Development = False,
) -> None:
    """Show processes, sessions, the nodes that are known, and what becomes of sessions if one dies.

    Examples: `bayeux-gateway status`,  `bayeux-gateway status --json | jq .workers`
    """
    running = find_running(load(sources(files, settings, dev=dev)), os.environ)
    answer = order(running, "GET", "/internal/status")
    del answer["statusCode"]
    typer.echo(json.dumps(answer, ensure_ascii=False) if as_json else "\n".join(lines(answer)))


def lines(status: Mapping[str, Any]) -> Iterator[str]:
    """The same for people."""
    yield f"bayeux-gateway {status['version']}, process {status['pid']}, {status['state']}, at {status['public']}"
    yield ""
    yield from _table([[_cell(name, worker.get(name)) for name in _COLUMNS] for worker in status["workers"]], _COLUMNS)
    yield ""
    cluster = status["cluster"]
    if cluster is None:
        yield _ALONE
        return
    state = "connected" if cluster["is_connected"] else f"away ({cluster['trouble']})"
    yield f"Redis at {cluster['redis']} is {state}. {_SHARED}"
    yield ""
    columns = ("node", "name", "operators")
    yield from _table([[node["id"], node["name"], node["url"]] for node in cluster["nodes"]], columns)


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return "-"
    return _span(value) if name == "up" else str(value)


def _span(seconds: float) -> str:
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def _table(rows: Sequence[Sequence[str]], columns: Sequence[str]) -> Iterator[str]:
    widths = [max(len(cell) for cell in column) for column in zip(columns, *rows, strict=True)]
    for row in (columns, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
