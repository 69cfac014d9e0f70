"""What is committed while its process is killed: all of it, or nothing; and all that was answered."""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.store.committer import CHAINS, check, store_at
from tests.support.redis_server import has_redis, redis_server

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def committer(place: str) -> Iterator[subprocess.Popen[str]]:
    """A process that commits; it dies with the block at the latest."""
    command = [sys.executable, "-m", "tests.store.committer", place]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def last_lines(process: subprocess.Popen[str], after: int, kill: Callable[[], None]) -> dict[str, int]:
    """Which commit each chain printed last; somebody is killed after so many lines, and the process ends."""
    assert process.stdout is not None
    last = dict.fromkeys(map(str, range(CHAINS)), 0)
    for count, line in enumerate(process.stdout, 1):
        if count == after:
            kill()
        if line.endswith("\n"):
            chain, n = line.split()
            last[chain] = int(n)
    return last


async def everything_is_whole(place: str, printed: dict[str, int]) -> None:
    store = store_at(place)
    await store.open()
    try:
        for chain, n in printed.items():
            await check(store, chain, n)
    finally:
        await store.close()


@pytest.mark.spec("AG-123", "MRE-120")
async def test_sqlite_keeps_whole_commits_of_a_process_that_is_killed(tmp_path: Path) -> None:
    """Five times in a row, each one going on where the last one died."""
    place, chance = str(tmp_path / "store.db"), random.Random(0)
    for _ in range(5):
        with committer(place) as process:
            printed = last_lines(process, chance.randrange(1, 300), process.kill)
        assert any(printed.values())
        await everything_is_whole(place, printed)


@pytest.mark.spec("AG-123", "MRE-120")
async def test_redis_keeps_whole_commits_of_a_process_that_is_killed() -> None:
    if not has_redis():
        pytest.skip("there is no redis-server here")
    chance = random.Random(1)
    with redis_server() as server:
        for _ in range(3):
            with committer(server.url) as process:
                printed = last_lines(process, chance.randrange(1, 300), process.kill)
            assert any(printed.values())
            await everything_is_whole(server.url, printed)


@pytest.mark.spec("MRE-126")
async def test_redis_that_is_killed_has_kept_what_it_wrote_to_disk() -> None:
    """With ``appendfsync always`` that is all that was answered."""
    if not has_redis():
        pytest.skip("there is no redis-server here")
    with redis_server("--appendonly", "yes", "--appendfsync", "always") as server:
        with committer(server.url) as process:
            printed = last_lines(process, 200, server.kill)
        server.start()
        await everything_is_whole(server.url, printed)
