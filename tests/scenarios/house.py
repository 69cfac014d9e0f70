"""A contact center as its people meet it: gateways in processes of their own, and nothing of our code beside them.

Embedded it is one node with a file; with Redis it has as many nodes as are wanted. A node that was killed starts again
on the same ports.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import argon2

from tests.support.ports import free_ports

PATIENCE = 60.0
"""Seconds; what has not happened by then will not."""
ROOT = Path(__file__).parents[2]
MAILBOX = "support@localhost"
ROBOT = "Robot"
"""Signs in to bring mails."""

_LIGHT = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a house differs from the usual one; times in seconds."""

    agents: int = 4
    """Agent1, Agent2 and so on; the password is the name."""
    accept: Mapping[str, float] | None = None
    """Medium to the time for which an invitation stands; 30 and 60 unless said."""
    most_chats: int = 3
    settings: tuple[str, ...] = ()
    """More of them, each as ``KEY=VALUE``."""
    sections: str = ""
    """More of the file."""

    def toml(self, store: str) -> str:
        """The configuration; ``store`` says where things are kept."""
        accept = {"chat": 30.0, "email": 60.0, **(self.accept or {})}
        lines = [
            store,
            "[bayeux]\nsession_message_rate = 0.0",  # a scenario has few customers, who talk fast
            '[agent]\nreasons = ["OutToLunch"]',
            _mrd("chat", self.most_chats, accept["chat"], "SimpleChatInQueue"),
            _mrd("email", 5, accept["email"], "SimpleEmailInQueue"),
            '[[mre.queues]]\nname = "SimpleChatInQueue"\nmrd = "chat"\nin_queues = ["SimpleChatTranscriptQueue"]\n'
            'strategy = "SimpleChatInStrategy"',
            '[[mre.queues]]\nname = "SimpleEmailInQueue"\nmrd = "email"\nin_queues = ["__STOP__"]\n'
            'out_queues = ["SimpleEmailOutQueue"]\nstrategy = "SimpleEmailInStrategy"',
            '[[workbins]]\nname = "Personal"',
            f'[[mail.mailboxes]]\naddress = "{MAILBOX}"\nqueue = "SimpleEmailInQueue"',
            *(_user(f"Agent{n}", "agent") for n in range(1, self.agents + 1)),
            _user(ROBOT, "service"),
            self.sections,
        ]
        return "\n\n".join(lines) + "\n"


def _mrd(id: str, most: int, accept: float, queue: str) -> str:
    timeout = f"{round(accept * 1000)}ms"
    return f'[[mre.mrds]]\nid = "{id}"\nmax_tasks = {most}\naccept_timeout = "{timeout}"\ndefault_queue = "{queue}"'


def _user(name: str, role: str) -> str:
    return f'[[auth.users]]\nname = "{name}"\nroles = ["{role}"]\npassword_hash = "{_LIGHT.hash(name)}"'


class Node:
    """One gateway process."""

    def __init__(self, name: str, directory: Path, settings: tuple[str, ...]) -> None:
        self.name = name
        self.directory = directory
        self._public, self._internal = free_ports(2)
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        """Of its public listener. A name, because aiohttp keeps no cookies of a bare address."""
        return f"http://localhost:{self._public}"

    def start(self) -> None:
        """Returns when it is ready."""
        settings = [
            *(
                f"listen.{kind}=127.0.0.1:{port}"
                for kind, port in (("public", self._public), ("internal", self._internal))
            ),
            *self._settings,
        ]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        with (self.directory / f"{self.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--dev", "-c", str(self.directory / "house.toml")]
                + [word for setting in settings for word in ("--set", setting)],
                env={**environment, "XDG_RUNTIME_DIR": str(self.directory), "PYTHONPATH": str(ROOT)},
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def ready(self) -> None:
        """Wait until it is."""
        async with asyncio.timeout(PATIENCE):
            while not await asyncio.to_thread(self._is_ready):
                assert self._process is not None
                assert self._process.poll() is None, (self.directory / f"{self.name}.log").read_text()[-3000:]
                await asyncio.sleep(0.1)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._public, timeout=PATIENCE)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def kill(self) -> None:
        """At once, without a word."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As an operator does it."""
        self._end(signal.SIGTERM)

    def _end(self, how: int) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(PATIENCE)


class House:
    """All nodes, and the door for what comes from outside."""

    def __init__(self, directory: Path, plan: Plan, *, nodes: int = 1, redis: str = "") -> None:
        store = f'redis = "{redis}"' if redis else f'data_dir = "{directory / "data"}"'
        (directory / "house.toml").write_text(plan.toml(store), encoding="utf-8")
        (directory / "house.toml").chmod(0o600)
        self.nodes = [Node(f"node{n}", directory, plan.settings) for n in range(nodes)]
        self.directory = directory

    async def open(self) -> None:
        """Start all nodes."""
        for node in self.nodes:
            node.start()
        for node in self.nodes:
            await node.ready()

    def close(self) -> None:
        """Stop them; what they wrote as errors is raised."""
        for node in self.nodes:
            node.stop()
        errors = [line for node in self.nodes for line in self._errors_of(node)]
        assert not errors, "\n".join(errors)

    async def bring_mail(self, mail: bytes, mailbox: str = MAILBOX, node: int = 0) -> str:
        """By HTTP, as a program does it; the id of the interaction."""
        status, said = await asyncio.to_thread(self._post_mail, mail, mailbox, self.nodes[node])
        assert (status, said.get("statusCode")) == (200, 0), said
        id: str = said["id"]
        return id

    async def token(self, user: str) -> str:
        """A bearer token, as an operator makes it."""
        command = [sys.executable, "-m", "gateway", "token", "make", "--dev", user]
        made = await asyncio.to_thread(
            subprocess.run, command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True
        )
        return made.stdout.decode().strip()

    def _post_mail(self, mail: bytes, mailbox: str, node: Node) -> tuple[int, Any]:
        connection = http.client.HTTPConnection(urlsplit(node.origin).netloc, timeout=PATIENCE)
        password = base64.b64encode(f"{ROBOT}:{ROBOT}".encode()).decode()
        headers = {"Content-Type": "message/rfc822", "Authorization": f"Basic {password}"}
        try:
            connection.request("POST", f"/api/v2/emails?mailbox={mailbox}", mail, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def _errors_of(self, node: Node) -> list[str]:
        log = self.directory / f"{node.name}.log"
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        records = [json.loads(line) for line in lines if line.startswith("{")]
        return [json.dumps(record) for record in records if record["level"] in ("error", "critical")]
