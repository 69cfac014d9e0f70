"""What a load test shows: a bar while it runs, and its figures at the end.

Source: OPS-11, OPS-16.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from gateway.bench import conductor, figures
from gateway.bench.outcome import Outcome
from gateway.failure import ExitCode, Failure

_WIDTH = 80


@contextmanager
def progress_shown() -> Iterator[Callable[[conductor.Progress], None]]:
    """A bar on the standard error, if that is a terminal; Ctrl-C tells how far the test came."""
    last = conductor.Progress("start", 0.0, {})
    bar = Progress(
        TextColumn("{task.description:<10}"),
        BarColumn(bar_width=28),
        TextColumn("{task.percentage:>3.0f} %  {task.fields[told]}"),
        console=Console(stderr=True, highlight=False),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task = bar.add_task("start", total=1.0, told="")

    def show(progress: conductor.Progress) -> None:
        nonlocal last
        last = progress
        bar.update(task, description=progress.phase, completed=progress.fraction, told=_told(progress))

    try:
        with bar:
            yield show
    except KeyboardInterrupt:
        typer.echo(f"Interrupted ({last.phase}: {_told(last)}); the sessions are disconnected.", err=True)
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def print_figures(outcome: Outcome, *, as_json: bool) -> None:
    """Figures to the standard output, remarks to the standard error; raises Failure if they cannot be written."""
    try:
        if as_json:
            sys.stdout.write(f"{outcome.encode()}\n")
        else:
            _print_table(outcome)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(f"the figures cannot be written to the standard output: {error.strerror or error}") from None
    for remark in figures.remarks(outcome):
        typer.echo(remark, err=True)


def _print_table(outcome: Outcome) -> None:
    console = Console(highlight=False, emoji=False, markup=False)
    console.width = min(console.width, _WIDTH)
    console.print(Text(figures.title(outcome.workload), style="bold"))
    about = ", ".join(filter(None, (figures.pace(outcome.workload), figures.place(outcome))))
    console.print(Text(about, style="dim"))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim", overflow="fold")
    for section in figures.sections(outcome):
        table.add_row()
        table.add_row(Text(section.title, style="bold"))
        for each in section.figures:
            table.add_row(Text(f"  {each.name}"), Text(each.value), Text(each.note))
    console.print(table)


def _told(progress: conductor.Progress) -> str:
    known = progress.figures
    parts = [f"{known.get('sessions', 0):,.0f} sessions"]
    if known.get("delivered"):
        parts.append(f"{known['delivered']:,.0f} delivered")
    if known.get("delivered_per_second"):
        parts.append(f"{known['delivered_per_second']:,.0f}/s")
    if known.get("errors"):
        parts.append(f"{known['errors']:,.0f} errors")
    return ", ".join(parts)
