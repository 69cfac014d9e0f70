"""The tables of the peers agree with the rules and with the suite; no server is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conformance.peers.amends import AMENDS
from tests.conformance.peers.expectations import case_of
from tests.conformance.peers.page import OURS, PAGE, page, rules
from tests.conformance.peers.peer import PEERS, Case, Kind, Peer

ROOT = Path(__file__).parent.parent.parent.parent
TABLES = [Peer.load(name) for name in PEERS]

of_each_peer = pytest.mark.parametrize("peer", TABLES, ids=PEERS)


@pytest.fixture(scope="module")
def suite() -> list[tuple[str, str]]:
    """The cases of the suite, which are the same for every peer."""
    chosen = ["tests/conformance", f"--bayeux-peer={PEERS[0]}", "--collect-only", "-q", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *chosen]
    collected = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert collected.returncode == 0, collected.stdout[-2000:] + collected.stderr
    ids = [line for line in collected.stdout.splitlines() if line.startswith("tests/")]
    return [case_of(each, PEERS[0]) for each in ids]


@of_each_peer
def test_cited_rules_stand_in_the_reference(peer: Peer) -> None:
    """And what is said to be our own decision is marked so."""
    known = rules()
    assert {each.rule for each in peer.differences} <= known.keys()
    assert [each.rule for each in peer.differences if each.kind is Kind.OURS and OURS not in known[each.rule]] == []


@of_each_peer
def test_listed_cases_are_in_the_suite(peer: Peer, suite: list[tuple[str, str]]) -> None:
    """Each once: of two rules for a case the second would never be shown."""
    listed = [case for each in peer.differences for case in each.cases]
    assert [case.text for case in listed if not any(case.covers(*found) for found in suite)] == []
    for found in suite:
        peer.explaining(*found)


@of_each_peer
def test_every_difference_is_shown_or_amended(peer: Peer) -> None:
    assert [each.rule for each in peer.differences if not each.cases and not each.everywhere] == []
    assert peer.amended <= AMENDS


def test_page_is_made_from_the_tables() -> None:
    is_fresh = PAGE.read_text("utf-8") == page(TABLES, rules())
    assert is_fresh, "a table or a rule has changed: run python -m tests.conformance.peers.page"


@of_each_peer
def test_version_is_the_one_that_runs(peer: Peer) -> None:
    packages = json.loads((ROOT / "tests" / "interop" / "package.json").read_text("utf-8"))
    assert peer.version == packages["devDependencies"][peer.name]


@pytest.mark.parametrize(
    ("text", "covered"),
    [
        ("test_a::test_b", True),
        ("test_a::test_b[*]", True),
        ("test_a::test_b[websocket-/a*]", True),
        ("test_a::test_b[*-/a.b]", True),
        ("test_a::test_b[*-/a?b]", False),
        ("test_a::test_b[websocket]", False),
        ("test_a::test_b[]", False),
        ("test_a::Test::test_b", False),
        ("test_a::test", False),
    ],
)
def test_case_covers_its_test(text: str, covered: bool) -> None:
    """With all parameters, or those told; only the star stands for others."""
    assert Case(text).covers("test_a::test_b", "websocket-/a.b") is covered


@pytest.mark.parametrize(
    ("node_id", "case"),
    [
        ("tests/conformance/test_a.py::test_b[faye]", ("test_a::test_b", "")),
        ("tests/conformance/test_a.py::T::test_b[websocket-faye-/a-b]", ("test_a::T::test_b", "websocket-/a-b")),
        ("tests/conformance/test_a.py::test_b[faye-[]]", ("test_a::test_b", "[]")),
        ("tests/conformance/test_a.py::test_b", ("test_a::test_b", "")),
    ],
)
def test_case_of_a_node_id(node_id: str, case: tuple[str, str]) -> None:
    """The peer is left out of its parameters."""
    assert case_of(node_id, "faye") == case
