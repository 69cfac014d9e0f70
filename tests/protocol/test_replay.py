"""Replay: what a subscriber asks for, what it gets, and how events say where they stand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol import json
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ProtocolError, ReplayGap
from bayeux.protocol.replay import (
    ALL,
    NEW,
    Extent,
    OnGap,
    Outcome,
    Position,
    Style,
    Wanted,
    decide,
    default_on_gap,
    mark,
    replay_map,
)

INVALID_IN_SALESFORCE = (
    "400::The replayId {%s} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)


def wanted(replay: Any, channel: str = "/n", style: Style = Style.EXT) -> dict[str, Wanted] | None:
    asked = replay_map({"replay": replay})
    return None if asked is None else asked.wanted(parse_channel(channel), style)


# What is asked ------------------------------------------------------------------------------------


@pytest.mark.spec("XT-1", "RPL-21")
@pytest.mark.parametrize(
    "ext", [{}, {"replay": None}, {"replay": True}, {"replay": 5}, {"replay": "-2"}, {"replay": [5]}]
)
def test_a_subscribe_without_a_map_asks_for_nothing(ext: dict[str, Any]) -> None:
    assert replay_map(ext) is None


@pytest.mark.spec("RPL-11", "RPL-12")
@pytest.mark.parametrize(
    ("position", "expected"),
    [
        (17, Wanted(17)),
        (0, Wanted(0)),
        (-1, Wanted(NEW)),
        (-2, Wanted(ALL)),
        ("-2", Wanted(ALL)),
        ("17", Wanted(17)),
        (2**53, Wanted(2**53)),
        ({"id": 17, "epoch": "k3"}, Wanted(17, "k3")),
        ({"id": "17", "epoch": "k3"}, Wanted(17, "k3")),
        ({"id": -2}, Wanted(ALL)),
        ({"id": 17, "epoch": None}, Wanted(17)),
    ],
)
def test_a_position_is_an_integer_its_text_or_an_object(position: Any, expected: Wanted) -> None:
    assert wanted({"/n": position}) == {"/n": expected}


@pytest.mark.spec("RPL-20")
@pytest.mark.parametrize(
    ("position", "shown"),
    [
        ("abc", "abc"), ("", ""), ("1e3", "1e3"), (" 5", " 5"), ("+5", "+5"), ("٥", "_"), ("9" * 100, "9" * 64),
        (1.5, "1.5"), (5.0, "5.0"), (True, "true"), (-3, "-3"), ("-3", "-3"), ([5], "[5]"), ({}, "{}"),
        ({"id": "x\n"}, "x_"), ({"id": 5, "epoch": 3}, "5"), ({"epoch": "k3"}, '{"epoch":"k3"}'),
    ],
)  # fmt: skip
def test_what_is_no_position_is_refused_in_the_words_of_the_style(position: Any, shown: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        wanted({"/n": position})
    assert refused.value.wire == "400:/n:replay_invalid"
    for style in (Style.SALESFORCE, Style.BOTH):
        with pytest.raises(ProtocolError) as refused:
            wanted({"/n": position}, style=style)
        assert refused.value.wire == INVALID_IN_SALESFORCE % shown


@pytest.mark.spec("RPL-20", "RPL-11")
@pytest.mark.parametrize("replay", [{}, {"/m": 5}, {"/n": None}, {"not a channel": 5}])
def test_a_map_without_the_channel_means_only_new_events(replay: Any) -> None:
    assert wanted(replay) == {"/n": Wanted(NEW)}
    assert wanted(replay, style=Style.BOTH) == {"/n": Wanted(NEW)}


@pytest.mark.spec("RPL-20")
def test_a_map_without_the_channel_is_refused_in_the_words_of_salesforce() -> None:
    with pytest.raises(ProtocolError) as refused:
        wanted({"/event/Order": -1, "/u": "5"}, "/event/order", Style.SALESFORCE)
    assert refused.value.wire == (
        "400::The replayId for channel {/event/order} wasn't found using the provided replay ID map "
        "{{/event/Order=-1, /u=5}}. Ensure that the channel name provided in the replay map matches the channel name "
        "used for subscribing."
    )
    with pytest.raises(ProtocolError, match="/n") as refused:
        wanted({}, "/n", Style.SALESFORCE)
    assert "replay ID map {{}}." in refused.value.wire


@pytest.mark.spec("SEC-22", "RPL-20")
def test_an_error_repeats_a_bounded_and_printable_part_of_what_it_refuses() -> None:
    with pytest.raises(ProtocolError) as refused:
        wanted({"/" + "x" * 500: "é\r\n"}, "/n", Style.SALESFORCE)
    assert len(refused.value.wire) < 350
    with pytest.raises(ProtocolError) as refused:
        wanted({"/n": "\x1b[2J\r\nInjected: {0}"}, "/n", Style.SALESFORCE)
    assert "{_[2J__Injected: {0}}" in refused.value.wire


@pytest.mark.spec("RPL-11", "CH-3")
def test_keys_are_channel_names_and_read_like_subscriptions() -> None:
    assert wanted({"/n/ ": 5}) == {"/n": Wanted(5)}


@pytest.mark.spec("RPL-17")
def test_a_pattern_takes_everything_or_only_new_and_no_id() -> None:
    assert wanted({"/n/*": -2}, "/n/*") == {"/n/*": Wanted(ALL)}
    assert wanted({"/n/**": "-1"}, "/n/**") == {"/n/**": Wanted(NEW)}
    for position in (0, 17, {"id": 17, "epoch": "k3"}):
        with pytest.raises(ProtocolError) as refused:
            wanted({"/n/*": position}, "/n/*")
        assert refused.value.wire == "400:/n/*:replay_invalid"
    with pytest.raises(ProtocolError) as refused:
        wanted({"/n/*": 17}, "/n/*", Style.SALESFORCE)
    assert refused.value.wire == INVALID_IN_SALESFORCE % 17


@pytest.mark.spec("RPL-17")
def test_a_pattern_takes_the_ids_of_channels_it_matches() -> None:
    replay = {"/n/a": 5, "/n/b": {"id": 9, "epoch": "k3"}, "/n/a/b": 7, "/m": 3, "/n/*": -2, "/n/a/*": -2}
    below = {"/n/a": Wanted(5), "/n/b": Wanted(9, "k3")}
    assert wanted(replay, "/n/*") == {**below, "/n/*": Wanted(ALL)}
    assert wanted(replay, "/n/**") == {**below, "/n/a/b": Wanted(7)}
    assert wanted(replay, "/n/a") == {"/n/a": Wanted(5)}
    with pytest.raises(ProtocolError) as refused:
        wanted({"/n/a": "x"}, "/n/*")
    assert refused.value.wire == "400:/n/a:replay_invalid"


@pytest.mark.spec("RPL-19")
def test_each_of_several_subscriptions_takes_its_own_position_from_one_map() -> None:
    asked = replay_map({"replay": {"/a": 1, "/b": 2}})
    assert asked is not None
    found = [asked.wanted(parse_channel(name), Style.EXT) for name in ("/a", "/b", "/c", "/*")]
    assert found == [
        {"/a": Wanted(1)},
        {"/b": Wanted(2)},
        {"/c": Wanted(NEW)},
        {"/a": Wanted(1), "/b": Wanted(2)},
    ]


SOME_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**60) | st.floats(allow_nan=False) | st.text("-+0159 é\n", max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "epoch"]), inner, max_size=2),
    max_leaves=4,
)


@pytest.mark.spec("XT-1", "RPL-11", "RPL-20")
@given(
    st.dictionaries(st.sampled_from(["/n", "/n/a", "/n/*", "/**", "", "n", "/n/"]), SOME_JSON),
    st.sampled_from(["/n", "/n/*", "/**"]),
    st.sampled_from(Style),
)
def test_any_map_is_understood_or_refused_with_an_error_that_json_can_say(
    replay: Any, channel: str, style: Style
) -> None:
    try:
        found = wanted(replay, channel, style)
    except ProtocolError as error:
        wire = error.wire
    else:
        assert found
        assert all(each.id >= ALL for each in found.values())
        return
    assert wire.startswith("400:")
    assert json.encode(wire)


# What is given ------------------------------------------------------------------------------------

HELD = Extent(epoch="k3", floor=10, newest=20)

TABLE = [
    # wanted, what on_gap=all gives, whether that is everything
    (Wanted(NEW), 20, True),
    (Wanted(NEW, "k2"), 20, True),
    (Wanted(ALL), 0, True),
    (Wanted(ALL, "k2"), 0, True),
    (Wanted(20), 20, True),
    (Wanted(19, "k3"), 19, True),
    (Wanted(10), 10, True),
    (Wanted(9), 0, False),
    (Wanted(0), 0, False),
    (Wanted(21), 0, False),
    (Wanted(15, "k2"), 0, False),
    (Wanted(2**60), 0, False),
]


@pytest.mark.spec("RPL-12", "RPL-14", "RPL-15")
@pytest.mark.parametrize(("asked", "after", "recovered"), TABLE)
@pytest.mark.parametrize("style", Style)
def test_who_asks_gets_what_is_there_and_hears_whether_it_is_everything(
    asked: Wanted, after: int, recovered: bool, style: Style
) -> None:
    assert decide(asked, HELD, "/n", style, OnGap.ALL) == Outcome(after, recovered)
    unless_there_is_a_gap = after if recovered else HELD.newest
    assert decide(asked, HELD, "/n", style, OnGap.NEW) == Outcome(unless_there_is_a_gap, recovered)


@pytest.mark.spec("RPL-15", "RPL-20")
@pytest.mark.parametrize(("asked", "after", "recovered"), TABLE)
def test_gaps_can_be_refused(asked: Wanted, after: int, recovered: bool) -> None:
    if recovered:
        assert decide(asked, HELD, "/n", Style.EXT, OnGap.ERROR) == Outcome(after, True)
        return
    with pytest.raises(ReplayGap) as refused:
        decide(asked, HELD, "/n", Style.EXT, OnGap.ERROR)
    assert refused.value.wire == "412:/n:replay_gap"
    for style in (Style.SALESFORCE, Style.BOTH):
        with pytest.raises(ProtocolError) as in_salesforce:
            decide(asked, HELD, "/n", style, OnGap.ERROR)
        assert in_salesforce.value.wire == INVALID_IN_SALESFORCE % asked.id


@pytest.mark.spec("RPL-15")
def test_only_the_clients_that_look_for_the_error_get_it_by_default() -> None:
    defaults = {style: default_on_gap(style) for style in Style}
    assert defaults == {Style.EXT: OnGap.ALL, Style.SALESFORCE: OnGap.ERROR, Style.BOTH: OnGap.ALL}


@pytest.mark.spec("RPL-2", "RPL-12", "RPL-14")
@given(
    ids=st.lists(st.integers(1, 30), unique=True).map(sorted),
    dropped=st.integers(0, 10),
    position=st.integers(-2, 35),
    epoch=st.sampled_from([None, "now", "before"]),
)
def test_recovered_is_said_exactly_when_a_subscriber_misses_nothing(
    ids: list[int], dropped: int, position: int, epoch: str | None
) -> None:
    """Against a model that remembers every event there was, and has lost the oldest few."""
    lost, kept = ids[:dropped], ids[dropped:]
    extent = Extent("now", lost[-1] if lost else 0, ids[-1] if ids else 0)
    outcome = decide(Wanted(position, epoch), extent, "/n", Style.EXT, OnGap.ALL)
    replayed = [id for id in kept if id > outcome.after]
    if position == NEW:
        assert replayed == [] and outcome.recovered
    elif position == ALL:
        assert replayed == kept and outcome.recovered
    else:
        is_known = epoch != "before" and position <= extent.newest
        missing = [id for id in lost if id > position]
        assert outcome.recovered is (is_known and not missing)
        assert replayed == ([id for id in kept if id > position] if is_known else kept)


@pytest.mark.spec("RPL-14")
def test_the_reply_tells_the_newest_id_and_how_many_were_replayed() -> None:
    assert Outcome(17, recovered=True).report(Extent("k3", 0, 21), 2) == {
        "id": 21, "epoch": "k3", "recovered": True, "count": 2,
    }  # fmt: skip


# What events say ----------------------------------------------------------------------------------

CREATED = "2031-05-04T11:59:01.000Z"


def marked(event: dict[str, Any], style: Style) -> dict[str, Any]:
    mark(event, Position(412, "k3"), style, CREATED)
    return event


@pytest.mark.spec("RPL-13")
def test_an_event_says_in_its_ext_where_it_stands() -> None:
    event = marked({"channel": "/n", "data": {"v": 8}, "ext": {"own": 1}}, Style.EXT)
    assert event == {"channel": "/n", "data": {"v": 8}, "ext": {"own": 1, "replay": {"id": 412, "epoch": "k3"}}}
    assert marked({"channel": "/n", "data": 8}, Style.EXT)["ext"] == {"replay": {"id": 412, "epoch": "k3"}}


@pytest.mark.spec("RPL-13")
def test_an_event_for_salesforce_clients_says_it_in_its_data() -> None:
    event = marked({"channel": "/n", "data": {"payload": {"no": 7}}}, Style.SALESFORCE)
    assert json.encode(event["data"]) == (
        b'{"payload":{"no":7},"event":{"replayId":412,"createdDate":"2031-05-04T11:59:01.000Z"}}'
    )
    assert "ext" not in event
    event = marked({"data": {"event": {"createdDate": "then", "type": "created", "replayId": 3}}}, Style.SALESFORCE)
    assert event["data"] == {"event": {"replayId": 412, "createdDate": "then", "type": "created"}}


@pytest.mark.spec("RPL-13")
def test_both_styles_say_it_in_both_places() -> None:
    event = marked({"data": {}}, Style.BOTH)
    assert event["data"]["event"]["replayId"] == event["ext"]["replay"]["id"] == 412


@pytest.mark.spec("RPL-13")
@pytest.mark.parametrize("data", [None, "text", [1], {"event": "a name"}])
def test_data_without_a_place_for_it_stays_as_it_is(data: Any) -> None:
    assert marked({"data": data}, Style.SALESFORCE) == {"data": data}


@pytest.mark.spec("RPL-13")
def test_what_the_publisher_holds_is_not_changed() -> None:
    data: dict[str, Any] = {"event": {"type": "created"}}
    ext = {"own": 1}
    marked({"data": data, "ext": ext}, Style.BOTH)
    assert (data, ext) == ({"event": {"type": "created"}}, {"own": 1})
