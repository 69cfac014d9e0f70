"""Metrics as plain values: they can be sent from a worker to its supervisor, and those of several workers be merged.

What is counted is summed, and no sum ever falls because a worker has died: what it had counted stays. What is measured
stays apart, by worker.

Source: OPS-45, OPS-50.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder

SUMMED = ("counter", "histogram")
LABEL = "worker"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Family:
    """One metric with all its values."""

    name: str
    kind: str
    text: str
    values: Mapping[tuple[str, Labels], float]
    """By the sample's name and labels."""

    @classmethod
    def of(cls, metric: Metric) -> Family:
        """As the collectors of the client library give it."""
        values = {(sample.name, tuple(sample.labels.items())): float(sample.value) for sample in metric.samples}
        return cls(metric.name, metric.type, metric.documentation, values)

    @property
    def metric(self) -> Metric:
        """As the encoders of the client library want it."""
        metric = Metric(self.name, self.text, self.kind)
        for (name, labels), value in self.values.items():
            metric.add_sample(name, dict(labels), value)
        return metric

    def as_json(self) -> list[Any]:
        """For the way to the supervisor."""
        values = [[name, [list(pair) for pair in labels], value] for (name, labels), value in self.values.items()]
        return [self.name, self.kind, self.text, values]

    @classmethod
    def from_json(cls, value: Any) -> Family:
        """The same, arrived."""
        name, kind, text, values = value
        return cls(name, kind, text, {(each[0], tuple((key, is_) for key, is_ in each[1])): each[2] for each in values})

    def of_worker(self, worker: str) -> Family:
        """Every value marked as this worker's."""
        values = {(name, _marked(labels, worker)): value for (name, labels), value in self.values.items()}
        return Family(self.name, self.kind, self.text, values)


class Merged:
    """The metrics of several workers, and what those that are gone had counted."""

    def __init__(self) -> None:
        self._last: dict[str, Sequence[Family]] = {}
        self._past: dict[str, Family] = {}

    def tell(self, worker: str, families: Sequence[Family]) -> None:
        """What a worker says now."""
        self._last[worker] = families

    def retire(self, worker: str) -> None:
        """It has ended; what it told last remains in the sums."""
        gone = [family for family in self._last.pop(worker, ()) if family.kind in SUMMED]
        self._past = {family.name: family for family in _sums([*self._past.values(), *gone])}

    def families(self) -> list[Family]:
        """Sums of what is counted; what is measured, by worker."""
        told = [*self._past.values()]
        for worker, families in self._last.items():
            told += [family if family.kind in SUMMED else family.of_worker(worker) for family in families]
        return list(_sums(told))


def page(families: Iterable[Family], accept: str) -> tuple[bytes, str]:
    """As text and its content type: Prometheus, or OpenMetrics for who accepts it."""
    encode, content_type = choose_encoder(accept)
    return encode(_Told([family.metric for family in families])), content_type


class _Told:
    """What the encoders need of a registry."""

    def __init__(self, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Sequence[Metric]:
        return self._metrics


def _sums(families: Iterable[Family]) -> Iterator[Family]:
    """One of each name; values under the same labels are added, which of a gauge's, marked by worker, never are two."""
    sums: dict[str, tuple[Family, dict[tuple[str, Labels], float]]] = {}
    for family in families:
        _, values = sums.setdefault(family.name, (family, {}))
        for key, value in family.values.items():
            values[key] = values.get(key, 0.0) + value
    for first, values in sums.values():
        yield Family(first.name, first.kind, first.text, values)


def _marked(labels: Labels, worker: str) -> Labels:
    return (*((key, value) for key, value in labels if key != LABEL), (LABEL, worker))
