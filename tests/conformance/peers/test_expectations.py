"""A run fails if a peer does otherwise than its table says, whichever of the two is wrong."""

from __future__ import annotations

import pytest

from tests.conformance.peers.expectations import Expectations
from tests.conformance.peers.peer import Case, Difference, Kind, Peer

pytest_plugins = ["pytester"]

SUITE = """
    import pytest

    of_the_peer = pytest.mark.parametrize("target", ["peer"])

    @of_the_peer
    def test_same(target):
        pass

    @of_the_peer
    def test_different(target):
        assert not "as ours"

    @of_the_peer
    def test_listed_and_same(target):
        pass

    @of_the_peer
    def test_listed_and_different(target):
        assert not "as ours"

    @of_the_peer
    def test_listed_and_skipped(target):
        pytest.skip("no such profile")

    @of_the_peer
    def test_listed_and_wrong(target):
        undefined

    @of_the_peer
    @pytest.mark.parametrize("transport", ["websocket"])
    def test_listed_and_without_its_transport(target, transport):
        assert not "as ours"

    @pytest.mark.parametrize("target", ["another"])
    def test_listed_and_of_another_server(target):
        assert not "as ours"
"""


def a_peer(*listed: str) -> Peer:
    """One that has no WebSocket; each case is listed for a rule of its own."""
    return Peer(
        name="peer",
        version="1",
        profiles=(),
        transports=("long-polling",),
        left_out={},
        differences=tuple(
            Difference(rule=f"CH-{n + 1}", kind=Kind.BREAKS, does="does otherwise", cases=(Case(text),))
            for n, text in enumerate(listed)
        ),
        words=(),
    )


def test_cases_fail_if_and_only_if_they_are_listed(pytester: pytest.Pytester) -> None:
    """A listed one must not be skipped either: nothing would show the difference."""
    pytester.makepyfile(test_suite=SUITE)
    pytester.makeini("[pytest]\nasyncio_default_fixture_loop_scope = function\n")
    names = ("same", "different", "skipped", "wrong", "without_its_transport", "of_another_server")
    peer = a_peer(*(f"test_suite::test_listed_and_{name}" for name in names))
    run = pytester.inline_run("-p", "no:cacheprovider", plugins=[Expectations({"peer": peer})])
    passed, skipped, failed = (
        {each.nodeid.partition("::test_")[2].partition("[")[0] for each in reports} for reports in run.listoutcomes()
    )
    assert passed == {"same"}
    assert skipped == {"listed_and_different", "listed_and_without_its_transport"}  # an expected failure counts there
    assert failed == {
        "different",
        "listed_and_same",
        "listed_and_skipped",
        "listed_and_wrong",
        "listed_and_of_another_server",
    }


def test_case_that_is_listed_for_two_rules_is_refused() -> None:
    peer = a_peer("test_suite::test_same", "test_suite::test_same[websocket]")
    assert peer.explaining("test_suite::test_same", "long-polling") == peer.differences[0]
    with pytest.raises(ValueError, match="CH-1 and CH-2"):
        peer.explaining("test_suite::test_same", "websocket")
