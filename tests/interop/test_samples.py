"""The main job on real input: an agent's notifications reach his CometD client as they were published, and nobody
else's.
"""

from __future__ import annotations

import base64
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.interop.foreign import JavaScriptClient, driven
from tests.interop.gateway_process import Gateway, gateway

SAMPLES = sorted((Path(__file__).parents[1] / "data" / "agent").glob("*.json"))
SHOWN_ON_THE_PAGE = Path(__file__).parents[2] / "gateway" / "static" / "samples.json"
CHANNEL = "/v2/me/interactions"
LAST = {"messageType": "the last one"}


@pytest.mark.spec("AG-10", "AG-50", "AG-52", "AG-100", "AG-102", "AG-106", "AG-109", "SEC-44")
async def test_the_seven_samples_reach_every_session_of_the_agent_and_nobody_else(tmp_path: Path) -> None:
    """npm cometd on Node; equal in data, keys in the same order, types kept."""
    assert len(SAMPLES) == 7
    with gateway(tmp_path) as service:
        async with AsyncExitStack() as stack:
            own: list[JavaScriptClient] = []
            foreign: list[JavaScriptClient] = []
            for user, clients in (("Agent1", own), ("Agent2", foreign)):
                for transport in ("websocket", "long-polling"):
                    client = JavaScriptClient(await stack.enter_async_context(driven("cometd_node.mjs")))
                    await sign_in(service, client, user, transport)
                    assert (await client.subscribe(CHANNEL))["successful"]
                    clients.append(client)

            for sample in SAMPLES:
                data = tmp_path / sample.name
                data.write_text(json.dumps(notification(sample)), encoding="utf-8")
                await service.run("publish", "--user", "Agent1", CHANNEL, f"@{data}")
            for user in ("Agent1", "Agent2"):
                await service.run("publish", "--user", user, CHANNEL, "-", typed=json.dumps(LAST))

            for client in own:
                for sample in SAMPLES:
                    event = await client.message()
                    assert event.keys() == {"channel", "data"}
                    assert event["channel"] == CHANNEL
                    assert json.dumps(event["data"]) == json.dumps(notification(sample))  # also order and types
                assert (await client.message())["data"] == LAST
            for client in foreign:
                assert (await client.message())["data"] == LAST


async def sign_in(service: Gateway, client: JavaScriptClient, user: str, transport: str) -> None:
    """By HTTP Basic, or by a token where Node's WebSocket takes no headers (AG-100)."""
    headers, props = {}, {}
    if transport == "websocket":
        props = {"ext": {"token": (await service.run("token", "make", "--dev", user)).strip()}}
    else:
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{user}".encode()).decode()}
    url = service.url("/api/v2/notifications")
    await client.open(url, transports=[transport], headers=headers, props=props)
    assert await client.connected() == transport


def notification(sample: Path) -> object:
    """What an application publishes: the ``data`` of the event in a sample."""
    return json.loads(sample.read_text(encoding="utf-8"))[0]["data"]


def test_the_page_offers_the_same_samples() -> None:
    shown = json.loads(SHOWN_ON_THE_PAGE.read_text(encoding="utf-8"))
    assert json.dumps(shown, sort_keys=False) == json.dumps(
        {name: notification(sample) for name in shown for sample in SAMPLES if sample.stem == name}
    )
    assert set(shown) == {sample.stem for sample in SAMPLES}
