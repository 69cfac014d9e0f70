"""``serve``: the gateway itself.

Source: OPS-1, OPS-24, OPS-45, OPS-46.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.config.leaves import LEAVES
from gateway.config.units import Address


def serve(
    files: Files = None,
    settings: Settings = None,
    *,
    port: Annotated[
        int | None, typer.Option(metavar="N", min=0, max=65535, help="Port of the public listener; 0 = any free one.")
    ] = None,
    workers: Annotated[
        str | None, typer.Option(metavar="N|auto", help="Processes, auto = one a core; more than one needs --redis.")
    ] = None,
    redis: Annotated[
        str | None,
        typer.Option(metavar="URL", help="The Redis that joins workers and nodes, such as redis://127.0.0.1."),
    ] = None,
    dev: Development = False,
) -> None:
    """Serve Bayeux and the APIs until TERM or Ctrl-C.

    Without a configuration it serves this machine only, on 127.0.0.1:8080, and lets nobody in; `--dev` lets in
    Agent1 and Agent2.

    Examples: `bayeux-gateway serve --dev`,  `bayeux-gateway serve -c gateway.toml --set log.level=debug`,
    `bayeux-gateway serve --redis redis://127.0.0.1 --workers auto`
    """
    processes = LEAVES["workers"].from_text(workers) if workers is not None else None
    given = sources(files, settings, dev=dev, workers=processes, redis=redis)
    loaded = load(given)
    if port is not None:
        public = Address(loaded.config.listen.public.host, port)
        loaded = load(replace(given, flags={**given.flags, "listen.public": str(public)}))
    from gateway import lifecycle  # noqa: PLC0415 (all of the gateway, which other commands need not wait for)

    raise typer.Exit(lifecycle.serve(loaded, os.environ))
