"""Names of keys: one slot a partition, nothing of what a client chose in them, and apart by prefix."""

from __future__ import annotations

import re

import pytest
from redis.crc import key_slot

from bayeux.backplane.redis.keys import Keys, is_node_id

HOSTILE = ("/a}{b", "*", "a b\r\nDEL x", "\x00", "ümlaut", "/x" * 500, "\ud800")


def all_of(keys: Keys, partition: int, text: str) -> list[str]:
    return [
        keys.state(partition),
        keys.journal(partition),
        keys.last(partition, "a1b2c3d4"),
        keys.channels(partition),
        keys.events(partition),
        *keys.history(partition, text),
    ]


@pytest.mark.spec("SEC-82")
@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_channel_is_called_its_keys_stay_in_their_slot(text: str) -> None:
    names = all_of(Keys("bayeux"), 12, text)
    assert len({key_slot(name.encode()) for name in names}) == 1
    assert all(re.fullmatch(r"bayeux:1:[a-z]+:\{bayeux:12\}[a-z0-9:]*", name) for name in names)
    assert len(set(names)) == len(names)


@pytest.mark.spec("SEC-82")
@pytest.mark.parametrize("text", HOSTILE)
def test_a_key_tells_no_client_id(text: str) -> None:
    assert re.fullmatch(r"bayeux:1:session:[0-9a-f]{32}", Keys("bayeux").session(text))


@pytest.mark.spec("OPS-77")
def test_other_installations_have_other_keys() -> None:
    here, there = all_of(Keys("one"), 1, "/a"), all_of(Keys("two"), 1, "/a")
    assert not set(here) & set(there)


def test_a_pub_sub_channel_is_known_again_and_no_other_is() -> None:
    keys = Keys("bayeux")
    assert [keys.partition(keys.events(number)) for number in (0, 7, 63)] == [0, 7, 63]
    for other in ("", "x", keys.events(1)[:-2] + "x}", keys.journal(1), Keys("other").events(1)):
        assert keys.partition(other) is None


@pytest.mark.spec("OPS-77")
@pytest.mark.parametrize("prefix", ["", "a b", "{a}", "a:b", "a*", "ä", "x" * 33, "a\n"])
def test_a_prefix_that_could_mix_with_others_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Keys(prefix)


@pytest.mark.spec("SEC-82")
@pytest.mark.parametrize(
    ("text", "may_be"), [("a1b2c3d4", True), ("", False), ("a}", False), ("a" * 33, False), ("a\n", False)]
)
def test_only_letters_and_digits_can_be_a_node(text: str, may_be: bool) -> None:
    assert is_node_id(text) is may_be
