"""Pattern groups: named regular expressions that whole texts are compared with.

They are written as Java's and run by RE2, in time and memory that no expression can blow up.

Source: PT-1…8, SEC-98, SEC-L23.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import re2

from gateway.services.javaregex import ExpressionRefused, translated

LONGEST_EXPRESSION: Final = 512
MOST_MEMORY: Final = 1024 * 1024
"""Bytes of one expression while it runs."""
MOST_PATTERNS: Final = 64
"""In a group (SEC-L23)."""
LONGEST_VALUE: Final = 4096
"""Characters of a text that is compared."""


class Pattern:
    """One expression. Raises ExpressionRefused where it cannot be had."""

    __slots__ = ("_compiled", "text")

    def __init__(self, text: str) -> None:
        if not text or len(text) > LONGEST_EXPRESSION:
            raise ExpressionRefused(f"an expression has 1 to {LONGEST_EXPRESSION} characters")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ExpressionRefused("it is not Unicode") from None
        self.text = text
        """As it was written (PT-8)."""
        options = re2.Options()
        options.max_mem = MOST_MEMORY
        options.log_errors = False
        options.never_capture = True
        try:
            self._compiled = re2.compile(translated(text), options)
        except re2.error:
            raise ExpressionRefused("it would need too much memory, or repeats too often") from None

    def matches(self, value: str) -> bool:
        """Is it the whole text (PT-3)?"""
        return self._compiled.fullmatch(value) is not None

    def __repr__(self) -> str:
        return f"Pattern({self.text!r})"


Group = Sequence[tuple[str, Pattern]]
"""Patterns by name, in their order."""


def compiled(expressions: Mapping[str, str]) -> Group:
    """A group of them. Raises ExpressionRefused with the name of the first that cannot be had."""
    group = []
    for name, text in expressions.items():
        try:
            group.append((name, Pattern(text)))
        except ExpressionRefused as refused:
            raise ExpressionRefused(f"{name}: {refused}") from None
    return tuple(group)


def first_match(groups: Iterable[Group], value: str) -> str | None:
    """Name of the first pattern that the value is an instance of (PT-2, PT-4)."""
    for group in groups:
        for name, pattern in group:
            if pattern.matches(value):
                return name
    return None
