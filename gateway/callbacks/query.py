"""Which callbacks are looked for: properties that have a value or have not, all of them or any.

Pure: parameters in, a ``Query`` out, which says of a record whether it is meant.

Source: CB-30…32, CB-41.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.callbacks.refusal import OptionWrong

ID: Final = "_id"
_OPERAND: Final = "operand"
_NOT: Final = "!"


@dataclass(frozen=True, slots=True)
class Term:
    """One property."""

    key: str
    value: str
    is_negated: bool = False

    def holds(self, values: Mapping[str, str]) -> bool:
        """Whether it is so of a record."""
        return (values.get(self.key, "") == self.value) is not self.is_negated


@dataclass(frozen=True, slots=True)
class Query:
    """All that is asked."""

    terms: tuple[Term, ...]
    is_any: bool = False
    """One that holds is enough."""

    def holds(self, values: Mapping[str, str]) -> bool:
        """Whether a record is meant."""
        return (any if self.is_any else all)(term.holds(values) for term in self.terms)

    def narrowed(self, lookup: Collection[str]) -> tuple[Term, ...]:
        """Terms of which each record that is meant fulfils one, and by which it can be found; empty: there are none."""
        found = tuple(term for term in self.terms if not term.is_negated and (term.key == ID or term.key in lookup))
        if self.is_any:
            return found if len(found) == len(self.terms) else ()
        return tuple(sorted(found, key=lambda term: term.key != ID)[:1])


def read_query(texts: Mapping[str, str], lookup: Collection[str], filters: Collection[str]) -> Query:
    """What is asked for.

    Args:
        lookup: keys by which records of the services in question are found; one has to be there.
        filters: what else may be asked for.

    Raises OptionWrong.
    """
    operand = texts.get(_OPERAND, "AND").strip().upper()
    if operand not in {"AND", "OR"}:
        raise OptionWrong(f"{_OPERAND} is AND or OR")
    asked = {name: text for name, text in texts.items() if name != _OPERAND}
    for name, text in asked.items():
        if name != ID and name not in lookup and name not in filters:
            raise OptionWrong("records cannot be asked for by that: " + name[:64])
        if not text.strip() and name not in filters:
            raise OptionWrong(f"{name} is empty")
    if not any(name == ID or name in lookup for name in asked):
        raise OptionWrong(f"one of {', '.join([ID, *sorted(lookup)])} has to be asked for")
    terms = (
        Term(name, text.removeprefix(_NOT).strip(), is_negated=text.startswith(_NOT)) for name, text in asked.items()
    )
    return Query(tuple(terms), is_any=operand == "OR")
