"""From the bound socket to the last farewell: start, serve, drain, stop.

Order of the start: sockets bound, configuration logged, ready. Order of the stop: not ready,
serve on for a while, accept no more, send the clients away in slices, leave.

Source: OPS-48, OPS-60, OPS-61, OPS-95, SEC-45.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import resource
import secrets
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from bayeux.transports.listener import BACKLOG, Listener
from gateway import __version__
from gateway.app import Gateway
from gateway.config.loading import Loaded
from gateway.config.model import Config
from gateway.config.show import changed
from gateway.config.units import Address
from gateway.failure import ExitCode, Failure
from gateway.observe.logging import configure
from gateway.running import Running, announce, forget, make_token

log = logging.getLogger(__name__)

_FEW_DESCRIPTORS = 4096
_REMINDER = 60.0
# Idle sessions are long-lived and without cycles: looking through them for garbage only costs time.
_GARBAGE_THRESHOLD = 50_000


def serve(loaded: Loaded, environment: Mapping[str, str]) -> ExitCode:
    """Run the gateway until a signal ends it.

    Raises ConfigurationWrong, Failure.
    """
    config = loaded.config
    configure(config.log, node=f"{socket.gethostname()}-{secrets.token_hex(2)}")
    for warning in loaded.warnings:
        log.warning(warning)
    _raise_descriptor_limit()
    token = make_token(config)
    gateway = Gateway(config, token)
    try:
        with (
            bound(config.listen.public, "listen.public") as public,
            bound(config.listen.internal, "listen.internal") as internal,
        ):
            running = Running(
                public=f"http://{address_of(public)}",
                internal=f"http://{address_of(internal)}",
                token=token,
                pid=os.getpid(),
            )
            path = announce(running, config, environment)
            log.info("configuration", extra={key.replace(".", "_"): value for key, value in changed(loaded).items()})
            gc.collect()
            gc.freeze()
            gc.set_threshold(_GARBAGE_THRESHOLD)
            try:
                return asyncio.run(Run(gateway, public, internal).until_signalled())
            finally:
                forget(path, running)
    finally:
        gateway.agents.close()


class Run:
    """One run of a gateway on sockets that are bound already.

    Args:
        public, internal: taken over, and closed at the end.
    """

    def __init__(self, gateway: Gateway, public: socket.socket, internal: socket.socket) -> None:
        self._gateway = gateway
        self._config = gateway.config
        self._public = public
        self._internal = internal
        self._listener = Listener(gateway.mounts, gateway.public_http)
        self._reminder: asyncio.TimerHandle | None = None

    async def until_signalled(self) -> ExitCode:
        """Serve until TERM or INT, then drain; a second INT stops at once (OPS-60)."""
        loop = asyncio.get_running_loop()
        signals: asyncio.Queue[int] = asyncio.Queue()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, signals.put_nowait, number)
        await self.start()
        try:
            _tell_urls(self._config, self.public, self.internal)
            if self._config.is_development:
                self._remind()
            log.info("stopping", extra={"signal": signal.Signals(await signals.get()).name})
            return await self._end(signals)
        finally:
            await self.stop()

    async def start(self) -> None:
        """Begin to serve; ready when it returns."""
        gateway = self._gateway
        await gateway.server.start()
        gateway.lag.start()
        self._listener.add_socket(self._public)
        gateway.internal_http.add_socket(self._internal)
        gateway.health.is_started = True
        log.info("ready", extra={"public": str(self.public), "internal": str(self.internal), "version": __version__})

    @property
    def public(self) -> Address:
        """Where clients find us."""
        return address_of(self._public)

    @property
    def internal(self) -> Address:
        """Where operators and commands find us."""
        return address_of(self._internal)

    async def drain(self) -> None:
        """Send all clients away (OPS-61); with no session open there is nobody to wait for."""
        server, drain = self._gateway.server, self._config.drain
        self._gateway.health.is_draining = True
        has_sessions = len(server.sessions) > 0
        if has_sessions:
            await asyncio.sleep(drain.notice)
        await self._listener.stop()
        await server.drain(spread=drain.spread if has_sessions else 0.0)

    async def stop(self) -> None:
        """End everything at once."""
        gateway = self._gateway
        if self._reminder is not None:
            self._reminder.cancel()
        gateway.health.is_draining = True
        await gateway.server.stop()
        await self._listener.close()
        for http_server in (gateway.public_http, gateway.internal_http):
            http_server.stop()
            await http_server.close_all_connections()
        gateway.lag.stop()
        log.info("stopped")

    async def _end(self, signals: asyncio.Queue[int]) -> ExitCode:
        """Drain within ``shutdown.timeout``."""
        drain = asyncio.create_task(self.drain())
        impatience = asyncio.create_task(_interrupted(signals))
        try:
            done, _ = await asyncio.wait(
                (drain, impatience), timeout=self._config.shutdown.timeout, return_when=asyncio.FIRST_COMPLETED
            )
            if drain in done:
                await drain
                return ExitCode.DONE
            log.warning("stopped before all clients were sent away", extra={"cut": self._attached_sessions()})
            return ExitCode.INTERRUPTED if impatience in done else ExitCode.TRY_AGAIN
        finally:
            drain.cancel()
            impatience.cancel()
            await asyncio.wait((drain, impatience))

    def _attached_sessions(self) -> int:
        """Sessions whose client hears us at this moment."""
        return sum(
            session.transport is not None or session.held_by is not None for session in self._gateway.server.sessions
        )

    def _remind(self) -> None:
        """SEC-45: nobody should forget that this is no place for real work."""
        log.warning("development profile: everybody knows the passwords, and public channels are open to all")
        self._reminder = asyncio.get_running_loop().call_later(_REMINDER, self._remind)


async def _interrupted(signals: asyncio.Queue[int]) -> None:
    """A second Ctrl-C; a second TERM changes nothing."""
    while await signals.get() != signal.SIGINT:
        pass


@contextmanager
def bound(address: Address, key: str) -> Iterator[socket.socket]:
    """A listening socket, closed at the end if nobody else has done so; raises Failure."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        listening = socket.create_server((address.host, address.port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise Failure(
            f"{key} = {address} cannot be used ({error.strerror or error}): stop what listens there, or set another"
        ) from None
    listening.setblocking(False)
    with listening:
        yield listening


