"""The ways into a server: the listener, a handler in a Tornado application, the same behind TLS, and ASGI."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler

from bayeux.protocol.options import Options
from bayeux.server.current import current_message
from bayeux.server.server import BayeuxServer
from bayeux.transports.asgi import BayeuxASGI
from bayeux.transports.handlers import Entrance
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers, rules_of
from tests.support.asgi_server import AsgiServer
from tests.support.wire import WAIT

DOORS = ("listener", "handler", "tls")
"""Those that write the same bytes; ``asgi`` leaves headers to its server."""
PLAIN_DOORS = ("listener", "handler")


class Elsewhere(RequestHandler):
    """What is not Bayeux: Tornado's own part of the port."""

    def get(self) -> None:
        self.write(f"elsewhere {self.request.path}")

    def post(self) -> None:
        self.write(f"posted {len(self.request.body)}")

    def put(self) -> None:
        self.write(f"while {current_message()} is handled")


@dataclass(frozen=True)
class House:
    """A server being served."""

    server: BayeuxServer
    mount: Mount
    port: int
    tls: bool
    listener: Listener | None

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/cometd"

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.port}"


@asynccontextmanager
async def open_house(
    door: str = "listener",
    options: Mapping[str, Any] | None = None,
    *,
    clock: Callable[[], float] | None = None,
    **mounting: Any,
) -> AsyncIterator[House]:
    """A started server with one mount at ``/cometd``, and Tornado beside it (not behind the door ``asgi``)."""
    settings = Options(**(options or {}))
    server = BayeuxServer(settings) if clock is None else BayeuxServer(settings, clock=clock)
    async with server:
        mount = Mount(server, "/cometd", **mounting)
        if door == "listener":
            tornado = HTTPServer(Application([*make_handlers(mount), (r"/.*", Elsewhere)]))
            listener = Listener([mount], tornado)
            try:
                yield House(server, mount, listener.listen(0), False, listener)
            finally:
                await listener.close()
                await tornado.close_all_connections()
        elif door == "asgi":
            async with AsgiServer(BayeuxASGI(mount), bind_unused_port()[0]) as uvicorn:
                yield House(server, mount, uvicorn.port, False, None)
        else:
            entrance = Entrance([mount])
            application = Application([*rules_of(entrance), (r"/.*", Elsewhere)])
            tornado = HTTPServer(application, ssl_options=server_context() if door == "tls" else None)
            listening, port = bind_unused_port()
            tornado.add_socket(listening)
            try:
                yield House(server, mount, port, door == "tls", None)
            finally:
                tornado.stop()
                entrance.close()
                await tornado.close_all_connections()


@lru_cache
def server_context() -> ssl.SSLContext:
    """A certificate of our own making, for 127.0.0.1."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory() as folder:
        both = Path(folder, "both.pem")
        both.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(both)
    return context


async def until(condition: Callable[[], object]) -> None:
    """Wait until something that nobody announces has happened; TimeoutError if it does not."""
    async with asyncio.timeout(WAIT):
        while not condition():  # noqa: ASYNC110 - the server has no events for its tests
            await asyncio.sleep(0.001)
