"""Channel templates: what they match, and what is no template."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid, TemplateInvalid
from bayeux.protocol.template import Template


@pytest.mark.spec("CHN-8")
@pytest.mark.parametrize(
    ("template", "pattern"),
    [
        ("/game/{room}", "/game/*"),
        ("/game/{room}/moves", "/game/**"),
        ("/game/{room}/{move}", "/game/**"),
        ("/{any}", "/*"),
        ("/{any}/moves", "/**"),
        ("/service/contacts/{group}", "/service/contacts/*"),
        ("/game/{room}/ ", "/game/*"),
        ("/chat", "/chat"),
    ],
)
def test_the_pattern_is_the_narrowest_that_covers_a_template(template: str, pattern: str) -> None:
    assert Template(template).pattern == parse_channel(pattern)


@pytest.mark.spec("CHN-8")
@pytest.mark.parametrize(
    ("template", "channel", "values"),
    [
        ("/game/{room}", "/game/7", {"room": "7"}),
        ("/game/{room}", "/game/a b.c", {"room": "a b.c"}),
        ("/game/{room}/moves", "/game/7/moves", {"room": "7"}),
        ("/{a}/{b}", "/x/y", {"a": "x", "b": "y"}),
        ("/game/{room}", "/game", None),
        ("/game/{room}", "/game/7/moves", None),
        ("/game/{room}/moves", "/game/7/players", None),
        ("/game/{room}/moves", "/game/7", None),
        ("/game/{room}", "/chess/7", None),
        ("/game/{room}", "/game/*", None),
        ("/a.b/{c}", "/aXb/c", None),
        ("/chat", "/chat", {}),
        ("/chat", "/chats", None),
    ],
)
def test_a_channel_of_the_same_shape_gives_the_values(
    template: str, channel: str, values: dict[str, str] | None
) -> None:
    assert Template(template).match(parse_channel(channel)) == values


@pytest.mark.spec("CHN-8", "CH-6")
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("/game/{room}/*", "no wildcards"),
        ("/game/**", "no wildcards"),
        ("/*/{room}", "no wildcards"),
        ("game/{room}", "segments such as"),
        ("/game/{}", "a parameter is a whole segment"),
        ("/game/x{room}", "a parameter is a whole segment"),
        ("/game/{room", "a parameter is a whole segment"),
        ("/{room}/{room}", "stands twice"),
        ("/game/{1st}", "an identifier"),
        ("/game/{the room}", "an identifier"),
        ("/game/{class}", "an identifier"),
    ],
)
def test_what_is_no_template_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(TemplateInvalid, match=why):
        Template(text)
    assert issubclass(TemplateInvalid, ChannelInvalid)


@pytest.mark.spec("CHN-8")
def test_parameters_are_told_from_left_to_right() -> None:
    assert Template("/x/{b}/{a}").parameters == ("b", "a")


SEGMENTS = st.lists(st.sampled_from(["a", "b", "{x}", "{y}", "{z}"]), min_size=1, max_size=4, unique=True)


@pytest.mark.spec("CHN-8", "CH-21")
@given(SEGMENTS, st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4))
def test_whatever_a_template_matches_its_pattern_sees(segments: list[str], channel: list[str]) -> None:
    template = Template("/" + "/".join(segments))
    name = parse_channel("/" + "/".join(channel))
    values = template.match(name)
    if values is None:
        return
    assert template.pattern.text in name.patterns
    assert [values[segment[1:-1]] if "{" in segment else segment for segment in segments] == channel
