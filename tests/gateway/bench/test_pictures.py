"""Charts: what they show, that it can be read, and that no text from outside becomes markup."""

import itertools
import math
import re
from xml.etree import ElementTree

import pytest

from gateway.bench.pictures import (
    Axis,
    Bar,
    Linear,
    Logarithmic,
    Percentiles,
    Stretch,
    bars,
    figure,
    lines,
    percentiles,
)
from gateway.bench.pictures.svg import width_of

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</text><script>alert('1')</script>&\"\x00\ud800"

GROUPS = {
    "fan-out, window 10": {"ours": Bar(1.2, 1.1, 1.4), "CometD": Bar(7.8, 7.1, 8.8), "Faye": 13.6},
    "point-to-point": {"ours": 12, "CometD": None, "Faye": Bar(33, 30, 40)},
}
GROWTH = {"ours": [(100, 1.3), (1000, 1.2), (5000, 1.25)], "CometD": [(100, 8), (1000, None), (5000, 9)]}
LATENCIES = {"ours": [(0, 0.2), (50, 0.4), (90, 0.8), (99, 1.6), (99.9, 4), (99.99, 7), (100, 9)]}

PICTURES = {
    "bars": bars("Cost", GROUPS, unit="µs"),
    "narrow bars": bars("Cost", GROUPS, unit="microseconds of the server", width=360),
    "growth": lines("Growth", GROWTH, x=Axis("subscribers", Logarithmic), y=Axis("µs")),
    "percentiles": percentiles("Latency", LATENCIES, y=Axis("ms")),
    "narrow percentiles": percentiles("Latency", LATENCIES, y=Axis("ms", Logarithmic), width=320),
    "time": lines("Time", {"a": [(n, 9000.0 + n) for n in range(90)]}, x=Axis("s", Stretch), y=Axis("/s"), width=320),
    "many": lines("Many", {f"series {n}": [(0, n), (9, n)] for n in range(12)}, x=Axis("x"), y=Axis("y"), width=320),
    "long words": bars("A title " * 20, {"group " * 30: {"series " * 20: 1, "b": 2e9}}, width=400),
    "nothing": lines("Nothing", {}, x=Axis("x", Percentiles), y=Axis("y", Logarithmic)),
    "no bars": bars("Nothing", {"group": {}}),
}


def tree(picture: str) -> ElementTree.Element:
    return ElementTree.fromstring(picture)  # noqa: S314 (we made it)


def texts(picture: str) -> list[str]:
    """The visible words."""
    return [each.text or "" for each in tree(picture).iter(f"{SVG}text")]


def boxes(picture: str) -> list[tuple[float, float, float, float, str]]:
    """About where each visible text is: left, top, right, bottom, text."""
    found = []
    for each in tree(picture).iter(f"{SVG}text"):
        size = 15 if each.get("class") == "title" else 13
        wide = width_of(each.text or "", size)
        x, y = float(each.get("x", "0")), float(each.get("y", "0"))
        left = x - {"middle": wide / 2, "end": wide}.get(each.get("text-anchor", ""), 0)
        top = -1000.0 if size == 15 else 0.0  # titles are outside the group that is moved below them
        found.append((left, y - size * 0.8 + top, left + wide, y + size * 0.2 + top, each.text or ""))
    return found


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_well_formed_and_tells_what_it_is(name: str) -> None:
    root = tree(PICTURES[name])
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    named = {each.get("id"): each for each in root.iter() if each.get("id")}
    assert named[root.get("aria-labelledby")].tag == f"{SVG}title"
    assert named[root.get("aria-describedby")].tag == f"{SVG}desc"
    assert named[root.get("aria-labelledby")].text


