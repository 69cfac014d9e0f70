"""Members of sorted sets order as what they stand for."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.store.redis_layout import RoomKeys, beginning_of, between, place_of, read_place

names = st.text(st.characters(codec="utf-8"), max_size=8)
places = st.floats(allow_nan=False)


@given(names, st.lists(st.tuples(places, names), min_size=2))
@example("all", [(0.0, "a"), (-0.0, "b")])
def test_members_of_an_index_sort_by_place_then_key(index: str, entries: list[tuple[float, str]]) -> None:
    by_bytes = sorted(place_of(index, place, key) for place, key in entries)
    assert [read_place(member) for member in by_bytes] == [(key, place) for place, key in sorted(entries)]


@given(names, places, names, places, places)
def test_bounds_take_in_what_is_between_them(index: str, place: float, key: str, least: float, most: float) -> None:
    """They begin with [ for what includes itself, and ( for what does not, as Redis has it."""
    member = place_of(index, place, key)
    assert _is_within(member, between(index, least, most)) == (least <= place <= most)
    assert _is_within(member, between(index, None, None))
    assert not _is_within(member, between(f"{index}.", None, None))


def test_a_lane_has_the_bounds_of_what_begins_with_it() -> None:
    member = f"{beginning_of('mail')}{7:016d}id".encode()
    assert _is_within(member, between("mail", None, None))
    assert not _is_within(member, between("mai", None, None))


def test_all_keys_of_a_room_lie_together() -> None:
    """In a Cluster the slot goes by what stands in braces, of which others choose nothing."""
    keys = RoomKeys("bayeux", "contact")
    named = [*keys.documents, keys.leases, keys.deadlines, keys.outgoing, keys.lanes, keys.number]
    named += [keys.taken("a}b{c"), keys.mark("0123")]
    assert len(set(named)) == len(named)
    assert {key[key.index("{") : key.index("}") + 1] for key in named} == {"{bayeux:contact}"}
    assert all(key.startswith("bayeux:1:store:") and key.count("{") == 1 for key in named)


def test_a_prefix_that_cannot_be_one_is_refused() -> None:
    with pytest.raises(ValueError, match="prefix"):
        RoomKeys("a b", "contact")


def _is_within(member: bytes, bounds: tuple[bytes, bytes]) -> bool:
    first, last = bounds
    assert first[:1] == b"["
    assert last[:1] == b"("
    return first[1:] <= member < last[1:]
