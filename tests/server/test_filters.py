"""Data filters: what they change, what they refuse, and how they hear messages."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.binary import BinaryData
from bayeux.protocol.channel import parse_channel
from bayeux.protocol.message import Message
from bayeux.server.filters import (
    DISCARD,
    Abort,
    FilterListener,
    NoMarkupFilter,
    NoScriptsFilter,
    RegexFilter,
    WalkingFilter,
    configured_filters,
)
from bayeux.testing import ManualClock, Peer, still_server

CHAT = parse_channel("/chat")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def published(data: Any) -> Message:
    return Message.of_application(CHAT, data)


@pytest.mark.spec("FLT-1")
def test_a_filter_sees_the_publisher_the_channel_and_the_data_and_its_answer_goes_on() -> None:
    seen: list[Any] = []

    def louder(session: Any, channel: Any, data: Any) -> Any:
        seen.append((session, channel, data))
        return data.upper()

    message = published("hello")
    assert FilterListener(louder)(None, message) is None
    assert message.data == "HELLO"
    assert seen == [(None, CHAT, "hello")]


@pytest.mark.spec("FLT-1")
def test_null_is_data_and_not_a_veto() -> None:
    message = published("hello")
    assert FilterListener(lambda *_: None)(None, message) is None
    assert message.data is None


def abort(*_: Any) -> Any:
    raise Abort


async def abort_later(*_: Any) -> Any:
    await asyncio.sleep(0)
    raise Abort


async def discard_later(*_: Any) -> Any:
    return DISCARD


@pytest.mark.spec("FLT-1", "LST-8")
@pytest.mark.parametrize("data_filter", [abort, abort_later, discard_later, lambda *_: DISCARD])
async def test_a_filter_vetoes_by_raising_or_returning(data_filter: Any) -> None:
    message = published("hello")
    answer = FilterListener(data_filter)(None, message)
    assert (await answer if inspect.isawaitable(answer) else answer) is False
    assert message.data == "hello"


@pytest.mark.spec("FLT-1", "GEN-1")
async def test_a_filter_may_be_a_coroutine_function() -> None:
    async def looked_up(session: Any, channel: Any, data: Any) -> Any:
        await asyncio.sleep(0)
        return {"name": data}

    message = published("bob")
    answer = FilterListener(looked_up)(None, message)
    assert inspect.isawaitable(answer)
    assert await answer is None
    assert message.data == {"name": "bob"}


@pytest.mark.spec("GEN-2")
def test_what_else_a_filter_raises_is_its_callers_to_log_and_changes_nothing() -> None:
    message = published("hello")
    with pytest.raises(ZeroDivisionError):
        FilterListener(lambda *_: 1 / 0)(None, message)
    assert message.data == "hello"


class Marking(WalkingFilter):
    """Changes every kind of value, so that what was visited can be told."""

    def filter_string(self, session: Any, channel: Any, value: Any) -> Any:
        return value + "!"

    def filter_number(self, session: Any, channel: Any, value: Any) -> Any:
        return -value

    def filter_boolean(self, session: Any, channel: Any, value: Any) -> Any:
        return not value

    def filter_map(self, session: Any, channel: Any, value: Any) -> Any:
        return {**value, "visited": len(value)}

    def filter_list(self, session: Any, channel: Any, value: Any) -> Any:
        return [*value, len(value)]


def marked(value: Any) -> Any:
    """What ``Marking`` makes of a value, written the plain way."""
    if isinstance(value, str):
        return value + "!"
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return -value
    if isinstance(value, list):
        return [*map(marked, value), len(value)]
    if isinstance(value, dict):
        return {**{key: marked(inner) for key, inner in value.items()}, "visited": len(value)}
    return value


@pytest.mark.spec("FLT-2")
@given(JSON)
def test_every_value_is_visited_once_from_the_inside_out_and_keys_are_not(data: Any) -> None:
    assert Marking()(None, CHAT, data) == marked(data)


@pytest.mark.spec("FLT-2")
@given(JSON)
def test_a_walk_without_changes_gives_equal_data_of_its_own(data: Any) -> None:
    result = WalkingFilter()(None, CHAT, data)
    assert result == data
    assert not isinstance(data, (list, dict)) or result is not data


@pytest.mark.spec("FLT-2")
def test_data_of_the_publisher_is_not_changed_in_place() -> None:
    data = {"a": ["x", {"b": "y"}]}
    assert Marking()(None, CHAT, data)["a"][0] == "x!"
    assert data == {"a": ["x", {"b": "y"}]}


@pytest.mark.spec("FLT-2")
@pytest.mark.parametrize("visit", ["filter_string", "filter_number", "filter_boolean", "filter_map", "filter_list"])
@pytest.mark.parametrize("vetoes", [abort, lambda *_: DISCARD])
def test_one_visit_can_refuse_the_whole_message(visit: str, vetoes: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    walking = WalkingFilter()
    monkeypatch.setattr(walking, visit, vetoes)
    assert FilterListener(walking)(None, published({"a": [1, {"b": ["deep", False]}]})) is False
    assert FilterListener(walking)(None, published(None)) is None


@pytest.mark.spec("FLT-2")
def test_depth_costs_no_stack() -> None:
    data: Any = "deep"
    for _ in range(10_000):
        data = [data]
    result = Marking()(None, CHAT, data)
    for _ in range(10_000):
        result = result[0]
    assert result == "deep!"


def test_bytes_pass_a_walk_as_they_are() -> None:
    data = {"file": BinaryData(b"<script>")}
    assert NoMarkupFilter()(None, CHAT, data) == data


@pytest.mark.spec("FLT-3")
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("darn it", "**** it"),
        ({"text": ["Darn", 5]}, {"text": ["****", 5]}),
        ("a(b)", "a[b]"),
        ({"darn": "key"}, {"darn": "key"}),
    ],
)
def test_patterns_are_replaced_in_order(data: Any, expected: Any) -> None:
    rules = RegexFilter([[r"(?i)darn", "****"], [re.compile(r"\((.)\)"), r"[\1]"], ["secret", None]])
    assert rules(None, CHAT, data) == expected


@pytest.mark.spec("FLT-3")
def test_a_pattern_without_replacement_refuses_the_message() -> None:
    rules = RegexFilter([("se", "xe"), ("secret", None), ("xecret!", None)])
    assert rules(None, CHAT, "a secret") == "a xecret"
    assert FilterListener(rules)(None, published(["a secret!"])) is False


def test_what_is_no_pattern_is_refused_at_once() -> None:
    with pytest.raises(re.error):
        RegexFilter([["(", ""]])


@pytest.mark.spec("FLT-3")
def test_markup_becomes_entities() -> None:
    assert NoMarkupFilter()(None, CHAT, {"<b>": "<b>1 < 2</b>"}) == {"<b>": "&lt;b&gt;1 &lt; 2&lt;/b&gt;"}


@pytest.mark.spec("FLT-3")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<script>x()</script>", "<span>x()</span>"),
        ("<SCRIPT src=a></ScRipt >", "<span src=a></span >"),
        ("< script>< / script>", "<span></span>"),
        ("a script <b>", "a script <b>"),
    ],
)
def test_scripts_become_spans(text: str, expected: str) -> None:
    assert NoScriptsFilter()(None, CHAT, [text]) == [expected]


@pytest.mark.spec("FLT-1", "FLT-4", "LST-8", "GEN-2")
@pytest.mark.expected_logs("a message listener raised")
async def test_filters_of_patterns_and_channels_see_what_clients_and_the_server_publish() -> None:
    async with still_server(ManualClock()) as server:
        wide, _ = server.create_channel_if_absent("/chat/**")
        narrow, _ = server.create_channel_if_absent("/chat/a")
        remove = narrow.add_filter(lambda session, channel, data: [channel.text, data])
        narrow.add_filter(lambda *_: 1 / 0)
        wide.add_filter(RegexFilter([["darn", "****"], ["secret", None]]))
        alice = Peer(server).handshake()
        alice.subscribe("/chat/a")
        assert alice.publish("/chat/a", "darn")[0]["data"] == ["/chat/a", "****"]
        assert alice.publish("/chat/a", "secret")[-1]["error"] == "404::message_deleted"
        server.publish("/chat/a", "secret")
        server.publish("/chat/a", "darn it")
        remove()
        server.publish("/chat/a", "darn")
        events = alice.connect().sent[0][:-1]
        assert [event["data"] for event in events] == [["/chat/a", "**** it"], "****"]


@pytest.mark.spec("FLT-4")
async def test_filters_are_named_by_a_configuration_or_registered_by_a_decorator() -> None:
    async with still_server(ManualClock()) as server:
        for channel, data_filter in configured_filters(
            {"/chat/**": ["no_markup", {"regex": [["darn", "****"]]}], "/page": ["no_scripts"]}
        ):
            server.filter(channel, data_filter)

        @server.filter("/chat/*")
        def shout(session: Any, channel: Any, data: Any) -> Any:
            return data.upper()

        alice = Peer(server).handshake()
        alice.subscribe(["/chat/x", "/page"])
        assert alice.publish("/chat/x", "darn <b>")[0]["data"] == "**** &LT;B&GT;"
        assert alice.publish("/page", "<script>")[0]["data"] == "<span>"


@pytest.mark.spec("FLT-4")
@pytest.mark.parametrize("wrong", ["no_such", {"regex": [["("]]}, {"regex": 5}, {"regex": [], "also": 1}, {}])
def test_a_filter_that_makes_no_sense_is_named_with_its_channel(wrong: Any) -> None:
    with pytest.raises(ValueError, match="/chat: "):
        configured_filters({"/chat": [wrong]})
