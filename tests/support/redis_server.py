"""Real Redis servers in processes of their own: one, with TLS, with accounts, behind Sentinels, as a Cluster.

They keep nothing on disk, listen on free ports of 127.0.0.1, and end with the block that started them.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote

import redis

from tests.support.ports import HOST, free_port, free_ports

MASTER = "gateway"
"""What Sentinels call the master."""
USER, PASSWORD, SENTINEL_PASSWORD = "node", "not-to:be/shown", "neither-this"
PATIENCE = 60.0
"""Seconds within which a server must be ready, or a condition hold."""

RIGHTS = "~bayeux* &bayeux* +@read +@write +@pubsub +@scripting +@connection +time -@dangerous +cluster|slots"
"""What the documentation says a node's account must have; prefixes of tests begin alike."""


class RedisServer:
    """One process; ``start`` it again after ``stop`` or ``kill``: same port, nothing remembered.

    Args:
        folder: its own.
        options: of its command line, without the dashes.
        secure: it speaks TLS, with the certificate of ``certificate(folder)``.
        password: everybody must say it.
    """

    def __init__(
        self, folder: Path, *options: str, port: int | None = None, secure: bool = False, password: str = ""
    ) -> None:
        self.folder = folder
        self.port = port or free_port()
        self.secure = secure
        self._password = password
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As ``redis://``, with its password if it has one."""
        return f"redis://{_userinfo(self._password)}{HOST}:{self.port}"

    @property
    def socket_path(self) -> Path:
        """Its Unix socket."""
        return self.folder / "redis.sock"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns when it answers."""
        words = [
            *("redis-server", "--port", "0" if self.secure else str(self.port), "--bind", HOST),
            *("--unixsocket", str(self.socket_path), "--dir", str(self.folder), "--loglevel", "warning"),
            *("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"),
        ]
        if self.secure:
            words += ["--tls-port", str(self.port), "--tls-auth-clients", "no"]
            words += ["--tls-cert-file", str(self.folder / "cert.pem"), "--tls-key-file", str(self.folder / "key.pem")]
            words += ["--tls-ca-cert-file", str(self.folder / "cert.pem")]
        if self._password:
            words += ["--requirepass", self._password, "--masterauth", self._password]
        self._process = subprocess.Popen([*words, *self._options], stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def stop(self) -> None:
        """End it as its operator would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """It dies as it stands."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """It does nothing, and the kernel goes on to take what is sent to it."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *words: str | int) -> Any:
        """One command, as its operator; by the socket, so also where there is TLS."""
        path, password = str(self.socket_path), self._password or None
        with redis.Redis(unix_socket_path=path, password=password, protocol=2, decode_responses=True) as client:
            return _ask(client, *words)

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "redis-server has ended at once"
        try:
            return self.ask("PING") is not None
        except (redis.ConnectionError, OSError):
            return False

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.send_signal(signal.SIGCONT)
            self._process.wait(PATIENCE)


