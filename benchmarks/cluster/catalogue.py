"""What is measured, and on which arrangements of nodes.

``peer`` of a measurement is the arrangement, ``benchmark`` the case.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from gateway.bench.workload import Workload

NAME = "cluster"
"""What ``--only`` calls all of it."""
ROUNDS = 2
"""So that a whole run takes less than four minutes."""
START = 1.0
"""Seconds that a node takes to start, roughly."""
_QUICK_SHARE = 20


@dataclass(frozen=True, slots=True)
class Arrangement:
    """So many nodes, each a process with a port of its own: which one a connection reaches is no chance."""

    name: str
    title: str
    nodes: int
    has_redis: bool = True
    options: tuple[str, ...] = ()
    """More of the command line."""


EMBEDDED = Arrangement("embedded", "one node, no Redis", 1, has_redis=False)
ACKNOWLEDGED = Arrangement(
    "acknowledged", "one node, acknowledge on", 1, has_redis=False, options=("--set", "acknowledge=true")
)
"""As it is by default on Redis: what that alone costs, since all messages go a dearer way then."""
ONE = Arrangement("one", "one node on Redis", 1)
TWO = Arrangement("two", "two nodes", 2, options=("--set", "backplane.moves_after=0"))
"""Whose sessions stay where they are: else polls that reach another node would soon reach their own."""
FOUR = Arrangement("four", "four nodes", 4)

ARRANGEMENTS = (EMBEDDED, ACKNOWLEDGED, ONE, TWO, FOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One workload. Sessions are dealt out to the nodes in turn, so neighbours of a ring are on different nodes."""

    name: str
    title: str
    workload: Workload
    on: tuple[Arrangement, ...]
    polls_go_on: int = 0
    """Held connects go to another node than the session's own: so many further."""

    @property
    def expected_seconds(self) -> float:
        """Of one run, roughly."""
        load = self.workload
        published = load.hold if load.kind == "connect" else load.warm_up + load.seconds
        return published + 1.2 + load.sessions / 1500

    def quick(self) -> Case:
        """The same in a second, to see that it works; its figures mean nothing."""
        load = self.workload
        small = {"sessions": max(10, load.sessions // _QUICK_SHARE), "seconds": 0.5, "warm_up": 0.1, "hold": 0.3}
        return dataclasses.replace(self, workload=dataclasses.replace(load, **small))  # type: ignore[arg-type]


MEMORY = Case(
    name="memory",
    title="2,000 idle sessions, websocket",
    workload=Workload(kind="connect", sessions=2000, hold=1.5),
    on=(EMBEDDED, ONE),
)
FAN_OUT = Case(
    name="fan-out",
    title="fan-out ×1000, ten in flight",
    workload=Workload(kind="fanout", sessions=1000, window=10, seconds=2.5, warm_up=1.0),
    on=ARRANGEMENTS,
)
POINT_TO_POINT = Case(
    name="point-to-point",
    title="point-to-point ×200",
    workload=Workload(kind="p2p", sessions=200, window=200, seconds=2.5, warm_up=1.0),
    on=(EMBEDDED, ACKNOWLEDGED, ONE, TWO),
)
HOP = Case(
    name="hop",
    title="point-to-point, 200 a second",
    workload=Workload(kind="p2p", sessions=100, rate=200.0, seconds=4.0, warm_up=0.5),
    on=(EMBEDDED, ONE, TWO),
)
_POLLS = Workload(kind="fanout", transport="long-polling", sessions=200, window=1, seconds=2.5, warm_up=1.0)
_SLOW_POLLS = Workload(kind="p2p", transport="long-polling", sessions=50, rate=50.0, seconds=4.0, warm_up=0.5)
POLLS = Case(name="polls", title="polls held by their own node", workload=_POLLS, on=(EMBEDDED, ACKNOWLEDGED, TWO))
RELAYED = Case(name="relayed", title="polls that all reach another node", workload=_POLLS, on=(TWO,), polls_go_on=1)
POLL_DELAY = Case(name="poll-delay", title=POLLS.title, workload=_SLOW_POLLS, on=(EMBEDDED, TWO))
RELAY_DELAY = Case(name="relay-delay", title=RELAYED.title, workload=_SLOW_POLLS, on=(TWO,), polls_go_on=1)

CASES = (MEMORY, HOP, POLL_DELAY, RELAY_DELAY, POLLS, RELAYED, POINT_TO_POINT, FAN_OUT)
"""In this order on each arrangement: what is about memory wants a fresh one, what is heavy comes last."""
