"""A network of two ends, one of which can vanish: without a FIN, a RST or an ICMP message, as if a cable were pulled.

A namespace of the kernel's with a pair of virtual interfaces. Root alone can make one.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.wire import Endpoint, HttpConnection, WebSocket

_NETWORK_NAMESPACE = 0x40000000  # CLONE_NEWNET
_UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
}


class NoNetwork(Exception):
    """Such a network cannot be made here; the text says why."""


class Network:
    """Servers are at ``address``; clients on the far end come by ``connect``, or ``open_websocket``."""

    def __init__(self, name: str) -> None:
        number = os.getpid() % 250 + 1
        self.address: str = f"198.18.{number}.1"  # RFC 2544: no machine's
        self._far_address = f"198.18.{number}.2"
        self._name = name
        self._near, self._far = f"{name}n", f"{name}f"

    def make(self) -> None:
        """Raises NoNetwork."""
        _ip("netns", "add", self._name)
        _ip("link", "add", self._near, "type", "veth", "peer", "name", self._far, "netns", self._name)
        _ip("addr", "add", f"{self.address}/30", "dev", self._near)
        _ip("link", "set", self._near, "up")
        _ip("-n", self._name, "addr", "add", f"{self._far_address}/30", "dev", self._far)
        _ip("-n", self._name, "link", "set", self._far, "up")
        # So that the near end goes on to send when the far one is not there to be asked for its address.
        path = f"/sys/class/net/{self._far}/address"
        hardware = _ip("netns", "exec", self._name, "cat", path).strip()
        _ip("neigh", "replace", self._far_address, "lladdr", hardware, "dev", self._near, "nud", "permanent")

    def vanish(self) -> None:
        """From here on nothing comes through; nobody is told."""
        _ip("-n", self._name, "addr", "del", f"{self._far_address}/30", "dev", self._far)

    def remove(self) -> None:
        """Both ends go with the namespace."""
        subprocess.run(["ip", "netns", "del", self._name], capture_output=True, check=False)
        subprocess.run(["ip", "link", "del", self._near], capture_output=True, check=False)

    async def connect(self, url: str) -> HttpConnection:
        """A connection from the far end."""
        endpoint = Endpoint.of(url)
        plain = self._far_socket()
        plain.setblocking(False)
        await asyncio.get_running_loop().sock_connect(plain, (endpoint.host, endpoint.port))
        return HttpConnection(endpoint, *await asyncio.open_connection(sock=plain))

    async def open_websocket(self, url: str) -> WebSocket:
        """A WebSocket from the far end."""
        connection = await self.connect(url)
        connection.request("GET", connection.endpoint.path, _UPGRADE)
        reply = await connection.reply()
        assert reply.status == 101
        return connection.websocket(reply)

    def _far_socket(self) -> socket.socket:
        """A socket stays where it was made, so the thread has to be there for no longer than that."""
        with Path("/proc/thread-self/ns/net").open() as here, Path(f"/run/netns/{self._name}").open() as there:
            _enter(there.fileno())
            try:
                return socket.socket()
            finally:
                _enter(here.fileno())


@contextmanager
def network() -> Iterator[Network]:
    """A network of its own, removed at the end. Raises NoNetwork."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        raise NoNetwork("a network namespace needs root and the command ip")
    made = Network(f"bx{os.getpid() % 10**6}")
    try:
        made.make()
        yield made
    finally:
        made.remove()


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoNetwork(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def _enter(descriptor: int) -> None:
    kernel = ctypes.CDLL(None, use_errno=True)
    if kernel.setns(descriptor, _NETWORK_NAMESPACE):
        raise OSError(ctypes.get_errno(), "setns")
