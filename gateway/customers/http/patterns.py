"""``/patterns``: which pattern a value is an instance of.

Source: PT-1…5, PT-7, SEC-L23, SEC-98.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from gateway.customers.http.declaration import Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.refusal import PathUnknown, RequestWrong
from gateway.customers.values import Values
from gateway.services.patterns import LONGEST_VALUE, Group, first_match

_AT_ONCE: Final = 64 * 1024
"""Characters times patterns that are compared on the loop; more are, in a thread."""
_FOUND: Final = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "For each parameter that is an instance of one, the name of the pattern.",
}


class Patterns(Customer):
    """The patterns of all groups."""

    path = "/patterns"
    posts = Method(says="Compare each parameter with them.", answer=_FOUND, takes_data=True)

    async def take(self, values: Values, *path: str) -> Answer:
        """PT-1."""
        return await _found(list(self.around.patterns().values()), values)


class PatternsOfGroup(Customer):
    """The patterns of one group."""

    path = "/patterns/group/{group}"
    posts = Method(says="Compare each parameter with them.", answer=_FOUND, takes_data=True, refuses=(404,))

    async def take(self, values: Values, *path: str) -> Answer:
        """PT-1, PT-5."""
        group = self.around.patterns().get(path[0])
        if group is None:
            raise PathUnknown("there is no such group of patterns")
        return await _found([group], values)


async def _found(groups: Sequence[Group], values: Values) -> Mapping[str, str]:
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if any(len(text) > LONGEST_VALUE for text in texts.values()):
        raise RequestWrong(f"a value has at most {LONGEST_VALUE} characters")
    if sum(map(len, texts.values())) * sum(map(len, groups)) <= _AT_ONCE:
        return _compared(groups, texts)
    return await asyncio.to_thread(_compared, groups, texts)


def _compared(groups: Sequence[Group], texts: Mapping[str, str]) -> Mapping[str, str]:
    matches = {name: first_match(groups, text) for name, text in texts.items()}
    return {name: match for name, match in matches.items() if match is not None}
