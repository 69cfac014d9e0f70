"""What waits for one user: order, bounds, and who may be given what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.push.mailbox import BELIEVED, LINGER, MOST, MOST_BYTES, Mailbox, Slot

NOW = 1_700_000_000.0
NEVER = NOW * 2


def slot(id: int | str, *, size: int = 10, until: float = NEVER, is_kept: bool = False) -> Slot:
    return Slot(0, str(id), "tag", "1-x", size, until, is_kept)


def filled(count: int, *, size: int = 10) -> Mailbox:
    mailbox = Mailbox()
    for number in range(count):
        mailbox = mailbox.put(slot(number, size=size), NOW)
    return mailbox


def ids(mailbox: Mailbox) -> list[str]:
    return [each.id for each in mailbox.slots]


@pytest.mark.spec("PN-7")
def test_of_too_many_the_oldest_go_and_are_counted() -> None:
    mailbox = filled(MOST + 3)
    assert ids(mailbox) == [str(number) for number in range(3, MOST + 3)]
    assert mailbox.dropped == 3


@pytest.mark.spec("PN-7")
def test_bytes_are_bounded_too() -> None:
    mailbox = filled(5, size=MOST_BYTES // 4)
    assert ids(mailbox) == ["1", "2", "3", "4"]
    assert mailbox.dropped == 1


@pytest.mark.spec("PN-7")
def test_the_newest_always_has_room() -> None:
    assert ids(filled(3).put(slot("large", size=2 * MOST_BYTES), NOW)) == ["large"]


@pytest.mark.spec("CM-21")
def test_what_somebody_has_goes_before_what_nobody_has() -> None:
    mailbox = filled(MOST).taken({"7"}, NOW).put(slot("new"), NOW)
    assert "7" not in ids(mailbox)
    assert "0" in ids(mailbox)
    assert mailbox.dropped == 0


def test_the_same_id_is_one_notice() -> None:
    mailbox = filled(2)
    assert mailbox.put(slot(1), NOW + 1) is mailbox


def test_numbers_rise_though_the_clock_does_not() -> None:
    numbers = [each.number for each in filled(3).put(slot("x"), NOW - 3600).slots]
    assert numbers == sorted(set(numbers))


@pytest.mark.spec("CM-21")
def test_what_was_taken_is_for_who_listened_when_it_came() -> None:
    mailbox = filled(2).taken({"0", "1"}, NOW)
    assert [each.id for each in mailbox.behind(0, joined=0, now=NOW)] == ["0", "1"]
    assert mailbox.behind(0, joined=mailbox.last, now=NOW) == []
    assert ids(mailbox.tidied(NOW + LINGER - 1)) == ["0", "1"]
    assert ids(mailbox.tidied(NOW + LINGER)) == []


@pytest.mark.spec("IN-4", "IN-6")
def test_what_is_on_its_way_is_believed_to_arrive_for_a_while() -> None:
    mailbox = Mailbox().put(slot("a", is_kept=True), NOW).given({"a"}, NOW)
    assert mailbox.kept_of("1-x", NOW + BELIEVED - 1) == []
    assert mailbox.kept_of("1-x", NOW + BELIEVED) == ["a"]
    assert mailbox.given({"a"}, 0.0).kept_of("1-x", NOW) == ["a"]
    assert mailbox.kept_of("1-y", NOW + BELIEVED) == []
    assert mailbox.taken({"a"}, NOW).kept_of("1-x", NOW + BELIEVED) == []


KINDS = st.sampled_from(["put", "take", "give", "withdraw", "pass"])
CHANGES = st.lists(st.tuples(KINDS, st.integers(0, 8), st.integers(0, MOST_BYTES)), max_size=60)


@given(CHANGES)
def test_whatever_happens_it_keeps_its_bounds_and_its_order(changes: list[tuple[str, int, int]]) -> None:
    mailbox, now = Mailbox(), NOW
    for what, id, size in changes:
        if what == "put":
            mailbox = mailbox.put(slot(id, size=size, until=now + 100), now)
        elif what == "take":
            mailbox = mailbox.taken({str(id)}, now)
        elif what == "give":
            mailbox = mailbox.given({str(id)}, now)
        elif what == "withdraw":
            mailbox = mailbox.without({str(id)})
        else:
            now += id * 10
            mailbox = mailbox.tidied(now)
        numbers = [each.number for each in mailbox.slots]
        assert numbers == sorted(set(numbers))
        assert not numbers or numbers[-1] <= mailbox.last
        assert len(mailbox.slots) <= MOST
        assert len(mailbox.slots) < 2 or sum(each.size for each in mailbox.slots) <= MOST_BYTES
        assert Mailbox.from_document(mailbox.to_document()) == mailbox
