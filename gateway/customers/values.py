"""What a request gives and a storage keeps: texts and files by name.

Source: G-3, G-5, G-6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class File:
    """A file as it was sent; what it is called is a label, never a path."""

    name: str
    media_type: str
    content: bytes


Value = str | File
Values = Mapping[str, Value]
