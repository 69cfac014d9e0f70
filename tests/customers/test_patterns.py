"""Which pattern a value is an instance of, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.services.patterns import compiled
from tests.customers.conftest import FORM, JSON, Api
from tests.services.test_patterns import CASES


@pytest.fixture
def patterns() -> Any:
    return {"Callback_exceptions": compiled(CASES["group"]), "Others": compiled({"any": "z+", "late": "123"})}


@pytest.mark.spec("PT-1", "PT-2")
@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: json.dumps(case["in"]))
async def test_the_samples(api: Api, case: dict[str, Any]) -> None:
    path = "/patterns/group/Callback_exceptions"
    assert await api.ask(path, "POST", headers=JSON, body=json.dumps(case["in"])) == (200, case["out"])


@pytest.mark.spec("PT-1", "PT-4", "PT-7")
async def test_all_groups_are_asked_in_their_order(api: Api) -> None:
    assert await api.ask("/patterns", "POST", headers=FORM, body="a=zzz&b=123&c=%2B5551&d=") == (
        200,
        {"a": "any", "b": "ex2"},
    )


@pytest.mark.spec("PT-5")
async def test_an_unknown_group_is_not_there(api: Api) -> None:
    assert (await api.refused("/patterns/group/Nothing", "POST", headers=FORM, body="a=1"))[0] == 404


@pytest.mark.spec("PT-6")
async def test_a_value_that_is_too_long_is_refused(api: Api) -> None:
    assert (await api.ask("/patterns", "POST", headers=FORM, body="a=" + "z" * 4096)) == (200, {"a": "any"})
    assert (await api.refused("/patterns", "POST", headers=FORM, body="a=" + "z" * 4097))[0] == 400


@pytest.mark.spec("PT-6", "NF-2")
async def test_many_values_are_compared_beside_the_loop(api: Api) -> None:
    values = {f"p{number}": "z" * 4000 for number in range(200)}
    status, found = await api.ask("/patterns", "POST", headers=JSON, body=json.dumps(values))
    assert (status, set(found.values())) == (200, {"any"})