def address_of(bound: socket.socket) -> Address:
    """Where a socket is bound."""
    host, port = bound.getsockname()[:2]
    return Address(host, port)


def _tell_urls(config: Config, public: Address, internal: Address) -> None:
    mounts = config.mounts
    paths = ", ".join(mount.path for mount in (mounts.cometd, mounts.genesys, mounts.notifications))
    lines = [
        f"bayeux-gateway {__version__} serves",
        f"  a page to try it   http://{public}/",
        f"  Bayeux             http://{public} at {paths}",
        f"  health, metrics    http://{internal}/health/ready, http://{internal}/metrics",
    ]
    if config.is_development:
        lines.append("  development users  Agent1, Agent2; the password is the name")
    elif not config.auth.users and config.auth.tokens.secret is None and not config.auth.tokens.keys:
        lines.append("  nobody can sign in: configure auth.users or auth.tokens, or start with --dev")
    sys.stderr.write("\n".join([*lines, "Ctrl-C stops it.", ""]))
    sys.stderr.flush()


def _raise_descriptor_limit() -> None:
    """OPS-95."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    except (OSError, ValueError):
        pass  # some systems allow less than they say
    log.info("descriptor limit", extra={"descriptors": soft})
    if soft != resource.RLIM_INFINITY and soft < _FEW_DESCRIPTORS:
        log.warning("fewer than %d descriptors: raise the limit with ulimit -n", _FEW_DESCRIPTORS)
