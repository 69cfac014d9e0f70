"""Holds a peer to its table: a case fails if and only if the table lists it.

A pytest plugin, registered by ``--bayeux-peer``. A listed case is expected to fail, strictly: one that passes
fails the run, and so does one that was skipped, since nothing showed the difference.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Mapping
from typing import Any

import pytest

from tests.conformance.peers.peer import Peer
from tests.support.wire import ConnectionGone, SocketClosed, UpgradeRefused

NOTICED = (
    AssertionError, pytest.fail.Exception, LookupError, TypeError, ValueError,
    TimeoutError, ConnectionError, ConnectionGone, SocketClosed, UpgradeRefused,
)  # fmt: skip
"""How a case notices that a server does otherwise; any other exception is a fault of the case."""


def case_of(node_id: str, peer: str) -> tuple[str, str]:
    """The name of a case, and its parameters without the peer.

    >>> case_of("tests/conformance/test_channels.py::TestNames::test_names[websocket-faye-/a]", "faye")
    ('test_channels::TestNames::test_names', 'websocket-/a')
    """
    name, _, parameters = node_id.removesuffix("]").partition("[")
    path, *names = name.split("::")
    module = path.rpartition("/")[2].removesuffix(".py")
    others = re.split(rf"(?:^|-){re.escape(peer)}(?:-|$)", parameters, maxsplit=1)
    return "::".join([module, *names]), "-".join(others).strip("-")


class Expectations:
    """The plugin, for the peers that this run is about."""

    def __init__(self, peers: Mapping[str, Peer]) -> None:
        self._peers = peers

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Mark what is expected to fail, and what has nothing to say of a peer."""
        for item in items:
            parameters = item.callspec.params if hasattr(item, "callspec") else {}
            peer = self._peers.get(parameters.get("target", ""))
            if peer and (mark := self._mark(peer, item, parameters)):
                item.add_marker(mark)

    def _mark(self, peer: Peer, item: pytest.Item, parameters: Mapping[str, Any]) -> pytest.MarkDecorator | None:
        case = case_of(item.nodeid, peer.name)
        transport = parameters.get("transport", peer.transports[0])
        if transport not in peer.transports:
            return pytest.mark.skip(reason=f"{peer.name} has no {transport}")
        if reason := peer.left_out.get(case[0].partition("::")[0]):
            return pytest.mark.skip(reason=reason)
        if difference := peer.explaining(*case):
            reason = f"{difference.rule} ({difference.kind}): {peer.name} {difference.does}"
            return pytest.mark.xfail(raises=NOTICED, strict=True, reason=reason)
        return None

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a listed case that was skipped."""
        report = yield
        is_listed = item.get_closest_marker("xfail") is not None
        if is_listed and report.skipped and not hasattr(report, "wasxfail"):
            report.outcome = "failed"
            report.longrepr = f"listed as a difference, but skipped: {report.longrepr}"
        return report
