"""From where channels begin: what is said and heard of it, what is kept, and what follows a gap."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.client.batch import subscribe_fields, subscribe_refused
from bayeux.client.errors import ReplayGap, SubscribeRefused
from bayeux.client.event import Event, Position
from bayeux.client.replay import (
    ALL_RETAINED,
    ONLY_NEW,
    Recovery,
    Replay,
    Starts,
    earliest,
    parse_starts,
    position_in_data,
    recoveries,
    wire_of,
)

SALESFORCE_GAP = (
    "400::The replayId {17} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)


def event(id: int, channel: str = "/n", epoch: str | None = "k") -> Event:
    return Event(channel, None, position=Position(id, epoch))


def refused(error: str) -> dict[str, Any]:
    return {"channel": "/meta/subscribe", "successful": False, "error": error}


@pytest.mark.spec("RPL-11", "RPL-12", "RPL-19")
@pytest.mark.parametrize(
    ("replay", "wire"),
    [
        (None, {}),
        (-2, {"/a": -2, "/b": -2}),
        (0, {"/a": 0, "/b": 0}),
        ({"id": 17, "epoch": "k3"}, {"/a": {"id": 17, "epoch": "k3"}, "/b": {"id": 17, "epoch": "k3"}}),
        (Position(17), {"/a": 17, "/b": 17}),
        ({"/a": 5, "/b/": Position(6, "k")}, {"/a": 5, "/b": {"id": 6, "epoch": "k"}}),
        ({"/a": {"id": 5}}, {"/a": 5}),
    ],
)
def test_a_start_is_given_for_all_channels_or_for_each(replay: Any, wire: dict[str, Any]) -> None:
    assert wire_of(parse_starts(("/a", "/b"), replay)) == wire


@pytest.mark.parametrize("replay", ["-2", -3, True, 1.5, {"id": "x"}, {"/a": "x"}, {"no channel": 1}, Position(-5)])
def test_a_start_without_sense_is_refused(replay: Any) -> None:
    with pytest.raises(ValueError, match="replay"):
        parse_starts(("/a",), replay)


@pytest.mark.spec("RPL-11", "RPL-17", "RPL-20")
def test_a_subscribe_names_every_channel_once_it_names_one() -> None:
    assert subscribe_fields(("/a",), {}) == {"subscription": "/a"}
    assert subscribe_fields(("/a", "/b"), {"/a": 5}) == {
        "subscription": ["/a", "/b"],
        "ext": {"replay": {"/a": 5, "/b": -1}},
    }
    assert subscribe_fields(("/n/*",), {"/n/a": 5, "/n/b": 9})["ext"] == {"replay": {"/n/a": 5, "/n/b": 9}}


@pytest.mark.spec("RPL-13")
@pytest.mark.parametrize(
    ("data", "position"),
    [
        ({"event": {"replayId": 412, "createdDate": "2031-05-04T11:59:01.000Z"}}, Position(412)),
        ({"event": {"replayId": "412"}}, None),
        ({"event": 1}, None),
        ({}, None),
        ("text", None),
    ],
)
def test_salesforce_puts_positions_into_data(data: Any, position: Position | None) -> None:
    assert position_in_data({"channel": "/n", "data": data}) == position
    assert Replay(style="salesforce").position_of({"channel": "/n", "data": data}) == position


@pytest.mark.spec("RPL-14", "XT-1")
def test_what_the_server_reports_is_read_and_nonsense_is_not() -> None:
    report = {
        "/n": {"id": 21, "epoch": "k3", "recovered": True, "count": 2},
        "/m": {"id": 5, "epoch": "k3", "recovered": False, "count": "many"},
        "/o": {"id": "x"},
        "nonsense": {"id": 1},
    }
    assert recoveries({"ext": {"replay": report}}) == {
        "/n": Recovery(Position(21, "k3"), is_complete=True, count=2),
        "/m": Recovery(Position(5, "k3"), is_complete=False, count=0),
    }
    for reply in ({}, {"ext": None}, {"ext": {"replay": True}}):
        assert recoveries(reply) == {}


@pytest.mark.parametrize(
    ("starts", "first"),
    [
        ([5, Position(3, "k")], Position(3, "k")),
        ([ONLY_NEW, 5], 5),
        ([5, ALL_RETAINED, ONLY_NEW], ALL_RETAINED),
    ],
)
def test_the_earliest_start_brings_the_most(starts: list[Any], first: Any) -> None:
    assert earliest(starts) == first


@pytest.mark.spec("RPL-23")
def test_processed_positions_are_kept_in_the_mapping_given() -> None:
    kept: dict[str, Any] = {}
    replay = Replay(kept)
    for each in (event(1), event(3), event(2), Event("/n", "without"), event(9, "/m", None)):
        replay.processed(each)
    assert kept == {"/n": {"id": 3, "epoch": "k"}, "/m": 9}
    replay.processed(event(1, epoch="l"))
    assert kept["/n"] == {"id": 1, "epoch": "l"}


@pytest.mark.spec("CLI-3", "RPL-17", "RPL-19")
def test_what_is_not_said_begins_as_kept_or_otherwise() -> None:
    kept = {"/a": {"id": 5, "epoch": "k"}, "/n/x": 7, "/n/y": 8, "/n/y/z": 9, "junk": "junk"}
    replay = Replay(kept, otherwise=ALL_RETAINED)
    assert replay.starts(("/a", "/b"), {}) == {"/a": Position(5, "k"), "/b": ALL_RETAINED}
    assert replay.starts(("/a",), {"/a": ONLY_NEW}) == {"/a": ONLY_NEW}
    assert replay.starts(("/n/*",), {}) == {"/n/x": Position(7), "/n/y": Position(8)}
    assert replay.starts(("/n/*",), {"/n/x": 1}) == {"/n/x": 1}
    assert Replay(kept).starts(("/b",), {}) == {"/b": ONLY_NEW}


class Broken(dict[str, Any]):
    """A store whose disk is full."""

    def get(self, key: str, default: Any = None) -> Any:
        raise OSError("disk")


@pytest.mark.expected_logs("could not be kept", "could not be read")
def test_a_store_that_fails_costs_a_position_and_no_event() -> None:
    replay = Replay(Broken())
    replay.processed(event(1))
    assert replay.starts(("/n",), {}) == {"/n": ONLY_NEW}


def test_positions_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bayeux.client.replay.MAX_KEPT", 2)
    replay = Replay()
    for name in ("/a", "/b", "/c"):
        replay.processed(event(1, name))
    assert replay.starts(("/*",), {}).keys() == {"/b", "/c"}


@pytest.mark.spec("RPL-20")
@pytest.mark.parametrize(
    ("error", "starts", "again"),
    [
        ("412:/n:replay_gap", {"/n": 17, "/m": 3}, {"/n": -2, "/m": 3}),
        ("412::replay_gap", {"/n": 17, "/m": 3}, {"/n": -2, "/m": -2}),
        (SALESFORCE_GAP, {"/n": 17, "/m": 3}, {"/n": -2, "/m": 3}),
        ("400::The replayId is odd", {"/n": 17, "/m": -1}, {"/n": -2, "/m": -1}),
        (SALESFORCE_GAP, {"/n": -2}, None),
        ("403::subscribe_denied", {"/n": 17}, None),
        ("412:/n:something_else", {"/n": 17}, None),
    ],
)
def test_after_a_gap_the_policy_says_where_to_begin(error: str, starts: Starts, again: Starts | None) -> None:
    assert Replay(on_gap="all").after_gap(refused(error), starts) == again
    assert Replay(on_gap="raise").after_gap(refused(error), starts) is None
    if again is not None:
        news = {channel: -1 if start == -2 else start for channel, start in again.items()}
        assert Replay(on_gap="new").after_gap(refused(error), starts) == news


@pytest.mark.spec("RPL-20")
def test_a_gap_has_an_error_of_its_own() -> None:
    assert isinstance(subscribe_refused(refused(SALESFORCE_GAP)), ReplayGap)
    assert isinstance(subscribe_refused(refused("412:/n:replay_gap")), ReplayGap)
    assert type(subscribe_refused(refused("403::subscribe_denied"))) is SubscribeRefused


def test_a_choice_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="style"):
        Replay(style="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="on_gap"):
        Replay(on_gap="ignore")  # type: ignore[arg-type]
