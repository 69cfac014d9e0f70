"""What an agent's attributes have to be: ``english >= 5 && (sales || !trainee)``.

Attributes are true, false, or 1 to 10; one that an agent has not is false and 0. ``&&`` binds closer than ``||``.

Source: MRE-90; the grammar is ours.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

Attributes: TypeAlias = Mapping[str, bool | int]
Test: TypeAlias = Callable[[Attributes], bool]

LONGEST = 1000
"""Characters of one expression; bounds how deep parentheses lie, too."""
DEEPEST = 50

_TOKEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][\w.-]*)|(?P<number>\d+)|(?P<sign>==|!=|>=|<=|&&|\|\||[()!<>]))")

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
_VALUES: Mapping[str, int] = {"true": 1, "false": 0}


class ExpressionWrong(ValueError):
    """Not an expression; the text says where."""


class Expression:
    """A test that was read once and is made often. Raises ExpressionWrong."""

    __slots__ = ("_test", "text")

    def __init__(self, text: str = "") -> None:
        self.text = text
        self._test = _Reader(text).whole() if text.strip() else _always

    def holds(self, attributes: Attributes) -> bool:
        """Whether these attributes are as it demands."""
        return self._test(attributes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"


class _Reader:
    """Reads one expression, from the loosest binding inwards."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ExpressionWrong(f"longer than {LONGEST} characters")
        self._tokens = list(_tokens(text))
        self._depth = 0

    def whole(self) -> Test:
        test = self._either()
        if self._tokens:
            raise ExpressionWrong(f"{self._tokens[0]!r} is not expected")
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._skip("||"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda attributes: any(test(attributes) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._skip("&&"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda attributes: all(test(attributes) for test in tests)

    def _single(self) -> Test:
        if self._skip("!"):
            test = self._deeper(self._single)
            return lambda attributes: not test(attributes)
        if self._skip("("):
            test = self._deeper(self._either)
            if not self._skip(")"):
                raise ExpressionWrong("a parenthesis is not closed")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        name = self._next()
        if not name[0].isalpha() and name[0] != "_":
            raise ExpressionWrong(f"{name!r} is no attribute")
        if not self._tokens or self._tokens[0] not in _COMPARISONS:
            return lambda attributes: bool(attributes.get(name, 0))
        compare, value = _COMPARISONS[self._next()], self._value()
        return lambda attributes: compare(int(attributes.get(name, 0)), value)

    def _value(self) -> int:
        token = self._next()
        if token.isdecimal():
            return int(token)
        if token.lower() in _VALUES:
            return _VALUES[token.lower()]
        raise ExpressionWrong(f"{token!r} is neither a number nor true nor false")

    def _deeper(self, part: Callable[[], Test]) -> Test:
        if self._depth == DEEPEST:
            raise ExpressionWrong(f"nested deeper than {DEEPEST}")
        self._depth += 1
        test = part()
        self._depth -= 1
        return test

    def _skip(self, token: str) -> bool:
        found = bool(self._tokens) and self._tokens[0] == token
        if found:
            del self._tokens[0]
        return found

    def _next(self) -> str:
        if not self._tokens:
            raise ExpressionWrong("something is missing at the end")
        return self._tokens.pop(0)


def _tokens(text: str) -> Iterator[str]:
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise ExpressionWrong(f"{text[place:].strip()[:10]!r} cannot be read")
        yield found[found.lastgroup or 0]
        place = found.end()


def _always(attributes: Attributes) -> bool:
    return True
