"""What a resource takes and answers, said once: requests are checked by it and the OpenAPI document is made of it.

Knows parameters, operations and methods as values; nothing of HTTP or of what an operation does. Null stands for a
parameter that is not there, and parameters that nobody declared are left alone: clients of other releases send more.

Source: AG-69, AG-140…142.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gateway.agents.operations import Json
from gateway.agents.refusal import MISSING, OUT_OF_RANGE, Refused


class Kind(Protocol):
    """What values a parameter may have."""

    def admits(self, value: Any) -> bool:
        """Is this one of them?"""

    def schema(self) -> dict[str, Any]:
        """The same as JSON Schema."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text; unless ``among`` says which, any one."""

    most: int = 1024
    """Characters."""
    among: tuple[str, ...] = ()

    def admits(self, value: Any) -> bool:
        """Long and known enough."""
        return isinstance(value, str) and len(value) <= self.most and (not self.among or value in self.among)

    def schema(self) -> dict[str, Any]:
        """Bounded, or an enumeration."""
        return (
            {"type": "string", "enum": list(self.among)} if self.among else {"type": "string", "maxLength": self.most}
        )


@dataclass(frozen=True, slots=True)
class Choice:
    """``*`` for all of these, or some of them with commas between."""

    among: tuple[str, ...]

    def admits(self, value: Any) -> bool:
        """Blanks around the commas do not matter."""
        return isinstance(value, str) and (value == "*" or {each.strip() for each in value.split(",")} <= {*self.among})

    def chosen(self, value: str) -> Sequence[str]:
        """Those that an admitted value names, in our order."""
        named = {each.strip() for each in value.split(",")}
        return [each for each in self.among if value == "*" or each in named]

    def schema(self) -> dict[str, Any]:
        """A pattern."""
        one = f"({'|'.join(self.among)})"
        return {"type": "string", "pattern": rf"^(\*|{one}(,{one})*)$"}


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number between two bounds, both included."""

    least: int = 0
    most: int = 2**53 - 1  # what JavaScript counts up to

    def admits(self, value: Any) -> bool:
        """JSON says ``1`` and ``1.0`` for one number; true is none."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return isinstance(value, int) and not isinstance(value, bool) and self.least <= value <= self.most

    def schema(self) -> dict[str, Any]:
        """With both bounds."""
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""

    def admits(self, value: Any) -> bool:
        """Not their names."""
        return isinstance(value, bool)

    def schema(self) -> dict[str, Any]:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts."""

    most: int = 100
    known: tuple[str, ...] = ()
    """The only ones that lead to anything; what becomes of others the operation says, for each by itself."""

    def admits(self, value: Any) -> bool:
        """Texts alone."""
        return isinstance(value, list) and len(value) <= self.most and all(isinstance(each, str) for each in value)

    def schema(self) -> dict[str, Any]:
        """Bounded."""
        items = {"enum": list(self.known)} if self.known else {"type": "string"}
        return {"type": "array", "items": items, "maxItems": self.most}


@dataclass(frozen=True, slots=True)
class Properties:
    """An object with names and values of the application's (AG-52)."""

    def admits(self, value: Any) -> bool:
        """Whatever is in it."""
        return isinstance(value, dict)

    def schema(self) -> dict[str, Any]:
        """An object."""
        return {"type": "object"}


