"""The channels of one session: few and many are the same to whoever asks."""

from __future__ import annotations

import pytest

from bayeux.protocol.subscriptions import FEW, NONE, added, removed


@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 300])
def test_channels_are_there_once_until_they_are_removed(count: int) -> None:
    names = [f"/a/{n}" for n in range(count)]
    all_of_them = added(added(NONE, names), names[:1])
    assert sorted(all_of_them) == sorted(names)
    fewer = removed(all_of_them, {names[0], "/unknown"})
    assert sorted(fewer) == sorted(names[1:])
    assert not removed(fewer, frozenset(names))


def test_one_more_of_many_is_no_copy_of_all() -> None:
    """Ten thousand of them, entered one by one, once took 20 s: each copied those before it (SEC-92)."""
    many = added(NONE, [f"/a/{n}" for n in range(FEW + 1)])
    assert added(many, ["/b"]) is many
    assert removed(many, ["/b"]) is many


def test_few_take_little_room() -> None:
    assert added(NONE, ["/a", "/b"]).__sizeof__() < frozenset(("/a", "/b")).__sizeof__() / 3
