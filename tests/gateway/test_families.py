"""Metrics of several workers as those of one gateway."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from gateway.observe.families import Family, Merged, page

HEARD = ("heard_total", (("kind", "publish"),))


def counter(value: float) -> Family:
    family = CounterMetricFamily("heard", "Messages heard.", labels=("kind",))
    family.add_metric(("publish",), value)
    return Family.of(family)


def gauge(value: float, **labels: str) -> Family:
    family = GaugeMetricFamily("here", "Who is here.", labels=tuple(labels))
    family.add_metric(tuple(labels.values()), value)
    return Family.of(family)


def values(merged: Merged) -> dict[str, float]:
    text, _ = page(merged.families(), "")
    lines = [line.rsplit(" ", 1) for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.spec("OPS-45", "OPS-50")
def test_what_is_counted_is_summed_and_what_is_measured_stays_apart() -> None:
    merged = Merged()
    merged.tell("0", [counter(3), gauge(1, worker="0", transport="websocket")])
    merged.tell("1", [counter(4), gauge(5, worker="0", transport="websocket")])
    assert values(merged) == {
        'heard_total{kind="publish"}': 7,
        'here{transport="websocket",worker="0"}': 1,
        'here{transport="websocket",worker="1"}': 5,
    }


@pytest.mark.spec("OPS-45")
def test_a_sum_never_falls_because_a_worker_died() -> None:
    """Else the next question of Prometheus would see a restart of everything, and a rate that never was."""
    merged = Merged()
    merged.tell("0", [counter(3), gauge(1)])
    merged.tell("1", [counter(4), gauge(5)])
    merged.retire("1")
    assert values(merged) == {'heard_total{kind="publish"}': 7, 'here{worker="0"}': 1}
    merged.tell("1", [counter(1), gauge(0)])
    merged.retire("1")
    merged.tell("1", [counter(2), gauge(0)])
    assert values(merged) == {'heard_total{kind="publish"}': 10, 'here{worker="0"}': 1, 'here{worker="1"}': 0}


@pytest.mark.spec("OPS-45")
def test_a_family_survives_the_way_to_the_supervisor() -> None:
    family = counter(3)
    assert Family.from_json(family.as_json()) == family


@pytest.mark.spec("OPS-50")
def test_who_accepts_it_gets_open_metrics() -> None:
    registry = CollectorRegistry()
    registry.register(type("One", (), {"collect": lambda self: [CounterMetricFamily("heard", "Heard.", value=1)]})())
    families = [Family.of(metric) for metric in registry.collect()]
    text, content_type = page(families, "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert text.endswith(b"# EOF\n")
