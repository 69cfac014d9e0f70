"""A program that commits until it is killed: ``python -m tests.store.committer URL-or-path``.

Several chains run side by side. The n-th commit of one changes two documents, an index, a deadline, the outbox and what
was taken; once it has returned, a line with the chain and n is written.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from pathlib import Path

from gateway.store.redis import RedisStore
from gateway.store.sqlite import SqliteStore
from gateway.store.store import Changes, Outgoing, Store, TakenAlready, Write

CHAINS = 8


def store_at(place: str) -> Store:
    return RedisStore(place, node="committer") if "://" in place else SqliteStore(Path(place))


def nth_commit(chain: str, n: int) -> Changes:
    """From 1 on."""
    return Changes(
        writes=[Write(f"{side} {chain}", {"n": n}, n - 1, {"all": n}) for side in ("left", "right")],
        deadlines={f"{chain} {n}": n, f"{chain} {n - 1}": None},
        outgoing=[Outgoing(f"{chain} {n}", chain, {"n": n})],
        sent=[f"{chain} {n - 10}"],
        taken=f"{chain} {n}",
    )


async def check(store: Store, chain: str, printed: int) -> int:
    """How many commits of a chain happened, all of each: at least as many as were printed. Else AssertionError."""
    room = store.room("contact")
    left, right = await room.read(f"left {chain}", f"right {chain}")
    happened = left.version if left is not None else 0
    assert happened >= printed
    assert (right.version if right is not None else 0) == happened
    sides = [entry.place for entry in await room.page("all", limit=1000) if entry.key.endswith(f" {chain}")]
    assert sides == [happened] * (2 if happened else 0)
    deadlines = [due for due in await room.due(1e9, limit=1000) if due.name.startswith(f"{chain} ")]
    assert [due.at for due in deadlines] == ([happened] if happened else [])
    outbox = [message.body["n"] for message in await room.outbox(chain)]
    assert outbox == list(range(max(1, happened - 9), happened + 1))
    for n in range(1, happened + 1):
        try:
            await room.commit(Changes(taken=f"{chain} {n}"))
        except TakenAlready:
            continue
        raise AssertionError(f"{chain} {n} is not known to be taken")
    return happened


async def main(place: str) -> None:
    """Until killed."""
    store = store_at(place)
    await store.open()
    room = store.room("contact")

    async def go_on(chain: str) -> None:
        (left,) = await room.read(f"left {chain}")
        for n in itertools.count(left.version + 1 if left is not None else 1):
            await room.commit(nth_commit(chain, n))
            sys.stdout.write(f"{chain} {n}\n")
            sys.stdout.flush()

    await asyncio.gather(*(go_on(str(number)) for number in range(CHAINS)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
