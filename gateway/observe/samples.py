"""How counts become families of the metrics library.

Source: OPS-50.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from bayeux.server.counters import Histogram
from gateway.observe.families import LABEL

_WORKER = "0"  # the one process there is, or replaced by the supervisor

Key: TypeAlias = "str | tuple[str, ...]"
"""The value of the only label, or of each."""


def _values(key: Key) -> tuple[str, ...]:
    return (key,) if isinstance(key, str) else key


def counter(name: str, text: str, labels: Sequence[str], counts: Mapping[Any, float]) -> CounterMetricFamily:
    """What is summed over workers."""
    family = CounterMetricFamily(name, text, labels=labels)
    for key, value in tuple(counts.items()):
        family.add_metric(_values(key), value)
    return family


def gauge(name: str, text: str, labels: Sequence[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    """What stays apart, by worker."""
    family = GaugeMetricFamily(name, text, labels=(*labels, LABEL))
    for key, value in tuple(values.items()):
        family.add_metric((*_values(key), _WORKER), value)
    return family


def histogram(
    name: str, text: str, labels: Sequence[str], histograms: Mapping[Any, Histogram]
) -> HistogramMetricFamily:
    """Distributions, summed over workers."""
    family = HistogramMetricFamily(name, text, labels=labels)
    for key, each in tuple(histograms.items()):
        family.add_metric(_values(key), list(_buckets(each)), each.total)
    return family


def _buckets(histogram: Histogram) -> Iterable[tuple[str, float]]:
    bounds = [*(repr(float(bound)) for bound in histogram.bounds), "+Inf"]
    return zip(bounds, accumulate(histogram.counts), strict=True)
