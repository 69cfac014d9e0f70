"""Asking Sentinels for the master, and a Cluster for its map of slots."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable, Sequence
from typing import Any

from redis import exceptions

from bayeux.backplane.redis.connecting import LOST, ask, cut, open_wire
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Address, Topology
from bayeux.backplane.redis.unavailable import StoreUnavailable

SLOTS = 16384

Ranges = Sequence[tuple[int, int, Address]]
"""First and last slot, and their master."""


async def find_master(topology: Topology, timing: Timing, name: str) -> Address:
    """Where the master is: by the newest configuration that a majority of Sentinels knows.

    One that was cut off from the others would answer first as well, and wrongly; fewer than a majority are believed
    when the others do not answer within ``timing.connect`` + ``timing.reply``. Raises StoreUnavailable.
    """
    sentinels = [
        asyncio.create_task(_ask_sentinel(topology, address, timing, name), name=f"Sentinel {address}")
        for address in topology.addresses
    ]
    answers: list[tuple[int, Address]] = []
    problems: list[str] = []
    try:
        for answer in asyncio.as_completed(sentinels):
            try:
                answers.append(await answer)
            except StoreUnavailable as error:
                problems.append(error.why)
            if len(answers) > len(sentinels) // 2:
                break
    finally:
        for task in sentinels:
            task.cancel()
        await asyncio.gather(*sentinels, return_exceptions=True)
    if not answers:
        raise StoreUnavailable(f"{topology}: no Sentinel helps: {'; '.join(problems)}")
    return max(answers, key=lambda answer: answer[0])[1]


async def _ask_sentinel(topology: Topology, address: Address, timing: Timing, name: str) -> tuple[int, Address]:
    """Epoch of its configuration, and the master."""
    place = topology.of_sentinels().url_of(address)
    try:
        async with asyncio.timeout(timing.connect + timing.reply):
            wire, _ = await open_wire(topology.of_sentinels(), address, timing, name=name, is_sentinel=True)
            try:
                reply = await ask(wire, "SENTINEL", "MASTER", topology.master)
            finally:
                cut(wire)
    except exceptions.ResponseError as error:
        raise StoreUnavailable(f"{place} knows no master {topology.master!r} ({error}): check its name") from error
    except (*LOST, TimeoutError) as error:
        raise StoreUnavailable(f"{place} does not answer") from error
    known = dict(zip(reply[::2], reply[1::2], strict=False))
    return int(known[b"config-epoch"]), Address(known[b"ip"].decode(), int(known[b"port"]))


async def read_map(
    topology: Topology, known: Iterable[Address], timing: Timing, name: str, chance: random.Random
) -> Ranges:
    """Who has which slots, by the first that answers, asked in a changing order: one that was cut off from the
    others would tell the same for ever.

    Args:
        known: servers that were seen before; those of the URL are asked as well.
    """
    servers = list(dict.fromkeys([*known, *topology.addresses]))
    chance.shuffle(servers)
    problems: list[str] = []
    for address in servers:
        try:
            async with asyncio.timeout(timing.connect + timing.reply):
                wire, _ = await open_wire(topology, address, timing, name=name)
                try:
                    ranges = _ranges(await ask(wire, "CLUSTER", "SLOTS"), address)
                finally:
                    cut(wire)
        except (*LOST, TimeoutError) as error:
            problems.append(f"{topology.url_of(address)} does not answer ({error})")
        except StoreUnavailable as error:
            problems.append(error.why)
        else:
            if ranges:
                return ranges
            problems.append(f"{topology.url_of(address)} knows no slots: is the Cluster made?")
    raise StoreUnavailable(f"{topology}: no server tells its map: {'; '.join(problems)}")


def _ranges(reply: Sequence[Any], asked: Address) -> Ranges:
    return [
        (first, last, Address(master[0].decode() if master[0] else asked.host, master[1]))
        for first, last, master, *_ in reply
    ]