@pytest.mark.parametrize("name", PICTURES)
def test_no_text_lies_on_another_or_outside(name: str) -> None:
    root = tree(PICTURES[name])
    found = boxes(PICTURES[name])
    for left, _, right, _, words in found:
        assert left >= 0, words
        assert right <= float(root.get("width", "0")), words
    for one, other in itertools.combinations(found, 2):
        apart = one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]
        assert apart, f"{one[4]!r} lies on {other[4]!r}"


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_needs_nothing_from_elsewhere(name: str) -> None:
    picture = PICTURES[name].replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|href|url\(|@import|<script| style=", picture)
    assert "prefers-color-scheme: dark" in picture


def test_bars_show_their_figures_their_spread_and_what_is_missing() -> None:
    shown = texts(PICTURES["bars"])
    for each in ("fan-out, window 10", "1.20 (1.10–1.40)", "µs", "13.6", "not measured", "33.0 (30.0–40.0)"):
        assert each in shown
    whiskers = [each for each in tree(PICTURES["bars"]).iter() if each.get("class") == "whisker"]
    assert len(whiskers) == 3


def test_the_length_of_a_bar_is_its_value() -> None:
    rects = [each for each in tree(PICTURES["bars"]).iter(f"{SVG}rect") if "bar" in (each.get("class") or "")]
    lengths = [float(each.get("width", "0")) for each in rects]
    values = [1.2, 7.8, 13.6, 12, 33]
    assert [length / lengths[-1] for length in lengths] == pytest.approx([value / 33 for value in values], abs=1e-3)


def test_a_series_has_the_same_colour_in_all_groups() -> None:
    colours = {}
    for group in tree(PICTURES["bars"]).iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        if title is not None and rect is not None:
            colours.setdefault((title.text or "").partition(":")[0], set()).add(rect.get("class"))
    assert len(colours) == 3
    assert all(len(classes) == 1 for classes in colours.values())
    assert len(set.union(*colours.values())) == 3


def test_the_description_tells_the_figures_to_who_cannot_see_them() -> None:
    described = tree(PICTURES["bars"]).findtext(f"{SVG}desc") or ""
    assert described.startswith("In µs. fan-out")
    assert "point-to-point: ours 12.0, CometD not measured, Faye 33.0 (30.0–40.0)." in described
    described = tree(PICTURES["growth"]).findtext(f"{SVG}desc") or ""
    assert "ours: 1.30 at 100, 1.25 at 5,000, at most 1.30 at 100." in described


def test_a_line_has_a_gap_where_nothing_was_measured() -> None:
    paths = [each.get("d", "") for each in tree(PICTURES["growth"]).iter() if each.get("class") == "curve"]
    drawn = [path for path in paths if "h24" not in path]
    assert [(path.count("M"), path.count("L")) for path in drawn] == [(1, 2), (2, 0)]


def test_points_of_a_gap_are_marked_however_many_there_are() -> None:
    row = [(number, 1.0 if number % 2 else math.nan) for number in range(100)]
    picture = lines("Gaps", {"a": row}, x=Axis("x"), y=Axis("y"))
    assert len(list(tree(picture).iter(f"{SVG}circle"))) == 50


@pytest.mark.parametrize("place", ["title", "group", "series", "unit", "description"])
def test_hostile_words_stay_words_in_bars(place: str) -> None:
    given = {each: HOSTILE if each == place else "x" for each in ("title", "group", "series", "unit", "description")}
    picture = bars(
        given["title"],
        {given["group"]: {given["series"]: 1.0}},
        unit=given["unit"],
        description=given["description"],
    )
    assert [each for each in tree(picture).iter() if "script" in each.tag] == []
    assert "alert" in "".join(tree(picture).itertext())


@pytest.mark.parametrize("place", ["title", "name", "x", "y", "description"])
def test_hostile_words_stay_words_in_lines(place: str) -> None:
    given = {each: HOSTILE if each == place else "x" for each in ("title", "name", "x", "y", "description")}
    row = [(1.0, 2.0), (2.0, 3.0)]
    picture = lines(
        given["title"],
        {given["name"]: row, "other": row},
        x=Axis(given["x"]),
        y=Axis(given["y"]),
        description=given["description"],
    )
    assert [each for each in tree(picture).iter() if "script" in each.tag] == []
    assert "alert" in "".join(tree(picture).itertext())


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (0.00123, "0.00123"), (0.5, "0.500"), (1.234, "1.23"), (9.996, "10.0"), (99.96, "100"),
     (123.4, "123"), (999.6, "1,000"), (12345.6, "12,346"), (-1.5, "-1.50"), (math.inf, "–"), (math.nan, "–")],
)  # fmt: skip
def test_a_figure_has_three_digits(value: float, shown: str) -> None:
    assert figure(value) == shown


@pytest.mark.parametrize("values", [[], [0.0], [5.0], [-3.0, 4.0], [1e-9], [1e12, 1.0], [math.nan, math.inf, 2.0]])
@pytest.mark.parametrize("kind", [Linear, Stretch, Logarithmic, Percentiles])
def test_every_value_and_tick_has_a_place_on_its_axis(kind: type[Linear], values: list[float]) -> None:
    scale = kind(values)
    known = [value for value in values if math.isfinite(value)]
    places = [scale.place(value) for value in [*known, *(at for at, _ in scale.ticks)]]
    assert all(-1e-6 <= place <= 1 + 1e-6 for place in places)
    assert [at for at, _ in scale.ticks] == sorted(at for at, _ in scale.ticks)


def test_a_linear_axis_begins_at_zero_and_ends_at_a_round_number() -> None:
    assert Linear([9.3, 12.1]).ticks == [(0, "0"), (5, "5"), (10, "10"), (15, "15")]


def test_a_percentile_axis_gives_each_nine_the_same_room() -> None:
    scale = Percentiles([50, 99.9, 100])
    assert [name for _, name in scale.ticks] == ["0 %", "50 %", "90 %", "99 %", "99.9 %", "max"]
    first, second, third = scale.place(90), scale.place(99), scale.place(99.9)
    assert second - first == pytest.approx(third - second)
    assert scale.place(100) == 1
