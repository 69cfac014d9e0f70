"""What an agent's attributes have to be, read once."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.expression import DEEPEST, Expression, ExpressionWrong

spec = pytest.mark.spec
ANNA = {"english": 7, "sales": True, "trainee": False}


@spec("MRE-90")
@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("", True),
        ("sales", True),
        ("trainee", False),
        ("french", False),
        ("!french", True),
        ("english == 7", True),
        ("english != 7", False),
        ("english > 6 && english < 8", True),
        ("english >= 8 || sales == true", True),
        ("french == 0", True),
        ("french == false", True),
        ("sales == 1", True),
        ("!(sales && trainee)", True),
        ("trainee && french || sales", True),  # && binds closer
        ("trainee && (french || sales)", False),
        ("!trainee&&english>=5", True),
    ],
)
def test_expression_asks_for_attributes(text: str, holds: bool) -> None:
    assert Expression(text).holds(ANNA) is holds


@spec("MRE-90")
@pytest.mark.parametrize(
    "text",
    [
        "english >",
        "english > fluent",
        "&& sales",
        "(sales",
        "sales)",
        "sales trainee",
        "5 > english",
        "sales & trainee",
        "'sales'",
        "!" * (DEEPEST + 1) + "sales",
        "a" * 1001,
    ],
)
def test_expression_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ExpressionWrong):
        Expression(text)


@given(st.text(alphabet="ab 5()!&|<>=", max_size=30))
def test_any_text_is_an_expression_or_wrong(text: str) -> None:
    with contextlib.suppress(ExpressionWrong):
        Expression(text).holds(ANNA)
