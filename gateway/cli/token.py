"""``token make`` and ``token check``.

Source: OPS-6, SEC-50.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Annotated

import typer

from gateway.auth.tokens import TokenRefused, Tokens
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.config.units import Duration
from gateway.failure import ExitCode, Failure

app = typer.Typer(name="token", help="Make and check bearer tokens.", no_args_is_help=True)


@app.command(epilog="Example: `bayeux-gateway token make --dev Agent1`")
def make(
    user: Annotated[str, typer.Argument(metavar="USER", help="Whose token it is.")],
    files: Files = None,
    settings: Settings = None,
    *,
    dev: Development = False,
    lifetime: Annotated[str, typer.Option(metavar="DURATION", help="How long it is good.")] = "1h",
) -> None:
    """Print a token signed with the first configured key that can."""
    try:
        seconds = Duration.parse(lifetime)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--lifetime") from None
    tokens = Tokens(load(sources(files, settings, dev=dev)).config.auth.tokens)
    try:
        typer.echo(tokens.make(user, now=time.time(), lifetime=seconds))
    except TokenRefused as refused:
        raise Failure(str(refused), ExitCode.CONFIGURATION) from None


@app.command(epilog="Example: `bayeux-gateway token make --dev Agent1 | bayeux-gateway token check --dev`")
def check(files: Files = None, settings: Settings = None, *, dev: Development = False) -> None:
    """Read a token from the standard input; print its claims if it is good."""
    tokens = Tokens(load(sources(files, settings, dev=dev)).config.auth.tokens)
    token = sys.stdin.read().strip()
    try:
        user, claims = tokens.user_of(token), tokens.check(token)
    except TokenRefused as refused:
        raise Failure(f"the token is refused: {refused}") from None
    typer.echo(json.dumps(claims, ensure_ascii=False))
    typer.echo(f"It signs in {user}.", err=True)
