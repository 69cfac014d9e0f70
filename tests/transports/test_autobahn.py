"""The Autobahn cases on our frame code, through an echo endpoint of the tests (SEC-94).

Groups 1 to 7 and 10, and where deflate is accepted 12 and 13; 9 measures performance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import pytest
from kosoku import FailureError, run_fuzzingclient, run_fuzzingserver

from tests.support.ws_echo import echo_client, echo_server

if TYPE_CHECKING:
    from kosoku._kosoku import CaseResult

GROUPS = ("1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*")
SMOKE = ("1.1.1", "1.2.8", "2.5", "3.2", "4.1.1", "5.3", "6.3.1", "7.5.1", "7.7.1", "7.9.1")
"""One of each kind, below a second."""

DEFLATE_GROUPS = ("12.*", "13.*")
DEFLATE_SMOKE = ("12.1.1", "12.2.4", "12.4.11", "13.2.2", "13.3.3", "13.5.11", "13.7.1")
"""Text, bytes, fragments; offers with and without windows: a few seconds, of a thousand messages each."""

opens_files = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
"""The cases about deflate read their texts without closing them."""

LENIENT = {"6.4.3", "6.4.4", "7.1.6", "7.13.1", "7.13.2"}
"""Passed, though not "OK": invalid UTF-8 is noticed at the end of its frame, not at the byte (6.4);
the standard leaves the answer open (7.1.6, 7.13)."""


def failures(results: Sequence[CaseResult]) -> list[str]:
    return [
        f"{each.case_id} {each.behavior.value}: {each.result} {each.result_close}"
        for each in results
        if not each.passed
    ]


async def run_against_server(cases: Sequence[str], *, accepts_deflate: bool = False) -> list[CaseResult]:
    async with echo_server(accepts_deflate=accepts_deflate) as url:
        try:
            return await run_fuzzingclient(url, cases, concurrency=8)
        except FailureError as failure:
            return list(failure.results)


async def run_against_client(cases: Sequence[str]) -> list[CaseResult]:
    async with run_fuzzingserver(cases, host="127.0.0.1", port=0) as server:
        count = int(await echo_client(server.address, server.port, "/getCaseCount"))
        for case in range(1, count + 1):
            await echo_client(server.address, server.port, f"/runCase?case={case}&agent=bayeux")
        await echo_client(server.address, server.port, "/updateReports?agent=bayeux")
        try:
            results = await server.get_result()
        except FailureError as failure:
            results = failure.results
    return results


@pytest.mark.spec("SEC-94")
async def test_one_case_of_each_kind_passes() -> None:
    async with asyncio.timeout(30):
        results = await run_against_server(SMOKE)
    assert len(results) == len(SMOKE)
    assert failures(results) == []


@pytest.mark.soak
@pytest.mark.spec("SEC-94")
@pytest.mark.parametrize("role", [run_against_server, run_against_client], ids=["server", "client"])
async def test_no_case_fails(role: Callable[[Sequence[str]], Awaitable[list[CaseResult]]]) -> None:
    async with asyncio.timeout(280):
        results = await role(GROUPS)
    assert len(results) > 240
    assert failures(results) == []
    assert {each.case_id for each in results if each.behavior.value != "OK"} <= LENIENT


@opens_files
@pytest.mark.spec("SEC-94", "WS-4")
async def test_one_case_of_each_kind_of_deflate_passes() -> None:
    async with asyncio.timeout(50):
        results = await run_against_server(DEFLATE_SMOKE, accepts_deflate=True)
    assert [each.case_id for each in results if each.behavior.value == "OK"] == list(DEFLATE_SMOKE), failures(results)


@pytest.mark.soak
@pytest.mark.timeout(900)
@opens_files
@pytest.mark.spec("SEC-94", "WS-4")
@pytest.mark.long
async def test_no_case_of_deflate_fails() -> None:
    async with asyncio.timeout(880):
        results = await run_against_server(DEFLATE_GROUPS, accepts_deflate=True)
    assert len(results) > 210
    assert {each.behavior.value for each in results} == {"OK"}, failures(results)
