"""``bench``: load on a Bayeux server, and what it made of it.

Source: OPS-11, OPS-15…17.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from gateway.bench.target import Target, TargetWrong
from gateway.cli.bench_commands import COMMANDS, LOAD, Command, command_line, options, workload_of
from gateway.cli.client import TokenFile, token_of
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import Loaded, load
from gateway.failure import ExitCode, Failure
from gateway.running import find_running

app = typer.Typer(
    name="bench",
    help="Load a Bayeux server and measure it: ours, CometD, Faye or any other.",
    epilog="Start with: `bayeux-gateway serve --dev` in one terminal, `bayeux-gateway bench fanout` in another",
    no_args_is_help=True,
)

_SERVER, _RESULT = "Server", "Result"

Endpoint: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="Bayeux endpoint; by default that of the gateway that runs here."),
]
GeneratorCpus: TypeAlias = Annotated[
    list[int] | None,
    typer.Option(
        "--generator-cpu", metavar="N", min=0, help="Core for the generators; repeatable.", rich_help_panel=LOAD
    ),
]
ServerPid: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="PID",
        min=1,
        help="The server's process, for its CPU time and memory; known of a gateway that runs here.",
        rich_help_panel=_SERVER,
    ),
]
Users: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--as",
        metavar="USER",
        help="Sign in with a token made from the configured keys; repeatable, sessions take turns.",
        rich_help_panel=_SERVER,
    ),
]
Owned: TypeAlias = Annotated[
    bool,
    typer.Option("--i-own-this-target", help="Load another machine than this one.", rich_help_panel=_SERVER),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Figures as one JSON object.", rich_help_panel=_RESULT)]
ReportFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="FILE",
        help="Write an HTML page with pictures, which needs nothing else.",
        rich_help_panel=_RESULT,
    ),
]


def bench(
    command: Command,
    chosen: Mapping[str, Any],
    url: Endpoint = None,
    *,
    generator_cpus: GeneratorCpus = None,
    server_pid: ServerPid = None,
    users: Users = None,
    token_file: TokenFile = None,
    is_owned: Owned = False,
    as_json: AsJson = False,
    report: ReportFile = None,
    files: Files = None,
    settings: Settings = None,
    dev: Development = False,
) -> None:
    """Run one load test, tell its figures, and fail if anything was lost, came twice or out of order."""
    workload = workload_of(command, chosen)
    loaded = load(sources(files, settings, dev=dev))
    target, found_pid = _target(url, loaded)
    if not target.is_loopback and not is_owned:
        raise Failure(
            f"{target.host} is not this machine, and a load test may bring a server down: "
            "add --i-own-this-target if it is yours",
            ExitCode.USAGE,
        )
    tokens = [token_of(loaded.config, name, None) for name in users or ()] or [
        token_of(loaded.config, None, token_file)
    ]
    from gateway.bench import conductor, figures  # noqa: PLC0415 (as late as other commands can do without)
    from gateway.bench import report as page  # noqa: PLC0415
    from gateway.bench.machine import this_machine  # noqa: PLC0415
    from gateway.cli import bench_output  # noqa: PLC0415

    if report is not None:
        page.check_place(report)
    with bench_output.progress_shown() as progress:
        outcome = conductor.run(
            workload,
            target,
            server_pid=server_pid if server_pid is not None else found_pid,
            progress=progress,
            generator_cpus=tuple(generator_cpus or ()),
            log_in=[{"ext": {"token": token}} for token in tokens if token],
        )
    bench_output.print_figures(outcome, as_json=as_json)
    if report is not None:
        page.write(report, page.page(outcome, machine=this_machine(), command=command_line(workload, target)))
        typer.echo(f"The report is in {report}.", err=True)
    if wrong := figures.faults(outcome):
        raise Failure(" ".join(wrong))


def _target(url: str | None, loaded: Loaded) -> tuple[Target, int | None]:
    """Where to, and the process there if it is a gateway of this machine."""
    if url is None:
        running = find_running(loaded, os.environ)
        return Target.parse(running.public + loaded.config.mounts.cometd.path), running.pid or None
    try:
        target = Target.parse(url)
    except TargetWrong as wrong:
        raise typer.BadParameter(str(wrong), param_hint="URL") from None
    try:
        running = find_running(loaded, os.environ)
    except Failure:
        return target, None
    is_there = target.is_loopback and Target.parse(running.public).port == target.port
    return target, (running.pid or None) if is_there else None


def _add(command: Command) -> None:
    """Offer a command: what it lets choose of the workload, then what all have in common."""

    def run(url: str | None, **given: Any) -> None:
        bench(command, {name: given.pop(name) for name in command.fields}, url, **given)

    # The fields of a workload are the only source of these options, so typer is told a signature that nobody wrote.
    of_workload = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (default, kind) in options(command).items()
    ]
    _, _, url, *in_common = inspect.signature(bench, eval_str=True).parameters.values()
    parameters = [url, *of_workload, *in_common]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    run.__doc__ = command.text
    examples = ", ".join(f"`bayeux-gateway {each}`" for each in command.examples)
    app.command(name=command.kind, epilog=f"Examples: {examples}")(run)


for _each in COMMANDS:
    _add(_each)
