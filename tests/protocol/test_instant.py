"""Moments as text."""

from __future__ import annotations

import pytest

from bayeux.protocol.instant import iso_8601


@pytest.mark.spec("TST-2", "RPL-13")
@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1935662400.25, "2031-05-04T12:00:00.250Z"),
        (1935662400, "2031-05-04T12:00:00.000Z"),
        (0.0009, "1970-01-01T00:00:00.000Z"),
        (1.9999, "1970-01-01T00:00:01.999Z"),
    ],
)
def test_a_moment_is_written_in_utc_with_milliseconds(seconds: float, text: str) -> None:
    assert iso_8601(seconds) == text
