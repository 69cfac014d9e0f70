"""The reference of all options, made from the model.

Source: OPS-5, OPS-80.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import BaseModel

from gateway.config.leaves import LEAVES, Leaf, entry_leaves, value_at
from gateway.config.model import Config
from gateway.config.show import default_text

_INTRODUCTION = """\
# Configuration

Made by `bayeux-gateway config docs --markdown`; do not edit.

Values come from, in rising priority: the defaults below, `--dev`, files (`-c FILE`, which may be repeated; of a
directory its `*.toml` files, sorted), environment variables, flags (`--port`, `--set KEY=VALUE`).

- Durations: `"500ms"`, `"10s"`, `"5m"`, `"1h"`, `"1d"`. Sizes: `"512B"`, `"64KiB"`, `"1MiB"`, `"1GiB"`.
  Only 0 needs no unit.
- In the environment a list is JSON or separated by commas; a secret may come from a file: append `_FILE` to its
  variable.
- `${GATEWAY_VAR_NAME}` in a text of a file is replaced by that environment variable; others cannot be read.
- Unknown keys are refused. Every option needs a restart to change.
- `bayeux-gateway config check` tells all that is wrong, `config show --origin` what is in force and why.
"""


def markdown() -> str:
    """The whole reference as a Markdown page."""
    return "\n".join(_markdown_lines())


def text() -> str:
    """The same for a terminal: one paragraph an option."""
    paragraphs = []
    for leaf in LEAVES.values():
        default = default_text(leaf) or "unset"
        paragraphs.append(
            f"{leaf.key}\n    {leaf.field.description}\n    {leaf.type_name}; default {default}; {leaf.env}"
        )
    return "\n\n".join(paragraphs)


def _markdown_lines() -> Iterator[str]:
    yield _INTRODUCTION
    sections: dict[str, list[Leaf]] = {}
    for leaf in LEAVES.values():
        sections.setdefault(leaf.key.rpartition(".")[0], []).append(leaf)
    for section, members in sections.items():
        yield f"## `[{section}]`" if section else "## Top level"
        yield ""
        if section:
            yield f"{_description(section)}\n"
        yield "| key | type | default | environment | meaning |"
        yield "| --- | --- | --- | --- | --- |"
        for leaf in members:
            yield _row(leaf, f"`{leaf.env}`")
        yield ""
        for leaf in members:
            if leaf.entry is not None:
                yield from _entry(leaf, leaf.entry)


def _entry(leaf: Leaf, entry: type[BaseModel]) -> Iterable[str]:
    return [
        f"### `[[{leaf.key}]]`",
        "",
        f"{(entry.__doc__ or '').strip()}",
        "",
        "| key | type | default | meaning |",
        "| --- | --- | --- | --- |",
        *(_row(each, None) for each in entry_leaves(entry)),
        "",
    ]


def _row(leaf: Leaf, env: str | None) -> str:
    name = leaf.key.rpartition(".")[2]
    if leaf.field.is_required() and env is None:
        default = "required"
    else:
        default = f"`{default_text(leaf)}`" if default_text(leaf) else ""
    cells = [f"`{name}`", leaf.type_name, default, env, leaf.field.description or ""]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells if cell is not None) + " |"


def _description(section: str) -> str:
    """What the model says of a section, where it is a field of the one around it."""
    parent, _, name = section.rpartition(".")
    around = value_at(Config(), parent) if parent else Config()
    return type(around).model_fields[name].description or ""
