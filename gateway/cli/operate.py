"""``drain`` and ``kick``: what operators do to a running gateway.

Source: OPS-10, OPS-61, DSC-6.
"""

from __future__ import annotations

import json
import os
from typing import Annotated

import typer

from gateway.cli.order import PATIENCE, order
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.failure import Failure
from gateway.running import find_running


def drain(
    files: Files = None,
    settings: Settings = None,
    *,
    node: Annotated[
        str | None, typer.Option(metavar="ID", help="Only this process, by its number or node id as in `status`.")
    ] = None,
    leave: Annotated[bool, typer.Option("--leave", help="And end; a single worker is replaced.")] = False,
    dev: Development = False,
) -> None:
    """Send the clients of the gateway on this machine to other nodes; returns when they have gone.

    The gateway is not ready from here on and takes no new clients, but goes on to run until it is told to stop.

    Examples: `bayeux-gateway drain`,  `bayeux-gateway drain --node 1 --leave`
    """
    loaded = load(sources(files, settings, dev=dev))
    patience = loaded.config.shutdown.timeout + PATIENCE
    body = {"node": node, "leave": leave}
    answer = order(find_running(loaded, os.environ), "POST", "/internal/drain", body, patience=patience)
    typer.echo(json.dumps({"processes": answer["drained"], "sessions": answer["sessions"]}))


def kick(
    files: Files = None,
    settings: Settings = None,
    *,
    user: Annotated[str | None, typer.Option(metavar="NAME", help="All sessions of this user.")] = None,
    session: Annotated[str | None, typer.Option(metavar="HASH", help="One session, by what the log calls it.")] = None,
    dev: Development = False,
) -> None:
    """End sessions, whichever node of the cluster holds them; their clients are told, and begin anew.

    Other gateways are asked by the one on this machine, which needs the same `internal.token` as they have.

    Examples: `bayeux-gateway kick --user Agent1`,  `bayeux-gateway kick --session 3f8a09c1d2e4`
    """
    if (user is None) == (session is None):
        raise typer.BadParameter("say whose: --user NAME or --session HASH", param_hint="--user")
    running = find_running(load(sources(files, settings, dev=dev)), os.environ)
    answer = order(running, "POST", "/internal/kick", {"user": user} if user is not None else {"session": session})
    typer.echo(json.dumps({"sessions": answer["sessions"]}))
    if answer["notAsked"]:
        raise Failure(
            f"not asked: {', '.join(answer['notAsked'])}; run it there, or give all gateways the same internal.token"
        )
