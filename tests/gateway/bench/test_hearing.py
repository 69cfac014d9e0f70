"""Counting what was lost, came twice or came out of order: exactly, whatever happens."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.bench.hearing import Hearing, Published, Tally


def heard(*numbers: int, stream: int = 0) -> tuple[Hearing, Tally]:
    hearing, tally = Hearing(), Tally()
    for number in numbers:
        hearing.hear(stream, number, tally)
    return hearing, tally


def test_all_in_order_is_exact() -> None:
    hearing, tally = heard(0, 1, 2)
    assert tally == Tally(arrived=3)
    assert hearing.lost({0: Published(3)}) == 0


def test_a_gap_and_a_missing_end_are_lost() -> None:
    hearing, tally = heard(0, 2)
    assert tally == Tally(arrived=2)
    assert hearing.lost({0: Published(5)}) == 3


def test_a_repeated_event_is_double_and_nothing_else() -> None:
    hearing, tally = heard(0, 1, 1, 0)
    assert tally == Tally(arrived=2, double=2)
    assert hearing.lost({0: Published(2)}) == 0


def test_a_swap_is_one_out_of_order_and_nothing_lost() -> None:
    hearing, tally = heard(1, 0, 2)
    assert tally == Tally(arrived=3, out_of_order=1)
    assert hearing.lost({0: Published(3)}) == 0


def test_what_the_server_refused_is_not_lost() -> None:
    hearing, _ = heard(0, 3)
    assert hearing.lost({0: Published(5, {1, 4})}) == 1


def test_a_stream_that_was_never_heard_is_lost() -> None:
    hearing, _ = heard(0)
    assert hearing.lost({0: Published(1), 7: Published(4, {0})}) == 3


@given(st.lists(st.integers(0, 30), max_size=60), st.sets(st.integers(0, 30)))
def test_any_arrivals_are_counted_as_by_hand(numbers: list[int], refused: set[int]) -> None:
    """Compared with the plain definition: who came twice, who never, and who came after a later one."""
    hearing, tally = heard(*numbers)
    count = Counter(numbers)
    firsts = list(dict.fromkeys(numbers))
    late = sum(any(other > number for other in firsts[:i]) for i, number in enumerate(firsts))
    assert tally == Tally(arrived=len(count), double=len(numbers) - len(count), out_of_order=late)
    assert hearing.lost({0: Published(31, refused)}) == len(set(range(31)) - set(numbers) - refused)