class Sentinels:
    """A master with a replica, and three who watch them; all want ``PASSWORD``, or ``SENTINEL_PASSWORD``."""

    def __init__(self, servers: Sequence[RedisServer], sentinels: Sequence[_Sentinel]) -> None:
        self.servers = servers
        self.sentinels = sentinels

    @property
    def url(self) -> str:
        """Of the master by its name, with both passwords."""
        hosts = ",".join(f"{HOST}:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{_userinfo(PASSWORD)}{hosts}/{MASTER}?sentinel_password={SENTINEL_PASSWORD}"

    @property
    def master(self) -> RedisServer:
        """By the first Sentinel."""
        return self._of(self.sentinels[0].master_port())

    @property
    def replica(self) -> RedisServer:
        """The other one."""
        master = self.master
        return next(server for server in self.servers if server is not master)

    def fail_over(self) -> None:
        """Have the replica promoted, as an operator would; returns when all Sentinels know."""
        before = self.master.port
        self.sentinels[0].ask("SENTINEL", "FAILOVER", MASTER)
        self.wait_for_other_than(before)

    def wait_for_other_than(self, port: int) -> None:
        """Returns when all Sentinels name another master."""
        wait_until(lambda: all(each.master_port() != port for each in self.sentinels))

    def _of(self, port: int) -> RedisServer:
        return next(server for server in self.servers if server.port == port)


class _Sentinel:
    def __init__(self, folder: Path, master: RedisServer) -> None:
        self.port = free_port()
        path = folder / "sentinel.conf"
        path.write_text(
            f"port {self.port}\nbind {HOST}\ndir {folder}\nloglevel warning\n"
            f"requirepass {SENTINEL_PASSWORD}\nsentinel sentinel-pass {SENTINEL_PASSWORD}\n"
            f"sentinel monitor {MASTER} {HOST} {master.port} 2\nsentinel auth-pass {MASTER} {PASSWORD}\n"
            f"sentinel down-after-milliseconds {MASTER} 700\nsentinel failover-timeout {MASTER} 3000\n"
        )
        self._process = subprocess.Popen(["redis-server", str(path), "--sentinel"], stdout=subprocess.DEVNULL)
        wait_until(self._answers)

    def ask(self, *words: str) -> Any:
        with redis.Redis(HOST, self.port, password=SENTINEL_PASSWORD, protocol=2, decode_responses=True) as client:
            return _ask(client, *words)

    def master_port(self) -> int:
        return int(self.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)[1])

    def knows_others(self) -> bool:
        """The other Sentinels, and the replica."""
        answer = self.ask("SENTINEL", "MASTER", MASTER)
        known = dict(zip(answer[::2], answer[1::2], strict=True))
        return int(known["num-other-sentinels"]) == 2 and int(known["num-slaves"]) == 1

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)

    def _answers(self) -> bool:
        assert self._process.poll() is None, "redis-sentinel has ended at once"
        try:
            return bool(self.ask("PING"))
        except (redis.ConnectionError, OSError):
            return False


class RedisCluster:
    """Three masters that share the slots, perhaps with a replica each."""

    def __init__(self, masters: Sequence[RedisServer], replicas: Sequence[RedisServer]) -> None:
        self.masters = masters
        self.replicas = replicas

    @property
    def url(self) -> str:
        """Of all masters."""
        return f"redis+cluster://{','.join(f'{HOST}:{each.port}' for each in self.masters)}"

    def owner(self, slot: int) -> RedisServer:
        """Who has a slot, by the first master that answers."""
        for server in [*self.masters, *self.replicas]:
            try:
                ranges = server.ask("CLUSTER", "SLOTS")
            except (redis.ConnectionError, OSError):
                continue
            for first, last, master, *_ in ranges:
                if first <= slot <= last:
                    return next(each for each in [*self.masters, *self.replicas] if each.port == master[1])
        raise AssertionError(f"nobody has slot {slot}")

    def move(self, slot: int, target: RedisServer) -> None:
        """Give a slot with its keys to another master, as an operator would."""
        source = self.owner(slot)
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.ask("CLUSTER", "MYID"))
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.ask("CLUSTER", "MYID"))
        while keys := source.ask("CLUSTER", "GETKEYSINSLOT", slot, 100):
            source.ask("MIGRATE", HOST, target.port, "", 0, 5000, "KEYS", *keys)
        for server in (target, source, *self.masters):
            server.ask("CLUSTER", "SETSLOT", slot, "NODE", target.ask("CLUSTER", "MYID"))


@contextmanager
def redis_server(*options: str, port: int | None = None, password: str = "") -> Iterator[RedisServer]:
    """One server."""
    with TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), *options, port=port, password=password)
        server.start()
        try:
            yield server
        finally:
            server.kill()


@dataclass(frozen=True)
class SecureRedis:
    """A server with TLS that knows one account, which may do no more than it must."""

    server: RedisServer
    url: str
    """With user, password and the file of its certificate."""


