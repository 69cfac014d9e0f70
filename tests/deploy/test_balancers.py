"""The load balancers' configurations in ``deploy/``, before real nodes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from bayeux.client.client import BayeuxClient
from tests.support.balancers import BALANCERS, DEPLOY
from tests.support.fleet import SETTINGS
from tests.support.gateway_process import GatewayProcess, gateway_process
from tests.support.numbered import numbered


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """One node with one worker."""
    with gateway_process(tmp_path_factory.mktemp("node"), SETTINGS) as process:
        yield process


@pytest.fixture(params=BALANCERS)
def front(request: pytest.FixtureRequest, tmp_path: Path, node: GatewayProcess) -> Iterator[str]:
    """Where a load balancer before it listens."""
    with BALANCERS[request.param](tmp_path, [node.public.removeprefix("http://")]) as origin:
        yield origin


@pytest.mark.spec("OPS-43")
async def test_both_transports_pass_in_order(front: str) -> None:
    async with numbered([f"{front}/cometd"], subscribers=2, publishers=1) as messages:
        await messages.publish(200)
        await messages.arrived(5)
        assert messages.faults() == []


@pytest.mark.spec("OPS-43", "SEC-96")
async def test_the_gateway_learns_who_asks(front: str, node: GatewayProcess) -> None:
    """Limits by address count clients, not load balancers: here one behind the other, both trusted."""
    async with BayeuxClient(f"{front}/cometd", headers={"X-Forwarded-For": "198.51.100.7"}):
        pass
    begun = [record["peer"] for record in node.records() if record["event"] == "session_begins"]
    assert begun[-1] == "198.51.100.7"


@pytest.mark.spec("OPS-43", "OPS-51")
async def test_pages_and_health_pass(front: str) -> None:
    client = AsyncHTTPClient()
    try:
        for path in ("/", "/health/ready", "/api/v2/diagnostics/version"):
            assert (await client.fetch(front + path)).code == 200
    finally:
        client.close()


@pytest.mark.spec("OPS-43")
@pytest.mark.parametrize("name", ["nginx.conf", "haproxy.cfg", "Caddyfile", "traefik.yml", "envoy.yaml"])
def test_no_configuration_asks_for_stickiness(name: str) -> None:
    """And each waits for longer than a poll is held, and names both nodes."""
    text = (DEPLOY / name).read_text("utf-8")
    words = "\n".join(line.partition("#")[0] for line in text.splitlines())
    assert not [
        word for word in ("sticky", "ip_hash", "cookie", "balance source", "stick-table") if word in words.lower()
    ]
    assert "60s" in words
    assert "10.0.0.11" in words and "10.0.0.12" in words
    assert name in (DEPLOY / "README.md").read_text("utf-8")
