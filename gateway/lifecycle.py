"""``serve``, from the bound sockets to the exit code: one process, or a supervisor with its workers.

Order of the start: sockets bound, configuration logged, stores connected, ready.

Source: OPS-45, OPS-46, OPS-48, OPS-60, OPS-61, OPS-95.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gateway import __version__
from gateway.app import Gateway, internal_http_server
from gateway.auth.tokens import Tokens
from gateway.config.loading import Loaded
from gateway.config.model import Config
from gateway.config.show import changed
from gateway.config.units import Address
from gateway.failure import ExitCode
from gateway.node import NodeOperations
from gateway.observe.logging import configure
from gateway.run import Run
from gateway.running import Running, announce, forget, make_token
from gateway.sockets import address_of, bound, held
from gateway.supervisor import Supervisor
from gateway.tuning import forget_garbage, raise_descriptor_limit

log = logging.getLogger(__name__)


def serve(loaded: Loaded, environment: Mapping[str, str]) -> ExitCode:
    """Run the gateway until a signal ends it.

    Raises ConfigurationWrong, Failure.
    """
    config = loaded.config
    with bound(config.listen.internal, "listen.internal") as internal:
        name = name_of(config, address_of(internal))
        configure(config.log, node=name)
        for warning in loaded.warnings:
            log.warning(warning)
        raise_descriptor_limit()
        token = make_token(config)
        if config.processes > 1:
            return _serve_by_workers(loaded, environment, internal, name, token)
        return _serve_alone(loaded, environment, internal, name, token)


def _serve_alone(
    loaded: Loaded, environment: Mapping[str, str], internal: socket.socket, name: str, token: str
) -> ExitCode:
    config = loaded.config
    gateway = Gateway(config, name=name, url=f"http://{address_of(internal)}")
    try:
        with (
            bound(config.listen.public, "listen.public") as public,
            announced(loaded, environment, public, internal, token),
        ):
            forget_garbage()
            return asyncio.run(_run_alone(gateway, public, internal, token))
    finally:
        gateway.agents.close()


async def _run_alone(gateway: Gateway, public: socket.socket, internal: socket.socket, token: str) -> ExitCode:
    run = make_run(gateway, public, internal, token)
    return await run.until_told(lambda: tell_urls(gateway.config, run.public, run.internal))


def make_run(gateway: Gateway, public: socket.socket, internal: socket.socket, token: str) -> Run:
    """A run with an internal listener of its own."""
    return Run(gateway, public, internal, lambda run: internal_http_server(gateway.config, NodeOperations(run), token))


def _serve_by_workers(
    loaded: Loaded, environment: Mapping[str, str], internal: socket.socket, name: str, token: str
) -> ExitCode:
    config = loaded.config
    Tokens(config.auth.tokens)  # the key files, too: told once, here, and not by every worker
    with (
        held(config.listen.public, "listen.public") as public,
        announced(loaded, environment, public, internal, token),
    ):
        supervisor = Supervisor(loaded, name, address_of(public), address_of(internal))
        http_server = internal_http_server(config, supervisor, token)
        return asyncio.run(
            supervisor.until_told(
                internal, http_server, lambda: tell_urls(config, address_of(public), address_of(internal))
            )
        )


@contextmanager
def announced(
    loaded: Loaded, environment: Mapping[str, str], public: socket.socket, internal: socket.socket, token: str
) -> Iterator[None]:
    """Commands on this machine find us; and the log tells what we were told."""
    running = Running(
        public=f"http://{address_of(public)}",
        internal=f"http://{address_of(internal)}",
        token=token,
        pid=os.getpid(),
    )
    path = announce(running, loaded.config, environment)
    log.info("configuration", extra={key.replace(".", "_"): value for key, value in changed(loaded).items()})
    try:
        yield
    finally:
        forget(path, running)


def name_of(config: Config, internal: Address) -> str:
    """What other nodes call this gateway: as configured, else what nothing else on any host is called at this time."""
    return config.backplane.name or f"{socket.gethostname()}:{internal.port}"


def tell_urls(config: Config, public: Address, internal: Address) -> None:
    """Say to people where to go."""
    mounts = config.mounts
    paths = ", ".join(mount.path for mount in (mounts.cometd, mounts.genesys, mounts.notifications))
    lines = [
        f"bayeux-gateway {__version__} serves",
        f"  a page to try it   http://{public}/",
        f"  Bayeux             http://{public} at {paths}",
        f"  health, metrics    http://{internal}/health/ready, http://{internal}/metrics",
    ]
    if config.server.enabled:
        lines.insert(2, f"  a customer's page  http://{public}/chat-demo/")
    if config.has_contact_center:
        lines.insert(2, f"  an agent desktop   http://{public}/desktop/")
    if config.is_development:
        lines.append("  development users  Agent1, Agent2; the password is the name")
    elif not config.auth.users and config.auth.tokens.secret is None and not config.auth.tokens.keys:
        lines.append("  nobody can sign in: configure auth.users or auth.tokens, or start with --dev")
    sys.stderr.write("\n".join([*lines, "Ctrl-C stops it.", ""]))
    sys.stderr.flush()