_NOT_EMPTY: Mapping[str, Json] = {"string": {"minLength": 1}, "array": {"minItems": 1}}
"""By type of JSON Schema: what is empty is missing."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a request may say."""

    name: str
    says: str
    kind: Kind = field(default_factory=Text)
    is_required: bool = False
    also: tuple[str, ...] = ()
    """Other spellings; what is passed on has the first."""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All of them."""
        return self.name, *self.also

    def schema(self) -> dict[str, Any]:
        """Of one value; null stands for one that need not be there."""
        schema = self.kind.schema()
        if self.is_required:
            return {**schema, **_NOT_EMPTY.get(schema["type"], {}), "description": self.says}
        among = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, **among, "type": [schema["type"], "null"], "description": self.says}

    def value_in(self, body: Json) -> Any:
        """By whichever name; None if it is not there."""
        return next((body[name] for name in self.spellings if body.get(name) is not None), None)


@dataclass(frozen=True, slots=True)
class Fields:
    """An object with parameters of its own."""

    parameters: tuple[Parameter, ...]

    def admits(self, value: Any) -> bool:
        """Each that is there is as declared."""
        if not isinstance(value, dict):
            return False
        return all(value.get(each.name) is None or each.kind.admits(value[each.name]) for each in self.parameters)

    def schema(self) -> dict[str, Any]:
        """Each property."""
        return {"type": "object", "properties": {each.name: each.schema() for each in self.parameters}}


@dataclass(frozen=True, slots=True)
class Operation:
    """One ``operationName`` with what comes along."""

    name: str
    says: str
    parameters: tuple[Parameter, ...] = ()
    one_of: tuple[Parameter, ...] = ()
    """Exactly one of these has to be there."""
    also: tuple[str, ...] = ()
    """Other names of the same (AG-69)."""

    @property
    def names(self) -> tuple[str, ...]:
        """All that it may be called."""
        return self.name, *self.also

    def schema(self) -> dict[str, Any]:
        """The body of a request for it."""
        schema: dict[str, Any] = {
            "type": "object",
            "title": self.name,
            "description": self.says,
            "required": ["operationName", *(each.name for each in self.parameters if each.is_required)],
            "properties": {
                "operationName": {"enum": list(self.names)},
                **{spelling: each.schema() for each in (*self.parameters, *self.one_of) for spelling in each.spellings},
            },
        }
        if self.one_of:
            schema["oneOf"] = [
                {"required": [spelling], "properties": {spelling: {"type": "string"}}}
                for each in self.one_of
                for spelling in each.spellings
            ]
        return schema


REFERENCE = Parameter("referenceId", "Comes back in the answer and in what this causes (AG-70).", Number())


@dataclass(frozen=True, slots=True)
class Order:
    """A request that was found to be as declared."""

    operation: str
    """The name that the declaration has, not another one of it."""
    parameters: Json
    """In the declared spelling, without those that are null; undeclared ones as they came."""


def take_order(operations: Iterable[Operation], body: Json) -> Order:
    """What a body asks for.

    Raises Refused: 1 for what is missing, 10 for an operation that is not among these, a wrong type or a value out of
    range (AG-142).
    """
    name = body.get("operationName")
    if name is None:
        raise Refused(MISSING, "operationName is missing")
    for operation in operations:
        if name in operation.names:
            return Order(operation.name, _checked(operation, body))
    raise Refused(OUT_OF_RANGE, "this operationName does not exist here")


def read_query(parameters: Sequence[Parameter], query: Mapping[str, str]) -> Json:
    """What a query string asks for; numbers are numbers then. Raises Refused like ``take_order``."""
    asked: dict[str, Any] = {}
    for each in parameters:
        value: Any = query.get(each.name)
        if value is not None and isinstance(each.kind, Number) and value.isascii() and value.isdecimal():
            value = int(value[:20])  # longer ones are out of range in any case
        if value is not None:
            asked[each.name] = value
    _check(parameters, asked)
    return asked


def _checked(operation: Operation, body: Json) -> Json:
    declared = (*operation.parameters, *operation.one_of, REFERENCE)
    spellings = {spelling for each in declared for spelling in each.spellings}
    given = {key: value for key, value in body.items() if key != "operationName" and key not in spellings}
    for each in declared:
        value = each.value_in(body)
        if value is not None:
            given[each.name] = value
    _check(declared, given)
    chosen = [each.name for each in operation.one_of if each.name in given]
    if operation.one_of and not chosen:
        raise Refused(MISSING, f"one of {', '.join(each.name for each in operation.one_of)} is missing")
    if len(chosen) > 1:
        raise Refused(OUT_OF_RANGE, f"{' and '.join(chosen)} exclude each other")
    return given


def _check(parameters: Iterable[Parameter], given: Json) -> None:
    for each in parameters:
        value = given.get(each.name)
        if each.is_required and value in (None, "", []):
            raise Refused(MISSING, f"{each.name} is missing")
        if value is not None and not each.kind.admits(value):
            raise Refused(OUT_OF_RANGE, f"{each.name} is out of range")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """What can be got of a resource."""

    says: str
    answer: Json
    """JSON Schema of what the answer has besides ``statusCode``, by name."""
    query: tuple[Parameter, ...] = ()
    refuses: tuple[int, ...] = ()
    """HTTP status codes that it has besides those of every resource."""


JSON_MEDIA: Final = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Takes:
    """What can be posted to a resource."""

    says: str
    answer: Json
    """As that of ``Reads``."""
    operations: tuple[Operation, ...] = ()
    """None where the body is not JSON."""
    query: tuple[Parameter, ...] = ()
    media: str = JSON_MEDIA
    refuses: tuple[int, ...] = ()
    """As those of ``Reads``."""
