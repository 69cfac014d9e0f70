"""Refusals: all are counted, few are logged."""

from __future__ import annotations

import logging
from collections import Counter
from typing import Any

import pytest

from bayeux.server.refusals import Refusals
from bayeux.testing import ManualClock


@pytest.mark.spec("SEC-3")
def test_a_limit_is_logged_once_a_second_with_what_was_left_out(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "bayeux")
    clock, counts = ManualClock(), Counter[str]()
    refusals = Refusals(counts, clock)
    for _ in range(100):
        refusals.add("SEC-L7")
    refusals.add("SEC-L19")
    clock.advance(1.0)
    refusals.add("SEC-L7")
    lines: list[Any] = caplog.records
    assert [(line.limit, line.suppressed) for line in lines] == [("SEC-L7", 0), ("SEC-L19", 0), ("SEC-L7", 99)]
    assert counts == {"SEC-L7": 101, "SEC-L19": 1}
