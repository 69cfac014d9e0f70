"""The real server behind its listener, and clients in the same thread that take turns with it.

Nothing of the server is replaced but its clock, which stands, and the loop, which counts: sessions, policy, limits
and metrics are those of every day, the limits raised so far that none refuses.
"""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from benchmarks.quick.clients import Client, connect, handshake, subscribe
from benchmarks.quick.loop import NOW, CountedLoop

RATE = 1e9  # not 0, which would take the limit away and with it what it costs
BURST = 10**9
OPTIONS = Options(
    accept_rate=RATE,
    handshake_rate_per_ip=RATE,
    handshake_burst_per_ip=BURST,
    session_message_rate=RATE,
    session_message_burst=BURST,
    max_sessions_per_browser=BURST,
)
BACKLOG = 1024  # clients connect before the server runs
TURNS = 500
"""Most turns that an answer may take."""
TRAILING = 3
"""Turns behind the last answer: what was put off must not fall into the next round."""


class Unanswered(Exception):
    """Something the clients wait for did not come, or came twice."""


def plain_server() -> BayeuxServer:
    """The server that is measured."""
    return BayeuxServer(OPTIONS, clock=NOW)


class Stand:
    """A server at work, and its clients.

    Args:
        path: the Unix socket where it listens.
    """

    def __init__(self, loop: CountedLoop, path: str) -> None:
        self.loop = loop
        self.clients: list[Client] = []
        self._path = path
        self._watch: AbstractContextManager[None] = nullcontext()

    @property
    def received_bytes(self) -> int:
        """What all clients have got so far."""
        return sum(client.received_bytes for client in self.clients)

    def watched_by(self, watch: AbstractContextManager[None], play: Callable[[Stand], int]) -> int:
        """Play a round, each turn of the server's within ``watch``; what the round gives."""
        self._watch = watch
        try:
            return play(self)
        finally:
            self._watch = nullcontext()

    def until(self, is_reached: Callable[[], bool]) -> None:
        """Have the server work until the clients have got what they wait for, and what it put off is done.

        Raises Unanswered.
        """
        for _ in range(TURNS):
            if is_reached():
                self.settle()
                return
            self._turn()
        raise Unanswered

    def settle(self) -> None:
        """Have the server take what it does not answer."""
        for _ in range(TRAILING):
            self._turn()

    def _turn(self) -> None:
        with self._watch:
            self.loop.turn()
        for client in self.clients:
            client.read()

    def join(self, kind: type[Client], count: int, channels: Sequence[str] = ()) -> list[Client]:
        """So many more clients, their connects held, each subscribed to the channel whose turn it is."""
        joining = [kind(self._path) for _ in range(count)]
        self.clients += joining
        for client in joining:
            client.open()
        self.until(lambda: all(client.is_open for client in joining))
        for client in joining:
            client.send(handshake(client))
        self.until(lambda: all(client.client_id for client in joining))
        for n, client in enumerate(joining):
            wanted = [subscribe(channels[n % len(channels)])] if channels else []
            client.send(*wanted, connect(client))
        replies = 2 + bool(channels)
        self.until(lambda: all(client.replies == replies for client in joining))
        for client in joining:
            client.send(connect(client))
        self.settle()
        return joining


@contextmanager
def standing(make_server: Callable[[], BayeuxServer] = plain_server) -> Iterator[Stand]:
    """A stand with a server of this make; everything is closed at the end."""
    loop = CountedLoop()
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        server = make_server()
        listener = loop.run_until_complete(_begin(server, path))
        stand = Stand(loop, path)
        try:
            yield stand
        finally:
            for client in stand.clients:
                client.close()
            stand.clients.clear()
            stand.settle()
            loop.run_until_complete(_end(server, listener))
            loop.close()


async def _begin(server: BayeuxServer, path: str) -> Listener:
    await server.start()
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen(BACKLOG)
    listener = Listener([Mount(server, "/cometd")])
    listener.add_socket(listening)
    return listener


async def _end(server: BayeuxServer, listener: Listener) -> None:
    await listener.close()
    await server.stop()
    await asyncio.sleep(0)
