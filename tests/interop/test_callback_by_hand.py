"""The tutorial on a callback: its commands, typed one after the other, answer what the page says.

The agent is at his desktop, in Chromium. Only the address is another, and the id of the callback.
"""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.docs.samples import program
from tests.interop.aiocometd_client import MARKS
from tests.interop.browser import Browser, Tab
from tests.interop.gateway_process import Gateway, gateway
from tests.interop.test_chat_demo import at_the_desktop, send
from tests.interop.test_desktop import get_ready
from tests.interop.test_documented_programs import printed_line, running
from tests.interop.test_tutorial_by_hand import ADDRESS, in_a_shell, typed

PAGE = "docs/tutorial/a-callback-end-to-end.md"

pytestmark = MARKS


class Typist:
    """Types the page's ``curl`` commands in their order."""

    def __init__(self, service: Gateway) -> None:
        self._service = service
        self._curls = [(command, shown) for command, shown in typed(PAGE) if command.startswith("curl ")]
        self.id = ""

    async def type(self, count: int) -> None:
        """The next ones; each answers as it is shown."""
        for _ in range(count):
            command, shown = self._curls.pop(0)
            answer = await in_a_shell(command.replace(ADDRESS, self._service.origin), self.id)
            self.id = self.id or json.loads(answer)["_id"]
            pattern = ".*".join(map(re.escape, shown.split("…")))
            assert re.fullmatch(pattern, answer), (command, answer)

    @property
    def has_more(self) -> bool:
        return bool(self._curls)


@pytest.mark.spec("CB-1", "CC-1", "CC-3", "CC-9", "CC-13", "DN-4", "PN-3", "SV-21", "SM-13", "CB-30", "CH1-7", "CH1-9")
@pytest.mark.timeout(120)
async def test_what_is_typed_answers_as_the_page_says(chrome: Browser, tmp_path: Path) -> None:
    with gateway(tmp_path) as service:
        typist = Typist(service)
        phone = program("docs/tutorial/a-callback-end-to-end.md", "phone.mjs").replace(ADDRESS, service.origin)
        async with running(tmp_path, "phone.mjs", phone) as heard:
            assert await printed_line(heard) == "The phone is on\n"
            await typist.type(3)
            agent = await at_the_desktop(chrome, service, "Agent1")
            await get_ready(agent)
            action = "get-dialog-user-confirmation-provide_code-false"
            assert await printed_line(heard) == f"service.agentavailable {action}\n"
            await typist.type(2)
            assert await printed_line(heard) == "service.chat.refresh CONNECTED\n"
            assert await printed_line(heard) == "  Notice.Joined, Carla: has joined the session\n"
            await accept(agent)
            await send(agent, "It left this morning.")
            for entry in (
                "Notice.Joined, First: has joined the session",
                "Notice.TypingStarted, First: is typing",
                "Message.Text, First: It left this morning.",
            ):
                assert await printed_line(heard) == "service.chat.refresh TRANSCRIPT\n"
                assert await printed_line(heard) == f"  {entry}\n"
            await typist.type(1)
            await agent.see(".line.client .said", "Thank you!")
            lines = [await printed_line(heard) for _ in range(2)]
            assert lines[-1] == "  Message.Text, Carla: Thank you!\n", lines
        await send(agent, "Are you there?")
        await agent.see(".line.agent .said", "Are you there?")
        async with running(tmp_path, "phone.mjs", phone) as again:
            assert await printed_line(again) == "The phone is on\n"
            async with asyncio.timeout(30):
                while "Message.Text, First: Are you there?" not in await printed_line(again):
                    pass
            await typist.type(3)
            await agent.see(".line", "Carla left")
        assert not typist.has_more


async def accept(agent: Tab) -> None:
    await agent.see(".invitation", "Parcel")
    await agent.click("button", "Accept")
    await agent.see("#pane h2", "Parcel")


def test_the_page_is_typed_as_a_whole() -> None:
    """What is not ``curl`` starts what the test above starts, too."""
    others = [command for command, _ in typed(PAGE) if not command.startswith("curl ")]
    assert [command.rpartition(" ")[2] for command in others[-2:]] == ["--dev", "phone.mjs"]
