"""What a store keeps of our values is JSON, and gives them back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

from channels.document import from_document, to_document


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    size: int
    colour: Colour = Colour.RED


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    name: str
    wheels: tuple[Wheel, ...] = ()
    spare: Wheel | None = None
    shade: Colour | None = None
    load: Mapping[str, Any] = field(default_factory=dict)
    weight: float = 0.0


def there_and_back(cart: Cart) -> Cart:
    return from_document(Cart, json.loads(json.dumps(to_document(cart))))


def test_value_comes_back() -> None:
    cart = Cart(
        name="c",
        wheels=(Wheel(size=1), Wheel(size=2, colour=Colour.BLUE)),
        spare=Wheel(size=3),
        shade=Colour.BLUE,
        load={"z": None, "a": [1, {"b": "0"}]},
        weight=1.5,
    )
    back = there_and_back(cart)
    assert back == cart
    assert back.wheels[1].colour is Colour.BLUE
    assert list(back.load) == ["z", "a"]


def test_defaults_are_left_out_and_come_back() -> None:
    assert to_document(Cart(name="c")) == {"name": "c"}
    assert there_and_back(Cart(name="c")) == Cart(name="c")


@pytest.mark.parametrize("body", [{}, {"name": "c", "wheel": []}, {"name": "c", "shade": "green"}])
def test_what_was_not_written_by_us_is_an_error(body: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_document(Cart, body)
