"""Groups of patterns, and the vendor's sample of one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.services.patterns import compiled, first_match

CASES: dict[str, Any] = json.loads(
    (Path(__file__).parent.parent / "samples" / "gms" / "pattern-cases.json").read_text("utf-8")
)
GROUP = compiled(CASES["group"])


@pytest.mark.spec("PT-2", "PT-3", "PT-4")
@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: json.dumps(case["in"]))
def test_the_first_pattern_that_the_whole_value_is_an_instance_of(case: dict[str, Any]) -> None:
    matches = {name: first_match([GROUP], value) for name, value in case["in"].items()}
    assert {name: match for name, match in matches.items() if match} == case["out"]


@pytest.mark.parametrize("case", CASES["exception_numbers"], ids=lambda case: case["pattern"])
def test_numbers_that_are_excluded(case: dict[str, Any]) -> None:
    """Who checks numbers puts the plus sign before them."""
    group = compiled({"it": case["pattern"]})
    assert (first_match([group], f"+{case['number']}") is not None) is case["excluded"]


@pytest.mark.spec("PT-4", "PT-8")
def test_groups_count_in_their_order() -> None:
    first, second = compiled({"a": "x+"}), compiled({"b": "x+", "c": r"\\"})
    assert first_match([first, second], "xx") == "a"
    assert first_match([second, first], "xx") == "b"
    assert first_match([first, second], "\\") == "c"
    assert [pattern.text for _, pattern in second] == ["x+", r"\\"]
    assert first_match([], "xx") is None
