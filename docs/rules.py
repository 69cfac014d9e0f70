"""Sphinx extension: the id of a rule, wherever it is cited, leads to its line in the reference.

Source: the reference pages themselves; a rule is a list item that begins with its id in bold.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

RULE = re.compile(r"^- \*\*([A-Z]{1,5}-L?\d+)\*\* ", re.MULTILINE)
CITED = re.compile(r"(?<![A-Za-z0-9_-])([A-Z]{1,5}-L?\d+)(?![\w-])")


def rules(folder: Path) -> dict[str, str]:
    """Each id with the name of its page."""
    pages = sorted((folder / "reference").glob("*.md"))
    return {id: f"reference/{page.stem}" for page in pages for id in RULE.findall(page.read_text("utf-8"))}


def anchor(id: str) -> str:
    """Where on its page a rule is."""
    return f"rule-{id.lower()}"


def link(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Give the rules of a page their anchors, and its citations their links."""
    known = rules(Path(app.srcdir))
    for strong in list(doctree.findall(nodes.strong)):
        id = strong.astext()
        if known.get(id) == docname and isinstance(strong.parent.parent, nodes.list_item):
            strong.parent.parent["ids"].append(anchor(id))
    for text in list(doctree.findall(nodes.Text)):
        if CITED.search(text) and not is_apart(text):
            text.parent.replace(text, linked(app, str(text), known, docname))


def is_apart(text: nodes.Text) -> bool:
    """It is code, a link already, a heading, or the id at the head of its own rule."""
    outside = (nodes.literal, nodes.literal_block, nodes.reference, nodes.title, nodes.strong)
    node = text.parent
    while node is not None:
        if isinstance(node, outside):
            return True
        node = node.parent
    return False


def linked(app: Sphinx, text: str, known: dict[str, str], docname: str) -> list[nodes.Node]:
    """A text in pieces, the ids in it as references."""
    pieces: list[nodes.Node] = []
    for part in CITED.split(text):
        if part in known:
            uri = f"{app.builder.get_relative_uri(docname, known[part])}#{anchor(part)}"
            pieces.append(nodes.reference("", part, internal=True, refuri=uri, classes=["rule"]))
        else:
            pieces.append(nodes.Text(part))
    return pieces


def setup(app: Sphinx) -> dict[str, bool]:
    """Sphinx: called once."""
    app.connect("doctree-resolved", link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
