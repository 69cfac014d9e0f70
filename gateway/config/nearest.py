"""The known key that somebody who wrote an unknown one probably meant.

Source: OPS-3.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(unknown: str, known: Iterable[str]) -> str:
    """``; nearest known: …``, or nothing if none is near."""
    names = list(known)
    section, _, last = unknown.rpartition(".")
    beside = {name.rpartition(".")[2]: name for name in names if section and name.rpartition(".")[0] == section}
    if meant := difflib.get_close_matches(last.lower(), beside, n=1, cutoff=0.7):
        return f"; nearest known: {beside[meant[0]]}"
    elsewhere = [name for name in names if "." in unknown and name.rpartition(".")[2] == last]  # in a wrong section
    found = difflib.get_close_matches(unknown, elsewhere or names, n=1, cutoff=0.0 if elsewhere else 0.6)
    return f"; nearest known: {found[0]}" if found else ""
