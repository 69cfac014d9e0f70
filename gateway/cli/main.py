"""All commands together, and how whatever goes wrong in them is told.

Source: OPS-14…17.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from gateway.cli import bench, config, mre, openapi, operate, publish, serve, status, subscribe, token, user
from gateway.config import ConfigurationWrong
from gateway.failure import ExitCode, Failure

app = typer.Typer(
    name="bayeux-gateway",
    help="Bayeux push for agent desktops and mobile engagement.",
    epilog="Start with: `bayeux-gateway serve --dev`",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(serve.serve)
app.command()(publish.publish)
app.command()(subscribe.subscribe)
app.command()(status.status)
app.command()(operate.drain)
app.command()(operate.kick)
app.command()(openapi.openapi)
app.add_typer(bench.app)
app.add_typer(config.app)
app.add_typer(mre.app)
app.add_typer(token.app)
app.add_typer(user.app)


@app.callback()
def options(
    *,
    version: Annotated[bool, typer.Option("--version", help="Show versions and extras, and exit.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show a stack trace when a command fails.")] = False,
) -> None:
    """Bayeux push for agent desktops and mobile engagement."""


def run(arguments: Sequence[str]) -> int:
    """Run one command; its exit code (OPS-15)."""
    try:
        app(args=list(arguments), prog_name="bayeux-gateway")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except ConfigurationWrong as wrong:
        for problem in wrong.problems:
            tell(str(problem))
        return ExitCode.CONFIGURATION
    except Failure as failure:
        _trace_if_wanted(arguments)
        tell(str(failure))
        return failure.code
    except Exception as error:  # noqa: BLE001 (whatever it is, a person is told in one sentence)
        _trace_if_wanted(arguments)
        tell(f"{type(error).__name__}: {error}; `bayeux-gateway --debug {' '.join(arguments[:1])} …` shows where")
        return ExitCode.FAILED
    return ExitCode.DONE


def tell(text: str) -> None:
    """One line for people (OPS-16)."""
    sys.stderr.write(f"{text}\n")


def _trace_if_wanted(arguments: Sequence[str]) -> None:
    if "--debug" in arguments:
        traceback.print_exc()
