"""Whose turn it is: every second round goes backward, so that nobody always follows the same one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence


def turns(contestants: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Rounds, counted from 1, with the contestants in their order and in the opposite one by turns.

    >>> list(turns("ab", 2))
    [(1, 'a'), (1, 'b'), (2, 'b'), (2, 'a')]
    """
    for number in range(1, rounds + 1):
        for name in contestants if number % 2 else reversed(contestants):
            yield number, name
