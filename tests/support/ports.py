"""Ports for what listens a while after it was told where, or listens there again: programs, and servers that restart.

A port that the kernel chose (0) may be an outgoing connection's by then. These lie below those that the kernel gives
to connections, each worker of pytest-xdist has a range of its own, and none is given again before all others were.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterator
from itertools import cycle, islice
from typing import Final

HOST: Final = "127.0.0.1"
LOWEST: Final = 10_000
HIGHEST: Final = 32_767
"""From the next one on they are given to connections (``net.ipv4.ip_local_port_range`` as it comes)."""
SHARES: Final = 16


def free_port() -> int:
    """One that nobody listens on."""
    return next(_free)


def free_ports(count: int) -> list[int]:
    """So many, all different."""
    return [free_port() for _ in range(count)]


def share(worker: str) -> range:
    """What a worker of pytest-xdist has to itself, by its name; empty for pytest without workers."""
    number = (int(worker.removeprefix("gw")) + 1) % SHARES if worker else 0
    size = (HIGHEST + 1 - LOWEST) // SHARES
    return range(LOWEST + number * size, LOWEST + (number + 1) * size)


def in_turn(ports: range, begin: int) -> Iterator[int]:
    """Those that can be listened on, round and round. Raises AssertionError when none can."""
    taken = 0
    for port in islice(cycle(ports), begin % len(ports), None):
        if _can_be_listened_on(port):
            taken = 0
            yield port
        else:
            taken += 1
            assert taken < len(ports), "all ports are taken"


def _can_be_listened_on(port: int) -> bool:
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what was served there may still be closing
        try:
            trial.bind((HOST, port))
            trial.listen()
        except OSError:
            return False
        return True


# Somewhere in the range: another pytest may run on this machine.
_free: Final = in_turn(share(os.environ.get("PYTEST_XDIST_WORKER", "")), random.SystemRandom().randrange(HIGHEST))
