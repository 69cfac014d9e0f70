"""The pauses between tries: the table, and the part that is left to chance."""

from __future__ import annotations

import pytest

from bayeux.client.backoff import Backoff


@pytest.mark.spec("CLI-2", "NEG-6")
def test_pauses_grow_by_a_second_up_to_a_minute() -> None:
    backoff = Backoff(lambda: 0.0)
    assert [backoff.fail() for _ in range(63)] == [*range(61), 60, 60]


@pytest.mark.spec("CLI-2")
def test_chance_takes_at_most_a_quarter_of_a_pause() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.fail() for _ in range(4)] == [0.0, 0.75, 1.5, 2.25]


@pytest.mark.spec("CLI-2")
def test_a_success_begins_again_with_no_pause() -> None:
    backoff = Backoff(lambda: 0.0)
    backoff.fail()
    backoff.fail()
    backoff.succeed()
    assert backoff.fail() == 0.0
