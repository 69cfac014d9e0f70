"""The commands of ``examples/README.md`` do what stands there."""

from __future__ import annotations

import asyncio
import json
import shlex
import sys

from tests.examples.programs import EXAMPLES, PATIENCE, SHOWN_PORT, printed, running


async def test_a_shell_takes_part_in_the_chat() -> None:
    subscribe, publish = shown_commands()
    async with running("chat") as chat:
        listening = await asyncio.create_subprocess_exec(
            *gateway(subscribe, chat.port),
            "--count",
            "1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        assert listening.stderr is not None
        async with asyncio.timeout(PATIENCE):
            assert b"Subscribed" in await listening.stderr.readline()
        await printed(*gateway(publish, chat.port))
        async with asyncio.timeout(PATIENCE):
            told, _ = await listening.communicate()
        line = json.loads(told)
        assert (line["channel"], line["data"]["from"], line["data"]["text"]) == ("/chat/lobby", "shell", "hello")


def shown_commands() -> list[str]:
    lines = (EXAMPLES / "README.md").read_text("utf-8").splitlines()
    return [line for line in lines if line.startswith("bayeux-gateway ")]


def gateway(command: str, port: int) -> list[str]:
    """The command with another port."""
    words = shlex.split(command.replace(SHOWN_PORT, str(port)))
    return [sys.executable, "-m", "gateway", *words[1:]]
