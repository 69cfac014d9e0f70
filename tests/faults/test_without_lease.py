"""A node that cannot prove to be alive: it serves none of its sessions, wherever they are now."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.faults.scene import Machine, scene
from tests.faults.story import NOT_KEPT
from tests.support.figures import Tell
from tests.support.redis_server import RedisServer
from tests.support.wire import HttpConnection

pytestmark = [pytest.mark.soak, pytest.mark.timed]

LEASE = 2.0
TAKEN_OVER = 3.0
BACK = 4.0
"""Seconds until a node that can reach Redis again serves as before; twice what is promised, for two sessions."""
SHAKE = {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}


class Poller:
    """One session, and connections to any node."""

    def __init__(self) -> None:
        self._cookie = ""
        self._id = ""
        self._ack = 0
        self.events: list[int] = []

    async def begin(self, node: Machine) -> None:
        self._id = (await self.ask(node, {**SHAKE, "ext": {"ack": True}}))[0]["clientId"]
        await self.ask(node, {"channel": "/meta/subscribe", "subscription": NOT_KEPT})
        await self.connect(node)

    async def connect(self, node: Machine, timeout_ms: int = 0) -> Any:
        """The reply, or the status if there is none; events that come along are taken, and acknowledged."""
        message = {"channel": "/meta/connect", "connectionType": "long-polling", "advice": {"timeout": timeout_ms}}
        return (await self.ask(node, {**message, "ext": {"ack": self._ack}}))[-1]

    async def publish(self, node: Machine, number: int) -> Any:
        return (await self.ask(node, {"channel": NOT_KEPT, "data": number}))[0]

    async def ask(self, node: Machine, message: dict[str, Any]) -> list[Any]:
        connection = await HttpConnection.open(node.cometd)
        headers = {"Content-Type": "application/json", "Cookie": self._cookie}
        fields = {"clientId": self._id, **message} if self._id else message
        connection.request("POST", "/cometd", headers, orjson.dumps([fields]))
        reply = await connection.reply()
        await connection.close()
        if reply.status != 200:
            return [{"status": reply.status}]
        self._cookie = (reply.header("set-cookie") or self._cookie).partition(";")[0]
        messages: list[Any] = reply.json
        self.events += [each["data"] for each in messages if each["channel"] == NOT_KEPT and "data" in each]
        self._ack = messages[-1].get("ext", {}).get("ack", self._ack)
        return messages


@pytest.mark.spec("OPS-62", "OPS-72", "CLU-1", "ACK-1")
async def test_a_node_without_lease_serves_nobody(tmp_path: Path, redis: RedisServer, tell: Tell) -> None:
    """One node is cut off; a session of it goes on at the other one, and stays there; nothing is drawn at random."""
    tell("seed: none, nothing is drawn")
    async with scene(tmp_path, redis) as here:
        alone, other = here.nodes
        mover, stayer, publisher = Poller(), Poller(), Poller()
        await mover.begin(alone)
        await stayer.begin(alone)
        await publisher.begin(other)
        held = asyncio.create_task(mover.connect(alone, timeout_ms=30_000))
        await asyncio.sleep(0.5)
        await here.proxies[0].cut()
        cut = time.monotonic()
        await asyncio.sleep(LEASE)
        # The lease has lapsed: from here on whatever the node said would be somebody else's to say.
        assert (await publisher.publish(other, 1))["successful"]
        assert mover.events == stayer.events == []
        while not (reply := await mover.connect(other)).get("successful"):
            assert reply == {"status": 503}
        took = time.monotonic() - cut
        assert mover.events == [1]
        refused = asyncio.create_task(stayer.connect(alone))
        assert (await publisher.publish(other, 2))["successful"]
        await asyncio.sleep(1)
        assert not refused.done() or refused.result() == {"status": 503}
        here.proxies[0].heal()
        # Those who waited are served; the session that went on elsewhere is relayed to.
        back = time.monotonic()
        while not (reply := await refused if not refused.done() else await stayer.connect(alone)).get("successful"):
            assert reply == {"status": 503}
            assert time.monotonic() - back < BACK
        held_said = await held
        async with asyncio.timeout(BACK):
            for each in (stayer, mover):
                while len(each.events) < 2:
                    await each.connect(alone, timeout_ms=100)
        tell(f"a session of the node that was cut off was served elsewhere after {took:.1f} s; held there: {held_said}")
        assert mover.events == [1, 2]
        assert stayer.events == [1, 2]
        assert took <= TAKEN_OVER