@contextmanager
def secure_redis() -> Iterator[SecureRedis]:
    """With TLS and an account: ``USER``, whose keys and channels begin with "bayeux"."""
    with TemporaryDirectory(prefix="redis-") as name:
        folder = Path(name)
        certificate(folder)
        server = RedisServer(folder, secure=True)
        server.start()
        try:
            server.ask("ACL", "SETUSER", USER, "on", f">{PASSWORD}", *RIGHTS.split())
            place = f"{_userinfo(PASSWORD, USER)}{HOST}:{server.port}"
            yield SecureRedis(server, f"rediss://{place}?ssl_ca_certs={folder / 'cert.pem'}")
        finally:
            server.kill()


@contextmanager
def redis_sentinels() -> Iterator[Sentinels]:
    """A master, a replica, three Sentinels who agree within a second that the master is down."""
    with ExitStack() as stack:
        master = stack.enter_context(redis_server(password=PASSWORD))
        options = ("--replicaof", HOST, str(master.port))
        replica = stack.enter_context(redis_server(*options, password=PASSWORD))
        wait_until(lambda: "master_link_status:up" in replica.ask("INFO"))
        sentinels = []
        for _ in range(3):
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="sentinel-")))
            sentinel = _Sentinel(folder, master)
            stack.callback(sentinel.stop)
            sentinels.append(sentinel)
        wait_until(lambda: all(each.knows_others() for each in sentinels))
        yield Sentinels((master, replica), sentinels)


@contextmanager
def redis_cluster(*, replicas: bool = False) -> Iterator[RedisCluster]:
    """Three masters; with a replica each, one that dies is replaced within about two seconds."""
    with ExitStack() as stack:
        servers = []
        for _ in range(6 if replicas else 3):
            port, bus = free_ports(2)
            options = ("--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000")
            server = stack.enter_context(redis_server(*options, "--cluster-replica-validity-factor", "0", port=port))
            servers.append(server)
        first_bus = int(servers[0].ask("CONFIG", "GET", "cluster-port")[1])
        masters, others = servers[:3], servers[3:]
        bounds = (0, 5461, 10923, 16384)
        for number, server in enumerate(masters):
            server.ask("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
        for number, server in enumerate(servers):
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in servers[1:]:
            server.ask("CLUSTER", "MEET", HOST, servers[0].port, first_bus)
        wait_until(lambda: all(len(server.ask("CLUSTER", "NODES").splitlines()) == len(servers) for server in servers))
        for master, replica in zip(masters, others, strict=False):
            replica.ask("CLUSTER", "REPLICATE", master.ask("CLUSTER", "MYID"))
        wait_until(lambda: all("cluster_state:ok" in server.ask("CLUSTER", "INFO") for server in servers))
        wait_until(lambda: all("master_link_status:up" in replica.ask("INFO") for replica in others))
        yield RedisCluster(masters, others)


def wait_until(holds: Callable[[], bool]) -> None:
    """Ask until it holds; AssertionError if it does not in time."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, "a server did not become ready"
        time.sleep(0.02)


def has_redis() -> bool:
    """Whether a server can be started here."""
    return shutil.which("redis-server") is not None


def certificate(folder: Path) -> None:
    """Write cert.pem and key.pem, of our own making, for 127.0.0.1."""
    from cryptography.x509 import BasicConstraints

    from tests.support.certificates import self_signed

    made, private = self_signed(HOST, extensions=[BasicConstraints(ca=True, path_length=None)])
    (folder / "cert.pem").write_bytes(made)
    (folder / "key.pem").write_bytes(private)


def _userinfo(password: str, user: str = "") -> str:
    return f"{user}:{quote(password, safe='')}@" if password else ""


def _ask(client: redis.Redis, *words: str | int) -> Any:
    """The reply as it came."""
    client.response_callbacks.clear()
    return client.execute_command(*words)
