"""Our own server as a process of its own, one listening address a profile, behind one of its doors.

Run as ``python -m tests.conformance.own_server DOOR DRAIN_SECONDS PROFILE…``; prints its URLs as one JSON
object and serves until it is told to go, or until its standard input ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from tests.conformance.profiles import PROFILES

TORNADO_DOORS = ("listener", "handlers", "tls")
"""``listener``: our own; ``handlers``: a Tornado application; ``tls``: the same under TLS in this process."""
DOORS = (*TORNADO_DOORS, "asgi")
"""``asgi``: an ASGI application under uvicorn, which has to itself what ``asgi_door`` lists."""

HOST = "127.0.0.1"
PATH = "/cometd"
ROOT = Path(__file__).parent.parent.parent
START_PATIENCE = 60.0
EXPECTED_TRACES = ("AgreedError", "send_receive_event_to_app")
"""Of the agreed hooks, and of uvicorn where a frame is not UTF-8."""

MILLISECONDS = frozenset(
    "timeout interval max_interval sweep_period max_client_interval ws_idle_timeout ws_write_timeout handshake_timeout "
    "ws_ping_interval ws_ping_timeout header_timeout body_timeout keepalive_idle multi_session_interval".split()
)


class OwnServer:
    """The process, as a context manager; its log must hold no trace that a case did not ask for."""

    def __init__(self, door: str, profiles: Sequence[str] = tuple(PROFILES), drain_seconds: float = 0.0) -> None:
        self._command = [sys.executable, "-m", __name__, door, str(drain_seconds), *profiles]
        self._log: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 — closed in __exit__
        self._process: subprocess.Popen[bytes] | None = None
        self.urls: dict[str, str] = {}

    def __enter__(self) -> OwnServer:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
        self._process = subprocess.Popen(
            self._command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(START_PATIENCE)
            raise RuntimeError(f"our server did not start:\n{self.log()}")
        self.urls = json.loads(line)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: TracebackType | BaseException | None) -> None:
        assert self._process is not None
        self.tell_to_go()
        status = self.wait_until_gone()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        log = self.log()
        self._log.close()
        if kind is None:
            unexpected = _unexpected_traces(log)
            assert not unexpected, f"our server logged a trace:\n{unexpected[0]}"
            assert status == 0, f"our server ended with {status}:\n{log[-3000:]}"

    def tell_to_go(self) -> None:
        """Send it TERM."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def wait_until_gone(self) -> int:
        """Its exit status."""
        assert self._process is not None
        try:
            return self._process.wait(START_PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise

    def log(self) -> str:
        """What it wrote to standard error so far."""
        self._log.flush()
        return os.pread(self._log.fileno(), 50_000_000, 0).decode(errors="replace")


def _unexpected_traces(log: str) -> list[str]:
    """Tracebacks that no case asked for."""
    parts = log.split("Traceback (most recent call last):")[1:]
    traces = ["\n".join(part.split("\n")[:60]) for part in parts]
    return [trace for trace in traces if not any(each in trace for each in EXPECTED_TRACES)]


def options_of(profile: str) -> Any:
    """A profile as our options, which count in seconds."""
    from bayeux.protocol.options import Options

    given = PROFILES[profile].options
    return Options(**{name: value / 1000 if name in MILLISECONDS else value for name, value in given.items()})


async def serve(door: str, drain_seconds: float, profiles: Sequence[str]) -> None:
    """Serve the profiles until TERM or the end of standard input."""
    from tornado.httpserver import HTTPServer
    from tornado.netutil import bind_sockets
    from tornado.web import Application

    from bayeux.server.server import BayeuxServer
    from bayeux.transports.asgi import BayeuxASGI
    from bayeux.transports.handlers import Entrance
    from bayeux.transports.listener import Listener
    from bayeux.transports.mount import Mount
    from bayeux.transports.routes import rules_of
    from tests.conformance import agreed_hooks
    from tests.support.asgi_server import AsgiServer

    loop = asyncio.get_running_loop()
    told_to_go = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told_to_go.set)
    loop.add_reader(sys.stdin.fileno(), told_to_go.set)

    urls: dict[str, str] = {}
    servers: list[BayeuxServer] = []
    asgi_servers: list[AsgiServer] = []
    async with contextlib.AsyncExitStack() as stack:
        for profile in profiles:
            server = BayeuxServer(options_of(profile))
            if PROFILES[profile].has_hooks:
                agreed_hooks.install(server)
            for name in PROFILES[profile].extensions:
                server.extensions.append(agreed_hooks.EXTENSIONS[name]())
            await stack.enter_async_context(server)
            servers.append(server)
            mount = Mount(server, PATH)
            (listening,) = bind_sockets(0, HOST)
            port = listening.getsockname()[1]
            urls[profile] = f"{'https' if door == 'tls' else 'http'}://{HOST}:{port}{PATH}"
            if door == "asgi":
                settings = {"ws_max_size": server.options.ws_max_message_size, "ws_per_message_deflate": False}
                asgi_servers.append(AsgiServer(BayeuxASGI(mount), listening, **settings))
                await stack.enter_async_context(asgi_servers[-1])
                continue
            # Behind the listener, too: a connection that was given to Tornado comes home by these rules.
            entrance = Entrance([mount])
            tls = _certificate() if door == "tls" else None
            # The head of a connection's first request is Tornado's to read, so its patience is Tornado's, too (SEC-L4).
            http_server = HTTPServer(
                Application(rules_of(entrance)), ssl_options=tls, idle_connection_timeout=server.options.header_timeout
            )
            stack.callback(entrance.close)
            if door == "listener":
                listener = Listener([mount], http_server)
                listener.add_socket(listening)
                stack.push_async_callback(listener.close)
            else:
                http_server.add_socket(listening)
                stack.callback(http_server.stop)
        sys.stdout.write(json.dumps(urls) + "\n")
        sys.stdout.flush()
        await told_to_go.wait()
        loop.remove_reader(sys.stdin.fileno())
        await asyncio.gather(*(server.drain(spread=0.0) for server in servers))
        await asyncio.sleep(drain_seconds)
        for each in asgi_servers:  # all at once, each takes a moment
            each.should_exit = True


def _certificate() -> ssl.SSLContext:
    """The one that Tornado's own tests use; the clients here do not look at it."""
    import tornado

    folder = Path(tornado.__file__).parent / "test"
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "test.crt", folder / "test.key")
    return context


def main() -> None:
    """The command line."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    door, drain_seconds, *profiles = sys.argv[1:]
    asyncio.run(serve(door, float(drain_seconds), profiles))


if __name__ == "__main__":
    main()
