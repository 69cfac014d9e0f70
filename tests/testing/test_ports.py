"""Ports for the programs under test: which they are, and that nobody else has them."""

from __future__ import annotations

import random
import socket
from itertools import islice

from tests.support.ports import HIGHEST, HOST, LOWEST, free_ports, in_turn, share

WORKERS = ["", *(f"gw{number}" for number in range(15))]


def test_they_are_no_connections_ports() -> None:
    """A connection may have any port from there on, at any moment."""
    for worker in (*WORKERS, "gw99"):
        ports = share(worker)
        assert LOWEST <= ports[0] < ports[-1] <= HIGHEST
        assert len(ports) > 1000


def test_workers_do_not_share_them() -> None:
    ports = [port for worker in WORKERS for port in share(worker)]
    assert len(set(ports)) == len(ports)


def test_none_comes_again_soon() -> None:
    """A program that ended may have left its port to one that starts again there."""
    assert len(set(free_ports(200))) == 200


def test_one_that_is_listened_on_is_left_out() -> None:
    (begin,) = free_ports(1)
    with socket.create_server((HOST, begin)):
        assert begin not in islice(in_turn(range(begin, begin + 5), random.randrange(9)), 12)
