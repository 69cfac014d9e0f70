"""Which tags a filter hears."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.push.filters import matches

TAG = "service.agentavailable.1-x"


@pytest.mark.spec("NT-6")
@pytest.mark.parametrize(
    "pattern",
    [
        "*",
        "service.*",
        "service.agentavailable.*",
        TAG,
        "service.agent*.1-x",
        "*.agentavailable.*",
        "*.*.1-x",
        "s*e.*a*.1*",
    ],
)
def test_it_hears(pattern: str) -> None:
    assert matches(pattern, TAG)


@pytest.mark.spec("NT-6")
@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "service",
        "agent.*",
        "service.agentavailable",
        f"{TAG}.*",
        "service.agent*",
        "*.1-x",
        "service.*.2",
        "service.agentavailableX*.1-x",
    ],
)
def test_it_does_not_hear(pattern: str) -> None:
    assert not matches(pattern, TAG)


PARTS = st.lists(st.text("ab*", max_size=5), min_size=1, max_size=4)
SEGMENTS = st.lists(st.text("ab", max_size=5), min_size=1, max_size=4)


@pytest.mark.spec("NT-6")
@given(PARTS, SEGMENTS)
def test_it_says_what_a_slow_matcher_says(pattern: list[str], tag: list[str]) -> None:
    assert matches(".".join(pattern), ".".join(tag)) == slowly(pattern, tag)


def slowly(pattern: list[str], tag: list[str]) -> bool:
    if pattern == ["*"]:
        return bool(tag)
    if not pattern or not tag:
        return pattern == tag
    return same(pattern[0], tag[0]) and slowly(pattern[1:], tag[1:])


def same(pattern: str, text: str) -> bool:
    if not pattern:
        return not text
    if pattern[0] == "*":
        return same(pattern[1:], text) or (bool(text) and same(pattern, text[1:]))
    return bool(text) and pattern[0] == text[0] and same(pattern[1:], text[1:])
