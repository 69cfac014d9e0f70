"""The fixtures we ship, used as users use them: in a pytest of their own, found by its entry point."""

from __future__ import annotations

import configparser
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.spec("OPS-93")

ROOT = Path(__file__).parents[2]

USERS_TESTS = """
import time

import pytest
from bayeux import Options, SecurityPolicy
from bayeux.client import State
from bayeux.testing import pass_time

{mark}

class Room(SecurityPolicy):
    async def can_subscribe(self, server, session, channel, message):
        return channel.text != "/secret"


@pytest.fixture
def bayeux_options():
    return Options(timeout=20.0, max_interval=5.0)


@pytest.fixture
def bayeux_policy():
    return Room()


async def test_in_memory(bayeux_server, bayeux_peer):
    bob = await bayeux_peer("websocket").handshake().connect().subscribe("/chat")
    await bayeux_peer().handshake().publish("/chat", "hi")
    assert (await bob).events == [{{"channel": "/chat", "data": "hi"}}]
    assert not (await bob.subscribe("/secret")).reply["successful"]


async def test_time(bayeux_server, bayeux_peer, bayeux_clock):
    bob = bayeux_peer().handshake().connect().connect()
    await pass_time(bayeux_server, bayeux_clock, 20.5)
    assert not bob.is_held
    await pass_time(bayeux_server, bayeux_clock, 5.5)
    assert len(bayeux_server.sessions) == 0


@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_over_a_network_that_fails(bayeux_server, bayeux_client, fault_proxy, transport):
    proxy = await fault_proxy(latency=0.001)
    client = await bayeux_client(through=proxy, transports=[transport])
    events = await client.subscribe("/news")
    await proxy.cut()
    await client.wait_for_state(State.BROKEN)
    bayeux_server.publish("/news", "while away")
    proxy.heal()
    assert (await anext(events)).data == "while away"
    proxy.swallow()


async def test_an_address_of_its_own(bayeux_url, bayeux_listener, bayeux_client):
    assert bayeux_url.startswith("http://127.0.0.1:") and bayeux_url.endswith("/cometd")
    client = await bayeux_client(bayeux_url)
    assert bayeux_listener.connections
    await client.disconnect()


class TestInRealTime:
    @pytest.fixture
    def bayeux_clock(self):
        return time.monotonic

    @pytest.fixture
    def bayeux_options(self):
        return Options(timeout=0.02)

    async def test_it_runs(self, bayeux_server, bayeux_peer):
        bob = await bayeux_peer().handshake().connect().connect()
        while bob.is_held:
            await asyncio.sleep(0.01)
"""


@pytest.fixture
def users(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A folder of somebody who has the package installed."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    site = pytester.mkdir("site")
    installed = site / "bayeux_gateway-0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: bayeux-gateway\nVersion: 0\n")
    entry_point = setup["options.entry_points"]["pytest11"]
    (installed / "entry_points.txt").write_text(f"[pytest11]\n{entry_point.strip()}\n")
    monkeypatch.setenv("PYTHONPATH", f"{site}:{ROOT}")
    return pytester


def outcomes(users: pytest.Pytester, *arguments: str, settings: str = "") -> dict[str, int]:
    users.makeini(f"[pytest]\nasyncio_default_fixture_loop_scope = function\nfilterwarnings = error\n{settings}")
    return users.runpytest_subprocess("-p", "no:cacheprovider", *arguments, timeout=50).parseoutcomes()


@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_the_fixtures_work_in_either_mode_of_asyncio(users: pytest.Pytester, mode: str) -> None:
    mark = "pytestmark = pytest.mark.asyncio" if mode == "strict" else ""
    users.makepyfile("import asyncio\n" + USERS_TESTS.format(mark=mark))
    assert outcomes(users, settings=f"asyncio_mode = {mode}\n") == {"passed": 6}


def test_without_asyncios_plugin_only_a_fixture_that_needs_it_fails_and_says_what_to_do(
    users: pytest.Pytester,
) -> None:
    (users.path / "site" / "pytest_asyncio.py").write_text("raise ImportError('not installed')\n")
    users.makepyfile(
        """
        def test_that_has_nothing_to_do_with_us():
            pass

        def test_of_a_clock(bayeux_clock):
            assert bayeux_clock.advance(1.0) == bayeux_clock()

        def test_of_a_server(bayeux_server):
            pass
        """
    )
    result = users.runpytest_subprocess("-p", "no:asyncio", "-p", "no:cacheprovider", timeout=50)
    assert result.parseoutcomes() == {"passed": 2, "errors": 1}
    result.stdout.fnmatch_lines(["*bayeux_server needs pytest-asyncio: pip install 'bayeux-gateway?testing?'*"])


def test_who_uses_no_fixture_pays_for_the_doors_alone() -> None:
    code = """
import sys, pytest, pytest_asyncio, bayeux.testing
before = set(sys.modules)
import bayeux.testing.plugin
assert set(sys.modules) - before == {"bayeux.testing.plugin"}, set(sys.modules) - before
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
