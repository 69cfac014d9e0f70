"""Mounts: what they go by, also after the server's options were replaced."""

from __future__ import annotations

import pytest

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.transports.mount import Mount


@pytest.mark.spec("SRV-7")
def test_a_mount_follows_the_servers_options_but_keeps_its_own() -> None:
    server = BayeuxServer(Options(timeout=10))
    mount = Mount(server, overrides={"interval": 2.0}, websocket={"timeout": 20.0})
    server.configure(timeout=7.0, interval=1.0, max_interval=3.0)
    polling, socket = mount.options("long-polling"), mount.options("websocket")
    assert (polling.timeout, polling.interval, polling.max_interval) == (7.0, 2.0, 3.0)
    assert (socket.timeout, socket.interval, socket.max_interval) == (20.0, 2.0, 3.0)


@pytest.mark.spec("SRV-7", "SEC-4")
@pytest.mark.expected_logs("goes on with its former options")
def test_a_mount_whose_own_options_contradict_the_new_ones_goes_on_with_the_former() -> None:
    server = BayeuxServer()
    mount = Mount(server, websocket={"timeout": 200.0})
    server.configure(ws_idle_timeout=100.0)
    assert mount.options("websocket").ws_idle_timeout == 300.0
    assert mount.options("websocket").timeout == 200.0
