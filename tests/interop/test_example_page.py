"""The page of ``examples/chat.py`` in a browser: it speaks Bayeux without a library."""

from __future__ import annotations

from bayeux.client import BayeuxClient
from tests.examples.programs import running
from tests.interop.browser import Browser


async def test_what_is_said_appears_in_its_room_and_in_no_other(chrome: Browser) -> None:
    async with running("chat") as chat, BayeuxClient(chat.url) as ann:
        lobby = await ann.subscribe("/chat/lobby")
        kitchen = await ann.subscribe("/chat/kitchen")
        lobby_tab = await chrome.open(f"{chat.origin}/")
        kitchen_tab = await chrome.open(f"{chat.origin}/#kitchen")
        for tab, text in ((lobby_tab, "hello"), (kitchen_tab, "<b>coffee?</b>")):
            await tab.fill("Say", text)
            await tab.click("button", "Send")
        assert (await anext(lobby)).data["text"] == "hello"
        assert (await anext(kitchen)).data["text"] == "<b>coffee?</b>"
        await ann.publish("/chat/lobby", {"from": "ann", "text": "hi"})
        await lobby_tab.see("li", "ann: hi")
        assert [line.partition(": ")[2] for line in await lobby_tab.texts("li")] == ["hello", "hi"]
        assert [line.partition(": ")[2] for line in await kitchen_tab.texts("li")] == ["<b>coffee?</b>"]
