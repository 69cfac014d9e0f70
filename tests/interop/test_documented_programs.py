"""The programs in README.md and docs/ that a reader would type off: each is started as it stands there.

Only their ports are others.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from bayeux.client import BayeuxClient
from tests.docs.samples import ROOT, program
from tests.interop.browser import Browser
from tests.interop.foreign import HERE, PATIENCE, node
from tests.interop.gateway_process import gateway
from tests.interop.service import Service
from tests.support.ports import free_port

CHAT = "/chat/lobby"


@asynccontextmanager
async def running(
    directory: Path, name: str, text: str, *arguments: str, told: bytes | None = None, **environment: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A program of the documentation as a process, in a directory where npm has installed what it imports.

    Args:
        told: what it logs when it is ready.
    """
    modules = directory / "node_modules"
    if not modules.exists():
        modules.symlink_to(HERE / "node_modules")
    (directory / name).write_text(text, "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable if name.endswith(".py") else node(),
        name,
        *arguments,
        cwd=directory,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=None if told is None else asyncio.subprocess.PIPE,
    )
    try:
        if told is not None:
            assert process.stderr is not None
            async with asyncio.timeout(PATIENCE):
                while told not in await process.stderr.readline():
                    pass
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def somebody_listens(port: int) -> None:
    """Wait for a program that does not tell when it is ready."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def printed_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(PATIENCE):
        return (await process.stdout.readline()).decode()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (program("docs/howto/javascript-clients.md", "with-cometd.mjs"), "cometd"),
        (program("docs/howto/javascript-clients.md", "with-faye.mjs"), "faye"),
    ],
)
async def test_a_client_of_the_guide_hears_what_it_publishes(
    service: Service, tmp_path: Path, text: str, name: str
) -> None:
    async with running(tmp_path, f"with-{name}.mjs", text, service.url) as process:
        assert json.loads(await printed_line(process)) == {"from": name, "text": "hello"}
        async with asyncio.timeout(PATIENCE):
            assert await process.wait() == 0


async def test_the_watcher_of_the_readme_prints_what_the_agent_is_sent(tmp_path: Path) -> None:
    text = program("README.md", "watch.mjs")
    assert "http://127.0.0.1:8080" in text
    with gateway(tmp_path) as service:
        token = (await service.run("token", "make", "--dev", "Agent1")).strip()
        text = text.replace("http://127.0.0.1:8080", service.origin)
        text = text.replace(
            "({data}) => console.log(data)", "({data}) => console.log(data), () => console.log('ready')"
        )
        async with running(tmp_path, "watch.mjs", text, TOKEN=token) as process:
            assert await printed_line(process) == "ready\n"
            await service.run("publish", "--user", "Agent1", "/v2/me/interactions", '{"interaction": "1"}')
            assert await printed_line(process) == "{ interaction: '1' }\n"


@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("mounted.py", program("docs/howto/mounting.md", "mounted.py"), None),
        ("alone.py", program("docs/howto/mounting.md", "alone.py"), None),
        ("asgi.py", program("docs/howto/mounting.md", "asgi.py"), b"running on"),
    ],
)
async def test_each_way_to_mount_serves_both_transports(
    tmp_path: Path, name: str, text: str, told: bytes | None, transport: str
) -> None:
    port = str(free_port())
    async with running(tmp_path, name, text.replace("8000", port), told=told) as process:
        if told is None:
            assert await printed_line(process) == f"Bayeux at http://localhost:{port}/cometd\n"
        url = f"http://localhost:{port}/cometd"
        async with (
            BayeuxClient(url, transports=[transport]) as client,
            await client.subscribe("/chat") as chat,
        ):
            await client.publish("/chat", "hello")
            assert (await anext(chat)).data == "hello"
            assert client.connection_type == transport


async def test_the_application_of_the_readme_hears_what_is_said_in_a_room(tmp_path: Path) -> None:
    port = free_port()
    text = program("README.md", "app.py").replace("8888", str(port))
    async with running(tmp_path, "app.py", text) as process:
        await somebody_listens(port)
        async with BayeuxClient(f"http://127.0.0.1:{port}/cometd") as client:
            await client.publish("/chat/kitchen", "hello")
        assert await printed_line(process) == "kitchen hello\n"


async def test_the_chat_of_the_tutorial(chrome: Browser, tmp_path: Path) -> None:
    """Two windows and a bot: everyone is welcomed, hears the others, and empty lines are not passed on."""
    port = str(free_port())
    chat = program("docs/tutorial/first-chat.md", "chat.py").replace("8000", port)
    bot = program("docs/tutorial/first-chat.md", "bot.py").replace("8000", port)
    modules = Path("node_modules/cometd")
    shutil.copytree(HERE / modules, tmp_path / modules)  # Tornado serves no links that lead out of a folder
    (tmp_path / "index.html").write_text(program("docs/tutorial/first-chat.md", "index.html"), "utf-8")
    async with running(tmp_path, "chat.py", chat) as server:
        assert await printed_line(server) == f"Chat on http://127.0.0.1:{port}/\n"
        window, other = [await chrome.open(f"http://127.0.0.1:{port}/") for _ in range(2)]
        for each in (window, other):
            await each.see("li", "server: Welcome!")
        async with running(tmp_path, "bot.py", bot) as talking:
            assert await printed_line(talking) == "Listening\n"
            for text in ("", "ping"):
                await window.fill("Say", text)
                await window.click("button", "Send")
            for each in (window, other):
                await each.see("li:nth-child(3)", "bot: pong")
                assert await each.texts("li") == ["server: Welcome!", "somebody: ping", "bot: pong"]


async def test_the_agent_of_the_tutorial_answers_the_customer(tmp_path: Path) -> None:
    agent = program("docs/tutorial/agent-desktop-feed.md", "agent.py")
    customer = program("docs/tutorial/agent-desktop-feed.md", "customer.py")
    with gateway(tmp_path) as service:
        agent, customer = [text.replace("http://localhost:8080", service.origin) for text in (agent, customer)]
        async with running(tmp_path, "agent.py", agent) as desk:
            assert await printed_line(desk) == "Agent1 is ready\n"
            async with running(tmp_path, "customer.py", customer) as ann:
                assert await printed_line(ann) == "They are there\n"
                async with asyncio.timeout(PATIENCE):
                    assert await ann.wait() == 0
            assert await printed_line(desk) == "Invited Accept Reject\n"
            lines = [await printed_line(desk) for _ in range(4)]
            assert lines[0].startswith("Accepted Transfer ")
            assert lines[1:] == ["1 PARTY_JOINED Ann\n", "2 NEW_MESSAGE Hello?\n", "3 PARTY_JOINED Al\n"]
            while not (await printed_line(desk)).startswith("Completed"):
                pass
