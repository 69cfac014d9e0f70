"""The strict codec: depth, against a plain recursive count."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.errors import MalformedBody
from bayeux.protocol.json import decode

values = st.recursive(
    st.none() | st.text(alphabet='[]{}"\\a', max_size=6) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='[{"\\', max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


def depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


@pytest.mark.spec("SEC-L12")
@given(value=values, bound=st.integers(1, 5))
def test_depth_is_that_of_the_value_whatever_its_strings_hold(value: Any, bound: int) -> None:
    text = json.dumps(value).encode()
    if depth(value) <= bound:
        assert decode(text, bound) == value
    else:
        with pytest.raises(MalformedBody, match="nested deeper"):
            decode(text, bound)
