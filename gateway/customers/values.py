"""What a request gives and a storage keeps: texts and files by name.

Source: G-3, G-5, G-6, ST-11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent; what it is called is a label, never a path."""

    name: str
    media_type: str
    content: bytes


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def is_name(text: str) -> bool:
    """Whether a value can be called so: it has characters, and none of them controls anything."""
    return bool(text) and _CONTROL.search(text) is None


Value = str | File
Values = Mapping[str, Value]
