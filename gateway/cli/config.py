"""``config check``, ``config show``, ``config docs``.

Source: OPS-3…5.
"""

from __future__ import annotations

import json
from typing import Annotated

import typer

from gateway.auth.tokens import Tokens
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.config.docs import markdown, text
from gateway.config.show import as_environment, as_toml, effective

app = typer.Typer(name="config", help="Look at the configuration.", no_args_is_help=True)


@app.command(epilog="Example: `bayeux-gateway config check -c gateway.toml`")
def check(files: Files = None, settings: Settings = None, *, dev: Development = False) -> None:
    """Tell everything that is wrong with files, environment and flags."""
    loaded = load(sources(files, settings, dev=dev))
    Tokens(loaded.config.auth.tokens)  # the key files, too
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)
    typer.echo("The configuration is valid.", err=True)


@app.command(epilog="Example: `bayeux-gateway config show --origin -c gateway.toml`")
def show(
    files: Files = None,
    settings: Settings = None,
    *,
    dev: Development = False,
    origin: Annotated[bool, typer.Option("--origin", help="Add where each value comes from.")] = False,
    env: Annotated[bool, typer.Option("--env", help="As environment variables.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Show the effective values, secrets masked."""
    loaded = load(sources(files, settings, dev=dev))
    if as_json:
        typer.echo(json.dumps(effective(loaded.config), ensure_ascii=False))
    elif env:
        typer.echo(as_environment(loaded, with_origin=origin))
    else:
        typer.echo(as_toml(loaded, with_origin=origin))


@app.command(epilog="Example: `bayeux-gateway config docs | less`")
def docs(
    *, as_markdown: Annotated[bool, typer.Option("--markdown", help="As the page of the documentation.")] = False
) -> None:
    """Show every option with its type, unit, default and environment variable."""
    typer.echo(markdown() if as_markdown else text(), nl=not as_markdown)
