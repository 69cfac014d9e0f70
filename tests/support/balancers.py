"""Real load balancers with the configurations of ``deploy/``, addresses replaced by those of the test."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.support.ports import HOST, free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
PATIENCE = 60.0
_NODES = re.compile(r"10\.0\.0\.1[12]:8080")

_AROUND_NGINX = """\
daemon off;
pid nginx.pid;
error_log stderr error;
worker_processes 1;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include gateway.conf;
}}
"""


def installed(name: str) -> str:
    """Where a program is; skips the test where it is not."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    return path


@contextmanager
def nginx(directory: Path, nodes: Sequence[str]) -> Iterator[str]:
    """nginx before these nodes (``host:port``); the origin of its port."""
    program, port = installed("nginx"), free_port()
    text = _with_nodes(DEPLOY / "nginx.conf", nodes).replace("listen 80;", f"listen {HOST}:{port};")
    (directory / "gateway.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    (directory / "nginx.conf").write_text(_AROUND_NGINX.format(user=user))
    command = [program, "-p", str(directory), "-c", "nginx.conf", "-e", "stderr"]
    subprocess.run([*command, "-t", "-q"], check=True, timeout=PATIENCE)
    yield from _running(command, port)


@contextmanager
def haproxy(directory: Path, nodes: Sequence[str]) -> Iterator[str]:
    """HAProxy before these nodes; the origin of its port."""
    program, port = installed("haproxy"), free_port()
    configuration = directory / "haproxy.cfg"
    text = _with_nodes(DEPLOY / "haproxy.cfg", nodes).replace("bind :80", f"bind {HOST}:{port}")
    configuration.write_text(text)
    subprocess.run([program, "-c", "-q", "-f", str(configuration)], check=True, timeout=PATIENCE)
    yield from _running([program, "-db", "-f", str(configuration)], port)


Balancer = Callable[[Path, Sequence[str]], AbstractContextManager[str]]

BALANCERS: Mapping[str, Balancer] = {"nginx": nginx, "haproxy": haproxy}


def _with_nodes(path: Path, nodes: Sequence[str]) -> str:
    """The configuration with a line for each of our nodes, made from the first of its own."""
    lines: list[str] = []
    is_told = False
    for line in path.read_text("utf-8").splitlines():
        if not _NODES.search(line):
            lines.append(line)
        elif not is_told:
            is_told = True
            lines += [
                _NODES.sub(node, line).replace("node1", f"node{number}") for number, node in enumerate(nodes, start=1)
            ]
    return "\n".join([*lines, ""])


def _running(command: Sequence[str], port: int) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            _wait_for(port, process)
            yield f"http://{HOST}:{port}"
        finally:
            process.terminate()
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while True:
        assert process.poll() is None, "the load balancer has ended at once"
        try:
            socket.create_connection((HOST, port), timeout=1).close()
        except OSError:
            assert time.monotonic() < end, "the load balancer does not listen"
            time.sleep(0.02)
        else:
            return
