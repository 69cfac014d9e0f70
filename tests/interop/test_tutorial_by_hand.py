"""The tutorial on an agent's work by hand: its commands, typed one after the other, answer what the page says.

Only the address is another, and the id of the chat.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path

import pytest

from tests.docs.samples import ROOT, program, samples
from tests.interop.foreign import PATIENCE
from tests.interop.gateway_process import Gateway, gateway
from tests.interop.test_documented_programs import printed_line, running

PAGE = "docs/tutorial/agent-desktop.md"
ADDRESS = "http://127.0.0.1:8080"


def typed(page: str = PAGE) -> list[tuple[str, str]]:
    """The commands of a page, each with what it shows of the answer."""
    consoles = [sample.text for sample in samples(ROOT / page) if sample.language == "console"]
    parts = [part for text in consoles for part in re.split(r"^\$ ", text, flags=re.MULTILINE) if part]
    return [(command, answer.strip()) for command, _, answer in (part.partition("\n") for part in parts)]


@pytest.mark.spec("AG-4", "AG-10", "AG-20", "AG-30", "AG-34", "AG-50", "AG-55", "AG-64", "AG-140")
async def test_what_is_typed_answers_as_the_page_says(tmp_path: Path) -> None:
    curls = [(command, answer) for command, answer in typed() if command.startswith("curl ")]
    with gateway(tmp_path) as service:
        feed = program("docs/tutorial/agent-desktop.md", "feed.mjs").replace(ADDRESS, service.origin)
        customer = program("docs/tutorial/agent-desktop.md", "customer.mjs").replace(ADDRESS, service.origin)
        token = (await service.run("token", "make", "--dev", "Agent1")).strip()
        async with running(tmp_path, "feed.mjs", feed, TOKEN=token) as desktop:
            assert await printed_line(desktop) == "The desktop is open\n"
            await answers(service, curls[:2])
            assert [await printed_line(desktop) for _ in range(2)] == ["chat: NotReady\n", "chat: Ready\n"]
            async with running(tmp_path, "customer.mjs", customer) as carla:
                id = (await printed_line(carla)).strip()
                assert await printed_line(desktop) == f"{id}: Invited, may Accept Reject\n"
                await answers(service, curls[2:], id)
            told = [await printed_line(desktop) for _ in range(4)]
            assert [line.partition(", ")[0] for line in told] == [
                f"{id}: Accepted",
                "  Where is my parcel?\n",
                f"{id}: Accepted",
                "  It left this morning.\n",
            ]
            assert " Reply" in told[0]
            assert (await printed_line(desktop)).startswith(f"{id}: Completed")


async def answers(service: Gateway, curls: list[tuple[str, str]], id: str = "") -> None:
    """Type them, and compare."""
    for command, shown in curls:
        answer = await in_a_shell(command.replace(ADDRESS, service.origin), id)
        if "…" in shown:
            begin, _, end = shown.partition("…")
            assert answer.startswith(begin), (command, answer)
            assert answer.endswith(end), (command, answer)
            assert id in answer
        else:
            assert json.loads(answer) == json.loads(shown), (command, answer)


async def in_a_shell(command: str, id: str) -> str:
    """What it prints."""
    process = await asyncio.create_subprocess_shell(
        f"{command} --silent --show-error", env={**os.environ, "ID": id}, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE):
        printed, _ = await process.communicate()
    assert process.returncode == 0
    return printed.decode().strip()


def test_the_page_is_typed_as_a_whole() -> None:
    """What is not ``curl`` starts what the test above starts, too."""
    others = [command for command, _ in typed() if not command.startswith("curl ")]
    assert [command.rpartition(" ")[2] for command in others[-3:]] == ["--dev", "feed.mjs", "customer.mjs)"]
