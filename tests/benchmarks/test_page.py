"""The page of results and its pictures, from measurements alone."""

from __future__ import annotations

from pathlib import Path

from benchmarks.markdown import table
from benchmarks.measurement import Results
from benchmarks.page import page
from benchmarks.peers import PEERS
from benchmarks.pictures import PICTURES, draw
from tests.benchmarks.results_of import results_of, runs

TITLES = {peer.name: peer.title for peer in PEERS}


def row(results: Results, *words: str) -> str:
    """The only row of the page that begins with these cells."""
    begin = f"| {' | '.join(words)} |"
    (found,) = [line for line in page(results, TITLES).splitlines() if line.startswith(begin)]
    return found.removeprefix(begin).removesuffix("|").strip()


def test_ratios_stand_against_the_goals() -> None:
    """Of medians; one reached, one missed."""
    results = results_of(
        runs("fan-out-window-10", "ours", 1.0, 2.0, 1.5),
        runs("fan-out-window-10", "cometd", 7.5),
        runs("fan-out-window-10", "faye", 6.0),
    )
    assert row(results, "fan-out ×1000, ten in flight", "5.00") == "4 / 8 | reached | 4.00 | 8 / 12 | **missed**"


def test_set_ups_per_second_count_the_other_way_round() -> None:
    """More of them are better."""
    results = results_of(runs("set-up-polling", "ours", 9000.0), runs("set-up-polling", "cometd", 2000.0))
    assert row(results, "set-up storm, long-polling", "4.50") == "2 / 3 | aim reached"


def test_ratio_of_two_sittings_is_marked() -> None:
    """A machine is not as fast every day."""
    results = results_of(
        runs("point-to-point", "ours", 1.0), runs("point-to-point", "cometd", 2.0, sitting="2025-01-01 00:00 UTC")
    )
    assert row(results, "point-to-point ×1000", "2.00 †") == "2 / 3 | reached"


def test_peer_that_was_left_out_is_told() -> None:
    """With its sentence, and without a column."""
    results = results_of(
        runs("fan-out-window-10", "ours", 1.0),
        runs("fan-out-window-10", "faye", 12.0),
        left_out=("CometD was left out: mvn is not installed.",),
    )
    text = page(results, TITLES)
    assert "- CometD was left out: mvn is not installed." in text
    assert "CometD ÷ ours" not in text
    assert "Faye ÷ ours" in text


def test_peer_without_goal_or_ours_makes_no_ratio() -> None:
    """Results of the peers alone are a page, too."""
    assert "÷ ours" not in page(results_of(runs("polling-fan-out", "cometd-nodejs-server", 20.0)), TITLES)


def test_floor_is_compared() -> None:
    """At most 1.4 times what the C loop takes."""
    near = results_of(runs("fan-out-window-1", "ours", 6.0), runs("fan-out-window-1", "floor", 5.0))
    far = results_of(runs("fan-out-window-1", "ours", 8.0), runs("fan-out-window-1", "floor", 5.0))
    goal = "what the C loop of `send()` takes; at most 1.4 × is the goal"
    assert f"costs ours 1.20 × {goal}: reached." in page(near, TITLES)
    assert f"costs ours 1.60 × {goal}: **missed**." in page(far, TITLES)


def test_compiled_form_is_compared_by_itself() -> None:
    """Its own table, beside that of the plain one."""
    results = results_of(
        runs("point-to-point", "ours", 20.0),
        runs("point-to-point", "ours-compiled", 15.0),
        runs("point-to-point", "faye", 33.0),
    )
    assert row(results, "point-to-point ×1000", "1.65") == "2 / 3 | **missed**"
    assert row(results, "point-to-point ×1000", "2.20") == "2 / 3 | reached"


def test_absolute_figures_have_their_spread() -> None:
    """A server that failed each time says so, one that has no such transport is a dash."""
    results = results_of(
        runs("fan-out-window-10", "ours", 1.0, 2.0, 1.5),
        runs("fan-out-window-10", "cometd", None),
        runs("polling-fan-out", "cometd-nodejs-server", 20.0),
    )
    assert row(results, "fan-out ×1000, ten in flight", "1.50 (1.00–2.00)") == "failed | –"


def test_what_was_lost_is_counted_and_told() -> None:
    """Over all runs of a server, and each such run by itself."""
    results = results_of(
        runs("fan-out-window-10", "ours", 1.0, 1.0, delivered=500),
        runs("point-to-point", "faye", 9.0, delivered=1000, lost=7, double=1),
        runs("point-to-point", "cometd", None, failure="gone\naway"),
    )
    assert row(results, "ours", "2") == "1,000 | 0 | 0 | 0"
    assert row(results, "Faye", "1") == "1,000 | 7 | 1 | 0"
    text = page(results, TITLES)
    assert "- Faye, point-to-point ×1000, round 1: 7 lost, 1 double, 0 out of order" in text
    assert "- CometD, point-to-point ×1000, round 1: failed (gone away)" in text


def test_growth_is_judged_where_it_is_promised() -> None:
    """Of ours, from the first step to the last."""
    results = results_of(
        runs("subscribers-100", "ours", 1.0),
        runs("subscribers-1000", "ours", 1.2),
        runs("subscribers-5000", "ours", 1.6),
        runs("wildcards-0", "ours", 1.0),
        runs("wildcards-10000", "ours", 3.0),
    )
    assert (
        row(results, "subscribers", "ours", "100: 1.00, 1,000: 1.20, 5,000: 1.60") == "1.60 | at most 1.5: **missed**"
    )
    assert row(results, "wildcards", "ours", "0: 1.00, 10,000: 3.00") == "3.00 |"


def test_heap_stands_beside_resident_memory() -> None:
    """For the servers that can tell it."""
    results = results_of(
        runs("memory-websocket", "ours", 5.0), runs("memory-websocket", "cometd", 50.0, heap_kib_per_session=20.0)
    )
    assert "- 5,000 idle sessions, websocket: CometD 20.0" in page(results, TITLES)


def test_empty_table_is_no_table() -> None:
    """A head without rows says nothing."""
    assert table(("a", "b"), []) == ""


def test_page_shows_pictures_that_were_drawn(tmp_path: Path) -> None:
    """Each is there, with our name in it."""
    results = results_of(
        *(runs(name, "ours", 1.5) for name in ("point-to-point", "set-up-polling", "memory-polling")),
        runs("latency-fan-out", "ours", 1.5),
        runs("subscribers-100", "ours", 1.0),
        runs("subscribers-5000", "ours", 1.0),
    )
    draw(results, TITLES, tmp_path)
    text = page(results, TITLES)
    for name in (*(each.name for each in PICTURES), "growth"):
        assert f"({name}.svg)" in text
        assert "ours" in (tmp_path / f"{name}.svg").read_text("utf-8")
