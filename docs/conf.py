"""How Sphinx builds the documentation: ``make docs``. It reaches for nothing on the network.

Owns how our docstrings are read, and where their references lead: a public name is defined in some inner module,
its place in the reference is that of the door it is imported through. Whatever else exists, in our inner modules,
in the standard library or in Tornado, is shown and leads nowhere.
"""

from __future__ import annotations

import builtins
import dataclasses
import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.ext.napoleon import Config, GoogleDocstring

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

project = "bayeux"
author = "the authors of bayeux-gateway"
copyright = "the authors of bayeux-gateway, Apache-2.0"  # noqa: A001
language = "en"

extensions = ["rules", "myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinx_design"]

html_theme = "furo"
html_title = "bayeux"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["pages.css"]
copybutton_exclude = ".linenos, .gp, .go"

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

nitpicky = True
default_role = "code"
autodoc_default_options = {"show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88

DOORS = ("bayeux", "bayeux.client", "bayeux.extensions", "bayeux.testing")
"""A bare name that several of them have is that of the reader's own, then that of the first."""
FOREIGN = frozenset({"_pytest", "httptools", "pytest", "tornado"}) | sys.stdlib_module_names


def public_names() -> dict[str, str]:
    """The full names of public objects by where they are defined, by door and bare name, and by bare name."""
    found: dict[str, str] = {}
    for door in sorted(DOORS, key=len, reverse=True):  # what comes through several has its place at the innermost
        module = importlib.import_module(door)
        for name in module.__all__:
            public = getattr(module, name)
            inner = f"{getattr(public, '__module__', door)}.{getattr(public, '__qualname__', name)}"
            place = f"{door}.{name}"
            if inner.startswith(f"{door}."):
                place = found.setdefault(inner, place)
            found[name] = found[f"{door}:{name}"] = place
    return found


def exists_inside(target: str) -> bool:
    """Whether a name that is not public is one of ours: the full name, or a bare one of any module."""
    if "." in target:
        module, _, name = target.rpartition(".")
        return module.startswith("bayeux.") and hasattr(importlib.import_module(module), name)
    return any(hasattr(module, target) for name, module in list(sys.modules.items()) if name.startswith("bayeux."))


def name_targets(app: Sphinx, doctree: nodes.document) -> None:
    """A bare name means what is public, that of the page's own door first, and never some attribute called so."""
    for node in doctree.findall(pending_xref):
        if node.get("refdomain") == "py":
            target = node["reftarget"]
            node["reftarget"] = PUBLIC.get(f"{node.get('py:module')}:{target}") or PUBLIC.get(target) or target
            node.attributes.pop("refspecific", None)


def resolve(app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element) -> nodes.Element | None:
    """Sphinx could not resolve this reference; None makes it a warning, hence an error."""
    target: str = node.get("reftarget", "")
    if node.get("refdomain") != "py":
        return None
    if target in PUBLIC.values():
        python: Any = env.get_domain("py")
        found: nodes.Element | None = python.resolve_xref(env, node["refdoc"], app.builder, "obj", target, node, shown)
        return found
    if target.partition(".")[0] in FOREIGN or exists_inside(target):
        return shown
    return None


def shorten_signature(
    app: Sphinx, what: str, name: str, thing: object, options: object, signature: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """A default that has no text, such as the factory of a dataclass's field, is three dots."""
    return (re.sub(r"= ?<[^<>]+>", "= ...", signature) if signature else signature), returns


def skip_inner(app: Sphinx, what: str, name: str, thing: Any, skip: bool, options: object) -> bool | None:
    """Leave out what stands under a heading such as ``# For transports``: public for our modules only."""
    function = getattr(thing, "fget", None) or thing
    if not inspect.isfunction(function) or function.__code__.co_filename.startswith("<"):
        return None  # a dataclass made it
    lines, _ = inspect.findsource(function)
    above = lines[: function.__code__.co_firstlineno]
    headings = [line for line in above if re.match(r"    # [A-Z].* -{10,}$", line)]
    return True if headings and re.match("    # For (the|transports)", headings[-1]) else None


def read_docstring(app: Sphinx, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    """Make field lists of ``Args:`` and ``Raises:``; in an attribute's docstring a colon is a colon.

    What an option means stands in the metadata of its field, where the gateway looks for it too.
    """
    option = OPTIONS.get(name)
    if option is not None and "doc" in option.metadata:
        lines[:] = [f"{option.metadata['doc']} Default: ``{option.default!r}``."]
    if what not in ("attribute", "data", "property"):
        lines[:] = GoogleDocstring(lines, Config(napoleon_use_rtype=False), app, what, name, thing).lines()


def name_bases(app: Sphinx, name: str, thing: object, options: object, bases: list[Any]) -> None:
    """Only bases that say something: not ``object``, not those of our own that are not public."""
    bases[:] = [base for base in bases if base is not object and (not is_ours(base) or full_name(base) in PUBLIC)]


def leave_builtins(app: Sphinx, doctree: nodes.document) -> None:
    """``bytes`` in a signature is Python's, and not some attribute of ours that has the same name."""
    for reference in list(doctree.findall(pending_xref)):
        if reference.get("refdomain") == "py" and hasattr(builtins, reference.get("reftarget", "")):
            reference.replace_self(nodes.Text(reference["reftarget"]))


def drop_empty_bases(app: Sphinx, doctree: nodes.document) -> None:
    """A class without such bases has no line about them."""
    for paragraph in list(doctree.findall(nodes.paragraph)):
        if paragraph.astext().strip() == "Bases:":
            paragraph.parent.remove(paragraph)


def is_ours(thing: Any) -> bool:
    """Whether it is defined in one of our modules."""
    return str(thing.__module__).partition(".")[0] == "bayeux"


def full_name(thing: Any) -> str:
    """Where it is defined."""
    return f"{thing.__module__}.{thing.__qualname__}"


def setup(app: Sphinx) -> None:
    """Sphinx: called once."""
    app.connect("autodoc-process-bases", name_bases)
    app.connect("doctree-read", drop_empty_bases)
    app.connect("doctree-read", leave_builtins)
    app.connect("doctree-read", name_targets)
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", shorten_signature)
    app.connect("autodoc-skip-member", skip_inner)
    app.connect("autodoc-process-docstring", read_docstring)


PUBLIC = public_names()
OPTIONS = {
    f"bayeux.Options.{field.name}": field for field in dataclasses.fields(importlib.import_module("bayeux").Options)
}
