"""A browser as a person sees it: a profile, tabs, fields, buttons and what is shown."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tests.interop.foreign import Driven, JavaScriptClient, Message, driven


class Tab(JavaScriptClient):
    """One page; also a ForeignClient if it shows ``pages/conversation.html``."""

    tab: str

    def __init__(self, process: Driven, name: str) -> None:
        super().__init__(process, tab=name)
        self.status = 0
        self.headers: dict[str, str] = {}

    async def visit(self, url: str, **options: Any) -> None:
        """Open it at an address; options as ``clients/browser.mjs`` has them."""
        answer = await self.process.ask("openTab", tab=self.tab, url=url, options=options)
        self.status, self.headers = answer["status"], answer["headers"]

    async def reload(self) -> None:
        """As F5 does; returns when the page has loaded."""
        await self.process.ask("reload", tab=self.tab)

    async def close(self) -> None:
        await self.process.ask("closeTab", tab=self.tab)

    async def fill(self, label: str, value: str) -> None:
        """Write into the field with this label."""
        await self.process.ask("fill", tab=self.tab, label=label, value=value)

    async def choose(self, label: str, value: str) -> None:
        """Choose from the list with this label."""
        await self.process.ask("choose", tab=self.tab, label=label, value=value)

    async def click(self, role: str, name: str) -> None:
        await self.process.ask("click", tab=self.tab, role=role, name=name)

    async def press(self, key: str) -> None:
        await self.process.ask("press", tab=self.tab, key=key)

    async def see(self, selector: str, text: str) -> None:
        """Wait until such an element shows this text."""
        await self.process.ask("see", tab=self.tab, selector=selector, text=text)

    async def texts(self, selector: str) -> list[str]:
        """What such elements show, in the page's order."""
        texts: list[str] = await self.process.ask("texts", tab=self.tab, selector=selector)
        return texts

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """The value of a JavaScript function given as text."""
        return await self.process.ask("evaluate", tab=self.tab, text=function, argument=argument)

    async def screenshot(self, path: Path) -> None:
        await self.process.ask("screenshot", tab=self.tab, path=str(path))


class Browser:
    """One profile: its tabs share cookies and storage."""

    def __init__(self, process: Driven) -> None:
        self.process = process
        self._names = count(1)

    async def open(self, url: str, **options: Any) -> Tab:
        """A tab at an address; options as ``clients/browser.mjs`` has them."""
        tab = Tab(self.process, f"tab {next(self._names)}")
        await tab.visit(url, **options)
        return tab

    async def cookie(self, name: str) -> Message | None:
        """The cookie of this name with its attributes."""
        cookies: list[Message] = await self.process.ask("cookies")
        return next((cookie for cookie in cookies if cookie["name"] == name), None)

    async def forget_cookies(self) -> None:
        """As if they had expired."""
        await self.process.ask("forgetCookies")


@asynccontextmanager
async def browser(endpoint: str) -> AsyncIterator[Browser]:
    """An empty profile in a Chromium that ``clients/chromium.mjs`` started."""
    async with driven("browser.mjs", endpoint) as process:
        yield Browser(process)
