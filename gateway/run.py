"""One process of the gateway, from its bound sockets to its last farewell: start, serve, drain, stop.

Order of the stop: not ready, serve on for a while, accept no more, send the clients away in slices, leave.

Source: OPS-48, OPS-60, OPS-61, SEC-45.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Callable

from tornado.httpserver import HTTPServer

from bayeux.server.dump import dump
from bayeux.transports.listener import BACKLOG, Listener
from gateway import __version__
from gateway.app import Gateway
from gateway.config.units import Address
from gateway.failure import ExitCode
from gateway.observe.logging import Listing
from gateway.observe.tasks import waiting_tasks
from gateway.sockets import address_of

log = logging.getLogger(__name__)

_REMINDER = 60.0
_DUMPED = 50  # sessions
HEARD = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""The signals that mean something (OPS-60)."""


def is_farewell(number: int) -> bool:
    """Does this signal end the gateway? HUP does where it says that the terminal has gone."""
    return number in (signal.SIGTERM, signal.SIGINT) or (number == signal.SIGHUP and _has_terminal())


def _has_terminal() -> bool:
    return sys.stdin is not None and not sys.stdin.closed and sys.stdin.isatty()


class Run:
    """One run of a gateway on sockets that are bound already.

    Args:
        public: for clients; taken over, and closed at the end.
        internal: for operators; None in a worker, whose supervisor serves them.
        make_internal: what serves them.
    """

    def __init__(
        self,
        gateway: Gateway,
        public: socket.socket,
        internal: socket.socket | None = None,
        make_internal: Callable[[Run], HTTPServer] | None = None,
    ) -> None:
        self.gateway = gateway
        self._config = gateway.config
        self.public: Address = address_of(public)
        """Where clients find us."""
        self._public = public
        self._internal = internal
        self._internal_http = make_internal(self) if make_internal is not None else None
        self._listener = Listener(gateway.mounts, gateway.public_http)
        self._reminder: asyncio.TimerHandle | None = None
        self._drained: asyncio.Task[None] | None = None
        self.notice: float = self._config.drain.notice
        """Seconds that clients are served on after the gateway is not ready any more."""
        self.orders: asyncio.Queue[int] = asyncio.Queue()
        """Signals, or what stands for them."""

    def hear_signals(self) -> None:
        """From here on they are orders."""
        loop = asyncio.get_running_loop()
        for number in HEARD:
            loop.add_signal_handler(number, self.orders.put_nowait, number)

    async def until_told(self, when_ready: Callable[[], None]) -> ExitCode:
        """Serve until TERM or INT, then drain; a second INT stops at once (OPS-60)."""
        self.hear_signals()
        try:
            await self.start()
            when_ready()
            if self._config.is_development:
                self._remind()
            while not is_farewell(number := await self.orders.get()):
                self._obey(number)
            log.info("stopping", extra={"signal": signal.Signals(number).name})
            return await self._end(self.orders)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to serve; ready when it returns, but for a backplane that is away."""
        gateway = self.gateway
        await gateway.start()
        self._public.listen(BACKLOG)  # a worker's socket is only bound until here: its port is another worker's, too
        self._listener.add_socket(self._public)
        if self._internal is not None and self._internal_http is not None:
            self._internal_http.add_socket(self._internal)
        gateway.health.is_started = True
        log.info("ready", extra={"public": str(self.public), "version": __version__})

    @property
    def internal(self) -> Address:
        """Where operators and commands find us."""
        assert self._internal is not None
        return address_of(self._internal)

    @property
    def connections(self) -> int:
        """Those that are open."""
        return self._listener.connections

    def begin_drain(self) -> asyncio.Task[None]:
        """Drain in the background, once."""
        if self._drained is None:
            self._drained = asyncio.create_task(self.drain())
        return self._drained

    async def drain(self) -> None:
        """Send all clients away (OPS-61); with no session open there is nobody to wait for."""
        server, drain = self.gateway.server, self._config.drain
        self.gateway.health.is_draining = True
        has_sessions = len(server.sessions) > 0
        if has_sessions:
            await asyncio.sleep(self.notice)
        await self._listener.stop()
        await server.drain(spread=drain.spread if has_sessions else 0.0)
        log.info("drained")

    async def stop(self) -> None:
        """End everything at once."""
        gateway = self.gateway
        if self._reminder is not None:
            self._reminder.cancel()
        if self._drained is not None:
            self._drained.cancel()
            await asyncio.wait((self._drained,))
        gateway.health.is_draining = True
        await gateway.stop()
        await self._listener.close()
        self._public.close()
        for http_server in (gateway.public_http, self._internal_http):
            if http_server is not None:
                http_server.stop()
                await http_server.close_all_connections()
        log.info("stopped")

    @property
    def attached_sessions(self) -> int:
        """Sessions whose client hears us at this moment."""
        return sum(
            session.transport is not None or session.held_by is not None for session in self.gateway.server.sessions
        )

    def _obey(self, number: int) -> None:
        """What does not end the run."""
        if number == signal.SIGUSR2:
            self.begin_drain()
        elif number == signal.SIGUSR1:
            self._dump()
        else:
            log.warning("nothing is reloaded: every option needs a restart; send TERM and start again")

    def _dump(self) -> None:
        """Sessions and tasks, for who wonders why nothing happens; no clientId and no data is in it."""
        state = dump(self.gateway.server, most=_DUMPED)
        sessions = Listing(", ".join(f"{key} {value}" for key, value in each.items()) for each in state["sessions"])
        counts = {key: state[key] for key in ("channel_count", "session_count", "last_sweep", "longest_sweep")}
        log.info("dump", extra={**counts, "sessions": sessions, "tasks": Listing(waiting_tasks())})

    async def _end(self, orders: asyncio.Queue[int]) -> ExitCode:
        """Drain within ``shutdown.timeout``."""
        drain = self.begin_drain()
        impatience = asyncio.create_task(_interrupted(orders))
        try:
            done, _ = await asyncio.wait(
                (drain, impatience), timeout=self._config.shutdown.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if drain in done:
                await drain
                return ExitCode.DONE
            log.warning("stopped before all clients were sent away", extra={"cut": self.attached_sessions})
            return ExitCode.INTERRUPTED if impatience in done else ExitCode.TRY_AGAIN
        finally:
            drain.cancel()
            impatience.cancel()
            await asyncio.wait((drain, impatience))

    def _remind(self) -> None:
        """SEC-45: nobody should forget that this is no place for real work."""
        log.warning("development profile: everybody knows the passwords, and public channels are open to all")
        self._reminder = asyncio.get_running_loop().call_later(_REMINDER, self._remind)


async def _interrupted(orders: asyncio.Queue[int]) -> None:
    """A second Ctrl-C; a second TERM changes nothing."""
    while await orders.get() != signal.SIGINT:
        pass
