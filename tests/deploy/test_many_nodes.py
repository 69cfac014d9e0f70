"""Two nodes with two workers each behind a load balancer that takes them in turn, without stickiness."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.balancers import BALANCERS
from tests.support.fleet import Fleet, fleet
from tests.support.numbered import numbered
from tests.support.redis_server import has_redis

pytestmark = pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server")


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with fleet(tmp_path_factory.mktemp("fleet"), nodes=2, workers=2) as started:
        yield started


@pytest.fixture(params=BALANCERS)
def front(request: pytest.FixtureRequest, tmp_path: Path, nodes: Fleet) -> Iterator[str]:
    """Where a load balancer before both listens."""
    with BALANCERS[request.param](tmp_path, nodes.places) as origin:
        yield origin


@pytest.mark.spec("OPS-42", "OPS-43", "CLU-3")
async def test_numbered_messages_arrive_once_and_in_order(front: str, nodes: Fleet) -> None:
    """Whatever worker a request reaches: what is another's is handed over, which a metric shows."""
    before = nodes.metric("bayeux_handover_total")
    async with numbered([f"{front}/cometd"], subscribers=3, publishers=2) as messages:
        await messages.publish(100)
        await messages.arrived(10)
        assert messages.faults() == []
    assert nodes.metric("bayeux_handover_total") > before


@pytest.mark.soak
@pytest.mark.spec("OPS-42")
async def test_ten_thousand_messages_arrive_once_and_in_order(front: str, nodes: Fleet) -> None:
    async with numbered([f"{front}/cometd"], subscribers=3, publishers=2) as messages:
        await messages.publish(2500)
        await messages.arrived(10)
        assert sum(messages.published.values()) == 10_000
        assert messages.faults() == []


@pytest.mark.spec("OPS-42")
async def test_with_stickiness_nothing_is_handed_over(tmp_path: Path) -> None:
    """One node with one worker stands for a load balancer that always chooses the same."""
    with fleet(tmp_path, nodes=1, workers=1) as alone:
        async with numbered([f"{alone.nodes[0].public}/cometd"], subscribers=1, publishers=1) as messages:
            await messages.publish(20)
            await messages.arrived(10)
            assert messages.faults() == []
        assert alone.metric("bayeux_handover_total") == 0
