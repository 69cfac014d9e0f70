"""Workloads: what is refused, by what words, and that JSON keeps them."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.bench.workload import KINDS, TRANSPORTS, Workload, WorkloadWrong


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_json_keeps_a_workload(kind: Any, transport: Any) -> None:
    workload = Workload(kind=kind, transport=transport, rate=12.5, publishes=100, ack=True)
    assert Workload.from_json(workload.as_json()) == workload


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"kind": "storm"}, "kind: choose from connect, fanout"),
        ({"transport": "udp"}, "transport: choose from websocket, long-polling"),
        ({"sessions": 0}, "sessions: 0 is not between 1 and"),
        ({"sessions": 1.5}, "sessions: 1.5 is not a whole number"),
        ({"sessions": True}, "sessions: True is not a whole number"),
        ({"seconds": float("nan")}, "seconds: nan is not between"),
        ({"rate": 0}, "rate: 0 is not between"),
        ({"rate": "fast"}, "rate: 'fast' is not a number"),
        ({"ack": 1}, "ack: 1 is not true or false"),
        ({"kind": "fanout", "sessions": 5, "channels": 6}, "channels: 6 are more than the 5 subscribers"),
        ({"sessions": 2, "generators": 3}, "generators: 3 are more than the 2 sessions"),
        ({"kind": "p2p", "sessions": 5, "generators": 3}, "point-to-point needs two"),
        ({"kind": "mix", "sessions": 15}, "a mix needs 16"),
    ],
)
def test_a_wrong_workload_is_refused_with_its_reason(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(WorkloadWrong, match=words):
        Workload(**fields)


def test_a_field_that_does_not_exist_is_named() -> None:
    with pytest.raises(WorkloadWrong, match="unknown field: sesions"):
        Workload.from_json({"sesions": 5})
