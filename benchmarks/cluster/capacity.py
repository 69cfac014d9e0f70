"""What to reckon with: the figures that a planner needs, from measurements alone, with what they were measured on.

The page about capacity planning includes what this writes, so that no figure in it is older than its measurement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from benchmarks.cluster.catalogue import (
    EMBEDDED,
    FAN_OUT,
    FOUR,
    MEMORY,
    ONE,
    POINT_TO_POINT,
    POLLS,
    RELAYED,
    TWO,
    Arrangement,
    Case,
)
from benchmarks.cluster.section import (
    What,
    kept,
    redis_cost,
    redis_cost_per_publish,
    redis_cost_per_set_up,
    set_up_cost,
)
from benchmarks.markdown import table
from benchmarks.measurement import Measurement, Results
from gateway.bench.pictures import figure

PARTITIONS = 64
JOURNAL = 2000
JOURNAL_AT_MOST = 5 * JOURNAL
"""Events that a partition's journal keeps: always, and at most of the last half minute."""
USABLE = 0.6
"""Of a core: what a node should have to do when nothing is wrong."""
SIZES = (5_000, 20_000, 50_000, 100_000)
JOURNALS, SIZES_FOLLOW = "<!-- journals -->", "<!-- sizes -->"
"""What the page that includes this finds its parts by."""
POLL_SECONDS = 30.0
"""A poll that hears nothing is answered then, and comes again."""

_MIB = 1024 * 1024
_NONE = "–"


@dataclass(frozen=True, slots=True)
class Prices:
    """CPU µs, medians of a sitting."""

    to_one: float
    """Nodes: an event of one client to another, over two nodes."""
    to_many: float
    """Nodes: an event that many get, over four nodes."""
    relayed_poll: float
    """Nodes: a poll that reached another node than its session's."""
    redis_publish: float
    redis_relay: float
    """Redis: such a poll."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What each of many clients does; events a second."""

    title: str
    to_one: float = 0.0
    """Published for it alone."""
    to_all: float = 0.0
    """Published once for all."""
    polls: bool = False

    def of_nodes(self, sessions: int, prices: Prices) -> float:
        """Cores that all nodes together have to do."""
        each = self.to_one * prices.to_one + self.to_all * prices.to_many + self._polls * prices.relayed_poll
        return sessions * each / 1e6

    def of_redis(self, sessions: int, prices: Prices) -> float:
        """Cores that Redis has to do."""
        published = sessions * self.to_one + self.to_all
        return (published * prices.redis_publish + sessions * self._polls * prices.redis_relay) / 1e6

    @property
    def _polls(self) -> float:
        """A second: each event ends one, and so does the time."""
        return self.to_one + self.to_all + 1 / POLL_SECONDS if self.polls else 0.0


PROFILES = (
    Profile("WebSocket, an event for each alone every 10 s", to_one=0.1),
    Profile("WebSocket, an event for all every second", to_all=1.0),
    Profile("long-polling, an event for each alone every 10 s", to_one=0.1, polls=True),
)


def nodes_for(cores: float) -> int:
    """So many that none has more to do than it should, and one more, which may die."""
    return math.ceil(cores / USABLE) + 1


def journal_mib(bytes_per_event: float, events: int) -> float:
    """All partitions."""
    return PARTITIONS * events * bytes_per_event / _MIB


def prices(of_many: Results) -> Prices | None:
    """None unless all was measured."""
    found = (
        _median(of_many, POINT_TO_POINT, TWO),
        _median(of_many, FAN_OUT, FOUR),
        _median(of_many, RELAYED, TWO),
        _median(of_many, POINT_TO_POINT, TWO, redis_cost_per_publish),
        _median(of_many, RELAYED, TWO, redis_cost),
    )
    known = [each for each in found if each is not None]
    return Prices(*known) if len(known) == len(found) else None


