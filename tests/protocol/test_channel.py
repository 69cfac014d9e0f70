"""Channel names: the grammar, the kinds, and who sees what."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.channel import Kind, parse_channel
from bayeux.protocol.errors import ChannelInvalid, SubscriptionInvalid
from bayeux.protocol.message import Message, subscriptions_of
from bayeux.protocol.options import Options

INVALID = [
    "/", "//a", "/a//b", "", "/a/ /b", "a", "/foo/*/bar", "/**/x", "/foo/*/**", "/a*b", "/é", "/a?b",
    "/a\x00", "/a%2Fb",
]  # fmt: skip


@pytest.mark.spec("CH-1", "CH-2", "CH-3", "SEC-15")
@pytest.mark.parametrize("text", INVALID)
def test_names_outside_the_grammar_are_refused(text: str) -> None:
    with pytest.raises(ChannelInvalid):
        parse_channel(text)


@pytest.mark.spec("CH-1", "CH-2")
@pytest.mark.parametrize("text", ["/a", "/A-_.!~()$@#+{x z}", "/*", "/**", "/foo/*", "/foo/**", "/v2/me/interactions"])
def test_names_of_the_grammar_are_taken(text: str) -> None:
    assert parse_channel(text).text == text


@pytest.mark.spec("CH-3", "CH-4")
def test_trailing_space_and_one_slash_do_not_count_and_case_does() -> None:
    assert parse_channel("/foo/bar/ ").text == parse_channel("/foo/bar/").text == "/foo/bar"
    assert parse_channel("/Foo") != parse_channel("/foo")


@pytest.mark.spec("CH-5", "SEC-1")
@pytest.mark.parametrize(("length", "is_valid"), [(511, True), (512, True), (513, False), (5000, False)])
def test_length_is_bounded(length: int, is_valid: bool) -> None:
    text = "/" + "a" * (length - 1)
    if is_valid:
        assert Message.received({"channel": text}, Options()).channel.text == text
    else:
        with pytest.raises(ChannelInvalid):
            Message.received({"channel": text}, Options())
    Message.received({"channel": text[:2000]}, Options(max_channel_length=2000))


@pytest.mark.spec("CH-5", "SEC-1")
@pytest.mark.parametrize(("segments", "is_valid"), [(31, True), (32, True), (33, False)])
def test_segments_are_bounded(segments: int, is_valid: bool) -> None:
    text = "/a" * segments
    subscribe = {"channel": "/meta/subscribe", "subscription": text}
    if is_valid:
        assert Message.received({"channel": text}, Options()).channel.text == text
        assert subscriptions_of(Message.received(subscribe, Options()), Options())[0].text == text
        return
    with pytest.raises(ChannelInvalid):
        Message.received({"channel": text}, Options())
    with pytest.raises(SubscriptionInvalid):
        subscriptions_of(Message.received(subscribe, Options()), Options())


@pytest.mark.spec("CH-10")
@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("/meta/connect", Kind.META),
        ("/meta", Kind.BROADCAST),
        ("/metaphor/x", Kind.BROADCAST),
        ("/service/x", Kind.SERVICE),
        ("/service", Kind.BROADCAST),
        ("/services/x", Kind.BROADCAST),
        ("/chat", Kind.BROADCAST),
    ],
)
def test_kind_is_told_by_the_prefix_with_its_slash(text: str, kind: Kind) -> None:
    assert parse_channel(text).kind is kind


@pytest.mark.spec("CH-6")
def test_a_whole_segment_in_braces_is_a_template_and_takes_no_wildcard() -> None:
    assert parse_channel("/game/{room}/moves").is_template
    assert not parse_channel("/game/a{b").is_template
    with pytest.raises(ChannelInvalid):
        parse_channel("/game/{room}/*")


@pytest.mark.spec("CH-20", "CH-21")
def test_matching_patterns_come_widest_first() -> None:
    assert parse_channel("/x/y/z").patterns == ("/**", "/x/**", "/x/y/**", "/x/y/*", "/x/y/z")
    assert parse_channel("/x").patterns == ("/**", "/*", "/x")


@pytest.mark.spec("AUZ-7")
def test_patterns_above_a_pattern_are_the_wider_ones() -> None:
    assert parse_channel("/a/b/*").patterns == ("/**", "/a/**", "/a/b/**", "/a/b/*")
    assert parse_channel("/a/b/**").patterns == ("/**", "/a/**", "/a/b/**")
    assert parse_channel("/*").patterns == ("/**", "/*")


segments = st.lists(st.sampled_from(["a", "b", "c-1", "d e"]), min_size=1, max_size=4)


@pytest.mark.spec("CH-20", "CH-21", "SEC-15")
@given(name=segments, pattern=segments, star=st.sampled_from(["", "/*", "/**"]))
def test_patterns_match_as_a_regular_expression_would(name: list[str], pattern: list[str], star: str) -> None:
    """``*`` stands for one segment, ``**`` for one or more."""
    text = "/" + "/".join(pattern) + star
    expected = {"": "", "/*": "/[^/]+", "/**": "/.+"}[star]
    channel = "/" + "/".join(name)
    matches = re.fullmatch(re.escape("/" + "/".join(pattern)) + expected, channel) is not None
    assert (parse_channel(text).text in parse_channel(channel).patterns) is matches


ENDS = st.sampled_from(["", "/*", "/**"])


@pytest.mark.spec("CH-21", "AUZ-7")
@given(segments, ENDS, segments, ENDS)
def test_a_channel_covers_those_it_is_a_pattern_of(one: list[str], end: str, other: list[str], its_end: str) -> None:
    pattern, name = parse_channel("/" + "/".join(one) + end), parse_channel("/" + "/".join(other) + its_end)
    assert pattern.covers(name.text) is (pattern.text in name.patterns)


@pytest.mark.spec("CH-21")
def test_the_widest_pattern_covers_everything_and_the_next_one_segment() -> None:
    everything, one = parse_channel("/**"), parse_channel("/*")
    assert [everything.covers(name) for name in ("/a", "/a/b", "/*", "/a/**")] == [True, True, True, True]
    assert [one.covers(name) for name in ("/a", "/a/b", "/*", "/**", "/a/*")] == [True, False, True, False, False]


@pytest.mark.spec("CH-1", "CH-2", "SEC-15")
@given(st.text(alphabet="/ab*{} é\x00.?", max_size=12))
def test_any_text_is_a_name_by_the_grammar_or_refused(text: str) -> None:
    """Against the grammar written as one regular expression."""
    name = text.rstrip(" \t\r\n").removesuffix("/") if text.rstrip() != "/" else "/"
    plain = r"(?:/(?=[^/]*[^ /])[A-Za-z0-9 !#$()+\-.@_{~}]+)"
    is_grammatical = re.fullmatch(rf"{plain}+|{plain}*/\*\*?", name) is not None
    is_grammatical = is_grammatical and not (re.search(r"/\{[^{}/]+\}(?=/|$)", name) and name.endswith("*"))
    try:
        parse_channel(text)
    except ChannelInvalid:
        assert not is_grammatical
    else:
        assert is_grammatical
