"""Three nodes restarted one after the other, while messages go on."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPClientError
from tornado.simple_httpclient import HTTPStreamClosedError

from tests.support.balancers import BALANCERS
from tests.support.fleet import Fleet, Node, fleet
from tests.support.numbered import Numbered, numbered
from tests.support.redis_server import has_redis

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server"),
]

NOTICE = "2500ms"
"""A load balancer looks each second, and believes it the second time."""


@contextmanager
def behind(directory: Path, **settings: str) -> Iterator[tuple[Fleet, str]]:
    with (
        fleet(directory, nodes=3, workers=1, settings={"drain.notice": NOTICE, **settings}) as nodes,
        BALANCERS["haproxy"](directory, nodes.places) as front,
    ):
        yield nodes, front


async def restart_all(nodes: Fleet, away: set[Node]) -> None:
    for node in nodes.nodes:
        away.add(node)
        assert await asyncio.to_thread(node.end) == 0
        await asyncio.to_thread(node.start)
        away.remove(node)
        await asyncio.sleep(3)  # for the load balancer to find it


async def publish_in_restart(messages: Numbered, nodes: Fleet) -> list[str]:
    """Numbered messages and orders to publish until all were restarted; what went wrong with the latter."""
    faults: list[str] = []
    away: set[Node] = set()
    turn, work = 0, asyncio.create_task(restart_all(nodes, away))
    while not work.done():
        await messages.publish(1)
        turn += 1
        if fault := await order_to_publish(nodes.nodes[turn % len(nodes.nodes)], turn, away):
            faults.append(fault)
        await asyncio.sleep(0.05)
    await work
    return faults


async def order_to_publish(node: Node, number: int, away: set[Node]) -> str:
    """What the API said, unless it is content; one that is not there is no fault: its caller takes another."""
    try:
        await AsyncHTTPClient().fetch(
            f"{node.internal}/internal/publish",
            method="POST",
            headers={"Authorization": "Bearer token of the fleet"},
            body=f'{{"user": "Agent1", "channel": "/v2/me", "data": {number}}}',
        )
    except HTTPClientError as error:
        # What ends does not take what still stands in its queue of connections.
        if not (isinstance(error, HTTPStreamClosedError) and node in away):
            return f"{error} {error.response.body if error.response else ''}"
    except OSError:
        pass
    return ""


@pytest.mark.spec("OPS-61", "OPS-62", "OPS-63")
async def test_nothing_is_lost_in_a_rolling_restart(tmp_path: Path) -> None:
    """Sessions go to the other nodes with all that waits for them; what comes twice is told apart by its number."""
    with behind(tmp_path, **{"drain.spread": "2s"}) as (nodes, front):
        async with numbered([f"{front}/cometd"], subscribers=5, publishers=1) as messages:
            messages.may_fail = True  # on a socket that closes
            assert await publish_in_restart(messages, nodes) == []
            await messages.arrived(10)
            assert messages.faults(sees_repeats=False) == []
            assert sum(messages.published.values()) > 100
        assert not [record for node in nodes.nodes for record in node.records() if record["level"] == "error"]


@pytest.mark.alone
@pytest.mark.spec("OPS-63")
async def test_five_hundred_sessions_survive_a_rolling_restart(tmp_path: Path) -> None:
    """And come back in small groups: never more than a tenth of them in a second."""
    sessions = 500
    with behind(tmp_path, **{"drain.spread": "20s"}) as (nodes, front):
        async with numbered([f"{front}/cometd"], subscribers=sessions // 2, publishers=1) as messages:
            messages.may_fail = True
            assert await publish_in_restart(messages, nodes) == []
            await messages.arrived(20)
            assert messages.faults(sees_repeats=False) == []
        returned = Counter(
            record["ts"][:19]
            for node in nodes.nodes
            for record in node.records()
            if record["event"] == "session_restored"
        )
        assert max(returned.values()) <= sessions / 10
