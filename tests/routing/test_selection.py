"""Who is offered a task first."""

from __future__ import annotations

import pytest

from gateway.routing.agent_state import AgentState
from gateway.routing.estimate import estimated_wait, remember
from gateway.routing.line import Line, overlaid
from gateway.routing.selection import Candidate, may_be_offered, place_of

spec = pytest.mark.spec
NINE_THIRTY, TEN = 570.0, 600.0


def agent(id: str, state: str, load: int = 0, since: float = TEN, offers: int = 0, most: int = 3) -> Candidate:
    return Candidate(id, AgentState(state), load, offers, most, since)


def order(*agents: Candidate, offers_most: int = 1) -> list[str]:
    asked = [each for each in agents if may_be_offered(each, offers_most)]
    return [each.id for each in sorted(asked, key=place_of)]


@spec("MRE-92", "MRE-93")
@pytest.mark.parametrize(
    ("agents", "expected"),
    [
        (
            [agent("a1", "READY"), agent("a2", "READY", since=599), agent("a3", "ACTIVE", 1, NINE_THIRTY)],
            ["a2", "a1", "a3"],
        ),
        (
            [
                agent("a1", "RESERVED", 1, offers=1),
                agent("a2", "ACTIVE", 2),
                agent("a3", "ACTIVE", 1, TEN),
                agent("a4", "ACTIVE", 1, 590),
            ],
            ["a4", "a3", "a2"],
        ),
        ([agent("a1", "BUSY", 3), agent("a2", "PENDING_NOT_READY", 1), agent("a3", "INTERRUPTED")], []),
        ([agent("b", "READY"), agent("a", "READY")], ["a", "b"]),
        ([agent("a1", "ACTIVE", 3), agent("a2", "ACTIVE", 1, offers=1)], []),
        ([agent(state, state) for state in ("NOT_READY", "LOGIN", "LOGOUT", "UNKNOWN", "WORK_READY")], []),
    ],
)
def test_less_work_goes_first_then_longer_available_then_the_name(agents: list[Candidate], expected: list[str]) -> None:
    assert order(*agents) == expected


@spec("MRE-92")
def test_second_offer_rings_only_where_that_is_configured() -> None:
    reserved = agent("a1", "RESERVED", 1, offers=1)
    assert order(reserved) == []
    assert order(reserved, offers_most=2) == ["a1"]


@spec("MRE-100")
def test_estimate_rests_on_the_last_twenty_assignments_and_at_least_three() -> None:
    moments: tuple[float, ...] = ()
    for moment in (0.0, 10.0):
        moments = remember(moments, moment)
    assert estimated_wait(1, moments) is None
    moments = remember(moments, 30.0)
    assert estimated_wait(2, moments) == 30
    for moment in range(100, 200):
        moments = remember(moments, float(moment))
    assert len(moments) == 20
    assert estimated_wait(7, moments) == 7


def test_line_with_changes_is_read_as_it_will_be() -> None:
    line = Line()
    for place in ((3, "c"), (1, "a"), (2, "b")):
        line.add(place)
    moved = {"b": 9, "d": 0, "c": None}
    places = overlaid(line, moved, lambda number: None if number is None else (number, {9: "b", 0: "d"}[number]))
    assert list(places) == [(0, "d"), (1, "a"), (9, "b")]
    line.discard((2, "b"))
    line.discard((7, "z"))
    assert list(line) == [(1, "a"), (3, "c")]
