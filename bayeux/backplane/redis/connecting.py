"""Opening a connection to one Redis server, and saying in a sentence why it cannot be opened.

The only place that makes connections of redis-py and that knows what of them is not in its documentation.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from redis import exceptions
from redis.asyncio import Connection, SSLConnection, UnixDomainSocketConnection

from bayeux.backplane.redis.command import Word, pack
from bayeux.backplane.redis.script import Script
from bayeux.backplane.redis.timing import Timing
from bayeux.backplane.redis.topology import Address, Form, Topology
from bayeux.backplane.redis.unavailable import StoreUnavailable

log: logging.Logger = logging.getLogger(__name__)

LOST = (exceptions.RedisError, OSError, EOFError)
"""What a connection raises that is of no more use; ``ResponseError`` is a reply, and to be caught before."""

OLDEST = (6, 2)
SHARDED_FROM = (7, 0)

_MODES = {"standalone": Form.SINGLE, "sentinel": Form.SENTINEL, "cluster": Form.CLUSTER}
_WRONG_MODE = {
    Form.SINGLE: "is a plain server: write redis://",
    Form.SENTINEL: "is a Sentinel: write redis+sentinel://HOST/NAME-OF-THE-MASTER",
    Form.CLUSTER: "is a node of a Cluster: write redis+cluster://",
}


class Wire(Protocol):
    """What we use of redis-py's connections."""

    async def connect(self) -> None:
        """Log in, too."""

    async def send_packed_command(self, command: Iterable[bytes], check_health: bool = True) -> None:
        """Write it, and wait where much is unwritten."""

    async def read_response(
        self, disable_decoding: bool = False, timeout: float | None = None, *, disconnect_on_error: bool = True
    ) -> Any:
        """The next reply; ``math.inf`` is no time-out, None the connection's own."""


@dataclass(frozen=True, slots=True)
class Server:
    """What a server says of itself."""

    version: tuple[int, ...]
    form: Form
    is_replica: bool


async def open_wire(
    topology: Topology,
    address: Address,
    timing: Timing,
    *,
    name: str,
    scripts: Sequence[Script] = (),
    is_sentinel: bool = False,
) -> tuple[Wire, Server]:
    """A connection that is logged in, to a server that is what the topology says and knows the scripts.

    Args:
        name: of the connection, for operators who list them.
        is_sentinel: this must be a Sentinel.

    Raises StoreUnavailable within ``timing.connect``, with a text for operators.
    """
    expected = Form.SENTINEL if is_sentinel else Form.CLUSTER if topology.form is Form.CLUSTER else Form.SINGLE
    wire = _wire(topology, address, name)
    try:
        async with asyncio.timeout(timing.connect):
            await wire.connect()
            server = _server(await ask(wire, "HELLO"))
            wrong = _what_is_wrong(server, expected)
            if wrong:
                raise StoreUnavailable(f"{topology.url_of(address)} {wrong}")
            for script in scripts:
                await ask(wire, "SCRIPT", "LOAD", script.text)
    except (*LOST, TimeoutError) as error:
        cut(wire)
        raise StoreUnavailable(_why(topology, address, error)) from error
    except BaseException:
        cut(wire)
        raise
    return wire, server


async def ask(wire: Wire, *words: Word) -> Any:
    """One command and its reply, on a connection that nothing else uses; no time-out."""
    await wire.send_packed_command([pack(*words)], check_health=False)
    return await read(wire)


async def read(wire: Wire) -> Any:
    """The next reply. Raises ResponseError where that is an error, LOST if there will be no more."""
    return await wire.read_response(disable_decoding=True, timeout=math.inf, disconnect_on_error=False)


def cut(wire: Wire) -> None:
    """Close at once, from wherever: a wire that swallows is not waited for."""
    # redis-py's disconnect() waits for what is not written yet: for ever, on a link that swallows.
    connection = cast(Any, wire)
    if connection._writer is not None:
        connection._writer.transport.abort()
    connection._parser.on_disconnect()
    connection._reader = connection._writer = None


def _wire(topology: Topology, address: Address, name: str) -> Wire:
    common: dict[str, Any] = {
        "db": topology.database,
        "username": topology.account.username or None,
        "password": topology.account.password or None,
        "client_name": name,
        "protocol": 2,  # subscriptions have connections of their own, so pushes would gain nothing
        "driver_info": None,
        "socket_timeout": None,  # ours cover whole commands
        "socket_connect_timeout": None,
    }
    connection: Any
    if address.path:
        connection = UnixDomainSocketConnection(path=address.path, **common)
    elif topology.tls is None:
        connection = Connection(host=address.host, port=address.port, **common)
    else:
        connection = SSLConnection(
            host=address.host,
            port=address.port,
            ssl_ca_certs=topology.tls.ca,
            ssl_certfile=topology.tls.certificate,
            ssl_keyfile=topology.tls.key,
            ssl_check_hostname=topology.tls.checks_name,
            ssl_cert_reqs=topology.tls.requires,
            **common,
        )
    return cast(Wire, connection)


def _server(hello: Sequence[Any]) -> Server:
    said = dict(zip(hello[::2], hello[1::2], strict=False))
    version = tuple(int(part) for part in said[b"version"].split(b".") if part.isdigit())
    return Server(version, _MODES.get(said[b"mode"].decode(), Form.SINGLE), said.get(b"role") == b"replica")


def _what_is_wrong(server: Server, expected: Form) -> str:
    if server.form is not expected:
        return _WRONG_MODE[server.form]
    if server.is_replica and expected is Form.SINGLE:
        return "is a replica, which takes no writes: name its master, or Sentinels by redis+sentinel://"
    return ""


def _why(topology: Topology, address: Address, error: BaseException) -> str:
    """Problem, place, next step; nothing of what the URL keeps secret."""
    place = topology.url_of(address)
    cause = error.__cause__ or error.__context__ or error
    match error:
        case TimeoutError() | exceptions.TimeoutError():
            return f"{place} does not answer in time: is it running, and does a firewall let us through?"
        case exceptions.AuthenticationError():
            return f"{place} refuses the log-in ({error}): check user and password of the URL"
        case exceptions.NoPermissionError():
            return f"{place} denies a right that is needed ({error}): see 'The account' in docs/reference/redis.md"
        case exceptions.ResponseError():
            return f"{place} refuses what is needed ({error}): is it Redis 6.2 or later?"
        case _ if isinstance(cause, FileNotFoundError):
            return f"{place} does not exist ({cause}): check the files that the URL names"
        case _:
            return f"{place} cannot be reached ({cause}): is it running, and is the URL right?"
