"""Servers, browsers and foreign clients for the interoperability tests."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.interop import foreign
from tests.interop.browser import Browser, browser
from tests.interop.service import Service, Site


@pytest.fixture
def service_options() -> dict[str, Any]:
    """Options of the server; parametrize it where a test needs others."""
    return {}


@pytest.fixture
async def service(service_options: dict[str, Any]) -> AsyncIterator[Service]:
    """Our server, which holds connects for two seconds."""
    async with Service(**{"timeout": 2.0, **service_options}) as server:
        yield server


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The same page on another origin."""
    async with Site() as other:
        yield other


@pytest.fixture(scope="session")
def chromium_endpoint() -> Iterator[str]:
    """One headless Chromium for all tests; each has a profile of its own in it."""
    command = [foreign.node(), str(foreign.CLIENTS / "chromium.mjs"), foreign.chromium()]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        endpoint: str = json.loads(process.stdout.readline())["endpoint"]
        yield endpoint
        process.stdin.close()


@pytest.fixture
async def chrome(chromium_endpoint: str) -> AsyncIterator[Browser]:
    """An empty browser profile."""
    async with browser(chromium_endpoint) as profile:
        yield profile
