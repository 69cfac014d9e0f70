"""The reference of messages and states, made from the tables; run as ``python -m gateway.routing.reference``.

Source: OPS-80; MRE-20, MRE-60, MRE-62, MRE-70, MRE-115.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping

from gateway.routing import agent_state, task_state
from gateway.routing.agent_state import AgentState
from gateway.routing.fields import Field, Kind
from gateway.routing.messages import MESSAGES, Row
from gateway.routing.refusal import STATUS_CODES
from gateway.routing.task_state import Disposition, LegRole, TaskState

_INTRODUCTION = """\
# Messages and states of routing

Made by `python -m gateway.routing.reference`; do not edit. [The rules](routing-engine.md) behind it say why.

A body is a JSON object. Keys are written as here and read in any case; others are kept when a message is forwarded.
Names have at most 256 characters and no control characters. Fields in *italics* may be left out.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield _INTRODUCTION
    yield "## Messages\n"
    yield "Numbers are those of the vendor's table; what has none is implied there, or ours.\n"
    yield from _table(
        ("", "type", "queue", "from", "to", "fields"),
        (
            (_number(row), f"`{kind}`", f"`{queue}`", row.producer, row.consumer, _fields(row))
            for (kind, queue), row in MESSAGES.items()
        ),
    )
    yield "## States of an agent in an MRD\n"
    yield from _table(
        ("state", "he", "becomes"),
        ((f"`{state}`", agent_state.MEANINGS[state], _words(_following(state))) for state in AgentState),
    )
    yield "## States of a task\n"
    yield from _table(("state", "the task"), ((f"`{state}`", task_state.MEANINGS[state]) for state in TaskState))
    for role in LegRole:
        yield f"### What `TaskState` may ask of {'the owner' if role is LegRole.OWNER else 'a participant'}'s leg\n"
        yield from _commands(task_state.COMMANDS[role])
    yield "## Why a message is refused\n"
    yield "`Error` names the code; the agent is told the `statusCode`.\n"
    yield from _table(("code", "statusCode"), ((f"`{code}`", str(status)) for code, status in STATUS_CODES.items()))


def _commands(commands: Mapping[tuple[TaskState, TaskState], Disposition]) -> Iterator[str]:
    rows = ((f"`{before}`", f"`{after}`", f"`{code}`" if code else "") for (before, after), code in commands.items())
    return _table(("from", "to", "code, unless it brings one"), rows)


def _following(state: AgentState) -> list[AgentState]:
    return [each for each in AgentState if agent_state.may_become(state, each)]


def _number(row: Row) -> str:
    return "" if row.number is None else str(row.number)


def _fields(row: Row) -> str:
    return ", ".join(_field(field) for field in row.fields)


def _field(field: Field) -> str:
    name = f"`{field.name}`" if field.required else f"*`{field.name}`*"
    match field.kind:
        case Kind.TEXT:
            return name
        case Kind.WORD if len(field.words) <= 4:
            return f"{name} ({_words(field.words)})"
        case Kind.WORD:
            return f"{name} (see below)"
    return f"{name} ({field.kind.value})"


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield _row(heads)
    yield _row(("---",) * len(heads))
    for row in rows:
        yield _row(row)
    yield ""


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
