"""The options by which every command is told its configuration.

Source: OPS-1, OPS-20.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from gateway.config import Sources

Files: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option("-c", "--config", metavar="FILE", help="Configuration file, or a directory of them; repeatable."),
]
Settings: TypeAlias = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="One option, above all files; repeatable.")
]
Development: TypeAlias = Annotated[
    bool, typer.Option("--dev", help="Accounts Agent1 and Agent2, open channels; this machine only.")
]


def sources(files: list[Path] | None, settings: list[str] | None, *, dev: bool = False, **flags: Any) -> Sources:
    """Everything a command was started with; ``flags`` are its own, by key."""
    profile = "development" if dev else None
    return Sources(
        files=files or (), environment=os.environ, settings=settings or (), flags={"profile": profile, **flags}
    )