def capacity(of_one: Results | None, of_many: Results) -> str:
    """Markdown.

    Args:
        of_one: those of one node beside other servers, if they are there.
    """
    parts = [
        _measured_on(of_one, of_many),
        _figures(of_one, of_many),
        JOURNALS,
        _journal(of_many),
        SIZES_FOLLOW,
        _sizes(prices(of_many)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _measured_on(of_one: Results | None, of_many: Results) -> str:
    told = []
    for what, results in (("One node", of_one), ("On Redis", of_many)):
        if results is not None:
            machine = ", ".join(results.machine.get(name, "?") for name in ("Processor", "Python", "System"))
            shared = results.machine.get("Nodes and Redis")
            cores = f"nodes and Redis on {shared}" if shared else results.machine.get("Pinned", "not pinned")
            told.append(
                f"- {what}: {results.sittings[-1]}, {machine}; {results.machine.get('Cores', '?')} cores ({cores})."
            )
    return "\n".join(told)


def _figures(of_one: Results | None, of_many: Results) -> str:
    rows = [
        ("KiB of a node for an idle session, WebSocket", _one(of_one, "memory-websocket"), _of(of_many, MEMORY, ONE)),
        ("the same, long-polling", _one(of_one, "memory-polling"), _NONE),
        ("bytes in Redis for a session", _NONE, _of(of_many, MEMORY, ONE, kept)),
        (
            "CPU µs of a node to set a session up, WebSocket",
            _of(of_many, MEMORY, EMBEDDED, set_up_cost),
            _of(of_many, MEMORY, ONE, set_up_cost),
        ),
        ("CPU µs of Redis for that", _NONE, _of(of_many, MEMORY, ONE, redis_cost_per_set_up)),
        (
            "CPU µs of the nodes for an event that many get (1, 2, 4 nodes)",
            _of(of_many, FAN_OUT, EMBEDDED),
            ", ".join(_of(of_many, FAN_OUT, each) for each in (ONE, TWO, FOUR)),
        ),
        (
            "CPU µs of the nodes for an event from one client to another (1, 2 nodes)",
            _of(of_many, POINT_TO_POINT, EMBEDDED),
            ", ".join(_of(of_many, POINT_TO_POINT, each) for each in (ONE, TWO)),
        ),
        (
            "CPU µs of Redis for a publish (1, 2 nodes)",
            _NONE,
            ", ".join(_published(of_many, each) for each in (ONE, TWO)),
        ),
        ("CPU µs of the nodes for a poll at its own node", _of(of_many, POLLS, EMBEDDED), _of(of_many, POLLS, TWO)),
        ("CPU µs of the nodes for a poll that is relayed", _NONE, _of(of_many, RELAYED, TWO)),
        ("CPU µs of Redis for such a poll", _NONE, _of(of_many, RELAYED, TWO, redis_cost)),
        ("bytes in Redis for an event in the journal", _NONE, _of(of_many, POINT_TO_POINT, TWO, kept)),
    ]
    return table(("figure", "one node, no Redis", "on Redis"), rows)


def _journal(of_many: Results) -> str:
    size = _median(of_many, POINT_TO_POINT, TWO, kept)
    if size is None:
        return ""
    return (
        f"With events of that size the journals of all {PARTITIONS} partitions take "
        f"{figure(journal_mib(size, JOURNAL))} MiB when each holds {JOURNAL:,} events, which it always keeps, and no "
        f"more than about {figure(journal_mib(size, JOURNAL_AT_MOST))} MiB: {JOURNAL_AT_MOST:,} events, if so many "
        "were published within half a minute."
    )


def _sizes(known: Prices | None) -> str:
    if known is None:
        return ""
    rows = [(profile.title, *(_size(profile, sessions, known) for sessions in SIZES)) for profile in PROFILES]
    return table(("what each client does", *(f"{sessions:,} sessions" for sessions in SIZES)), rows)


def _size(profile: Profile, sessions: int, known: Prices) -> str:
    cores, redis = profile.of_nodes(sessions, known), profile.of_redis(sessions, known)
    return f"{nodes_for(cores)} nodes ({cores:.2f} cores; Redis {redis:.2f})"


def _one(of_one: Results | None, benchmark: str) -> str:
    median = of_one.median(benchmark, "ours") if of_one else None
    return _NONE if median is None else figure(median)


def _published(results: Results, arrangement: Arrangement) -> str:
    return _of(results, POINT_TO_POINT, arrangement, redis_cost_per_publish)


def _of(results: Results, case: Case, arrangement: Arrangement, what: What | None = None) -> str:
    median = _median(results, case, arrangement, what)
    return _NONE if median is None else figure(median)


def _median(results: Results, case: Case, arrangement: Arrangement, what: What | None = None) -> float | None:
    spread = results.spread(case.name, arrangement.name, what or _value)
    return spread.median if spread else None


def _value(run: Measurement) -> float | None:
    return run.value
