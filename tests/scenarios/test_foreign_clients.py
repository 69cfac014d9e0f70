"""The walk of an e-mail with the public clients, unmodified (scenario 12)."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.interop.aiocometd_client import MARKS, AiocometdClient
from tests.interop.foreign import JavaScriptClient, driven
from tests.scenarios.conftest import OpenTown
from tests.scenarios.house import Plan
from tests.scenarios.people import INTERACTIONS
from tests.scenarios.samples import masked, sample
from tests.scenarios.test_walks import MAIL, as_sampled

pytestmark = MARKS


@pytest.fixture
async def javascript() -> AsyncIterator[JavaScriptClient]:
    """npm ``cometd`` on Node."""
    async with AsyncExitStack() as stack:
        yield JavaScriptClient(await stack.enter_async_context(driven("cometd_node.mjs")))


@pytest.mark.spec("AG-100", "AG-50", "AG-126")
@pytest.mark.parametrize("transport", ["long-polling", "websocket"])
async def test_npm_cometd(open_town: OpenTown, javascript: JavaScriptClient, transport: str) -> None:
    """Signed in by password, or by a token where Node's WebSocket takes no headers."""
    town = await open_town(Plan(accept={"email": 2.0}, settings=("rona.exclude_for=1s",)))
    agent = await town.agent()
    await agent.start("email")
    await agent.ready("email")
    password = base64.b64encode(b"Agent1:Agent1").decode()
    known: dict[str, Any] = {"headers": {"Authorization": f"Basic {password}"}}
    if transport == "websocket":
        known = {"props": {"ext": {"token": await town.house.token("Agent1")}}}
    await javascript.open(f"{agent.origin}/api/v2/notifications", transports=[transport], **known)
    assert (await javascript.subscribe(INTERACTIONS))["successful"]
    id = await town.house.bring_mail(MAIL)
    for name in ("email-invited", "email-revoked"):
        told = await javascript.message()
        assert (told["channel"], told["data"]["id"]) == (INTERACTIONS, id)
        assert masked(as_sampled(told["data"])) == masked(sample(name))
    await agent.ready("email")
    await javascript.message()
    await agent.perform(id, "Accept")
    assert masked(as_sampled((await javascript.message())["data"])) == masked(sample("email-accepted"))


@pytest.mark.spec("AG-100", "AG-50")
async def test_aiocometd(open_town: OpenTown) -> None:
    """It has no way to show a password but in the URL; the cookie of the sign-in is shown by its HTTP session."""
    town = await open_town()
    agent = await town.agent()
    await agent.start("email")
    await agent.ready("email")
    client = AiocometdClient()
    url = agent.origin.replace("http://", "http://Agent1:Agent1@")
    await client.open(f"{url}/api/v2/notifications", transports=["long-polling"])
    assert (await client.subscribe(INTERACTIONS))["successful"]
    id = await town.house.bring_mail(MAIL)
    assert masked(as_sampled((await client.message())["data"])) == masked(sample("email-invited"))
    await agent.perform(id, "Accept")
    assert masked(as_sampled((await client.message())["data"])) == masked(sample("email-accepted"))
    await client.disconnect()
