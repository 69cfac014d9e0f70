"""The commands of ``bench``: which fields of a workload each lets choose, and what it takes where nothing is chosen.

Help, kinds and bounds of the options stand in ``Workload``.

Source: OPS-11.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import typer

from gateway.bench.target import Target
from gateway.bench.workload import TRANSPORTS, Kind, Transport, Workload, WorkloadWrong

LOAD = "Load"
"""The panel of the help in which the options stand."""

_WHO = ("transport", "sessions")
_PACE = ("rate", "window", "seconds", "warm_up", "publishes", "size")
_BESIDES = ("subscriptions", "silent_channels", "wildcards")
_HOW = ("ack", "generators", "concurrency", "settle", "seed")
_TYPES: dict[str, Any] = {"int": int, "float": float, "int | None": int | None, "float | None": float | None}
_METAVARS = {"size": "BYTES", **dict.fromkeys(("seconds", "warm_up", "hold", "settle"), "SECONDS")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One kind of load: what is said of it, and which fields of the workload it lets choose.

    A development gateway takes its ``defaults`` without any limit raised: fifty messages a second of a session, a
    thousand connections and five hundred handshakes a second.
    """

    kind: Kind
    text: str
    examples: tuple[str, ...]
    fields: tuple[str, ...]
    defaults: Mapping[str, Any]
    pace: str = "unless there is a --window"
    """What follows the default rate in the help."""


COMMANDS = (
    Command(
        kind="connect",
        text="Open sessions as fast as the server takes them, and leave them idle: set-ups a second, memory a session.",
        examples=("bench connect --sessions 500", "bench connect --transport long-polling --hold 30"),
        fields=(*_WHO, "hold", *_BESIDES, *_HOW),
        defaults={"sessions": 500, "warm_up": 0.0},
    ),
    Command(
        kind="fanout",
        text="Publish to many subscribers: news, presence, chat rooms.",
        examples=("bench fanout", "bench fanout --sessions 1000 --window 10 --report fanout.html"),
        fields=(*_WHO, "channels", "publishers", *_PACE, *_BESIDES, *_HOW),
        defaults={"sessions": 100, "rate": 40.0},
    ),
    Command(
        kind="p2p",
        text="Have each session publish to one other: direct messages, agents and their customers.",
        examples=("bench p2p", "bench p2p --transport long-polling --sessions 500 --rate 2000"),
        fields=(*_WHO, *_PACE, *_BESIDES, *_HOW),
        defaults={"sessions": 100, "rate": 1000.0},
    ),
    Command(
        kind="rtt",
        text="Have each session publish to itself, one event at a time: what a single message takes.",
        examples=("bench rtt", "bench rtt --sessions 1 --rate 20 --json"),
        fields=(*_WHO, *(name for name in _PACE if name != "window"), *_HOW),
        defaults={"sessions": 10, "rate": 200.0},
        pace="by default; 0 = as soon as the one before has arrived",
    ),
    Command(
        kind="churn",
        text="Have sessions come, hear one event and leave: phones, page loads, deployments.",
        examples=("bench churn", "bench churn --rate 400 --seconds 60"),
        fields=(*_WHO, "rate", "seconds", "warm_up", "size", *_HOW),
        defaults={"sessions": 50, "rate": 100.0},
        pace="by default; 0 = as soon as another has left",
    ),
    Command(
        kind="mix",
        text="Do everything at once: half fan-out, a quarter point-to-point, the rest round trips and churn.",
        examples=("bench mix", "bench mix --sessions 400 --generators 2 --seconds 60 --report mix.html"),
        fields=(*_WHO, "channels", "publishers", *_PACE, *_HOW),
        defaults={"sessions": 96, "rate": 160.0},
    ),
)


def options(command: Command) -> dict[str, tuple[Any, Any]]:
    """Default and type of each, as typer reads them."""
    fields = {each.name: each for each in dataclasses.fields(Workload)}
    return {name: _option(command, fields[name]) for name in command.fields}


def workload_of(command: Command, chosen: Mapping[str, Any]) -> Workload:
    """The chosen values over the defaults; a window makes it a closed loop, and so does a rate of 0.

    Raises typer.BadParameter.
    """
    given = {name: value for name, value in chosen.items() if value is not None}
    if "window" in given and "rate" in given:
        raise typer.BadParameter("it is for a closed loop, --rate for an open one: choose one", param_hint="--window")
    defaults = {name: value for name, value in command.defaults.items() if name != "rate" or "window" not in given}
    if given.get("rate") == 0:
        given["rate"] = defaults["rate"] = None
    try:
        return Workload(kind=command.kind, **{**defaults, **given})
    except WorkloadWrong as wrong:
        name, _, text = str(wrong).partition(": ")
        raise typer.BadParameter(text, param_hint=_flag(name)) from None


def command_line(workload: Workload, target: Target) -> str:
    """What repeats a run on the same target; who signs in, and a query that may be a secret, are left out."""
    (command,) = (each for each in COMMANDS if each.kind == workload.kind)
    words = ["bayeux-gateway", "bench", workload.kind, target.url.partition("?")[0]]
    for name in command.fields:
        value = getattr(workload, name)
        if name == "rate" and value is None and "window" not in command.fields:
            value = 0.0
        if value is None or value is False or (name == "window" and workload.is_open_loop):
            continue
        words += [_flag(name)] if value is True else [_flag(name), str(value).removesuffix(".0")]
    return shlex.join(words)


def _option(command: Command, field: dataclasses.Field[Any]) -> tuple[Any, Any]:
    """Default and type of one option. Rate and window have no default, so that a chosen one can be told."""
    default = command.defaults.get(field.name, field.default)
    text, kind = field.metadata["doc"], _TYPES.get(str(field.type))
    option: dict[str, Any] = {"metavar": _METAVARS.get(field.name, "N"), "rich_help_panel": LOAD}
    match field.name:
        case "ack":
            return default, Annotated[bool, typer.Option("--ack", help=text, rich_help_panel=LOAD)]
        case "transport":
            kind, option["metavar"] = Transport, "NAME"
            text = f"{' or '.join(TRANSPORTS)}."
        case "rate":
            text, default = f"{text} {default:g} {command.pace}.", None
        case "window":
            kind, default = int | None, None
    return default, Annotated[kind, typer.Option(help=text, **option)]


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
