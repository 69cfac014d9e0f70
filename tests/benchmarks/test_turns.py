"""Whose turn it is."""

from __future__ import annotations

from collections import Counter

from benchmarks.turns import turns


def test_every_second_round_goes_backward() -> None:
    """So that nobody always follows the same server."""
    assert list(turns(["ours", "cometd", "faye"], 3)) == [
        (1, "ours"), (1, "cometd"), (1, "faye"),
        (2, "faye"), (2, "cometd"), (2, "ours"),
        (3, "ours"), (3, "cometd"), (3, "faye"),
    ]  # fmt: skip


def test_everybody_has_as_many_turns() -> None:
    """Also in an even number of rounds."""
    assert Counter(name for _, name in turns("abcd", 4)) == dict.fromkeys("abcd", 4)
