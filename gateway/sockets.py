"""Listening sockets: bound before anything else, so that a port in use is told in one sentence.

A shared port is held by the supervisor, which never listens on it, and listened on by each worker with a socket of its
own: the kernel spreads connections over them, and one that dies takes only what it had accepted.

Source: OPS-40, OPS-45, OPS-48.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from bayeux.transports.listener import BACKLOG
from gateway.config.units import Address
from gateway.failure import Failure


@contextmanager
def bound(address: Address, key: str) -> Iterator[socket.socket]:
    """A listening socket, closed at the end if nobody else has done so; raises Failure."""
    try:
        listening = socket.create_server((address.host, address.port), family=_family(address), backlog=BACKLOG)
    except OSError as error:
        raise _in_use(address, key, error) from None
    listening.setblocking(False)
    with listening:
        yield listening


@contextmanager
def held(address: Address, key: str) -> Iterator[socket.socket]:
    """A socket that keeps a port for our workers and does not listen itself; raises Failure."""
    # Who shares a port shares it with whoever does so, too: another gateway there must be found out before.
    with bound(address, key) as alone:
        free = address_of(alone)
    holding = _shared(free, key)
    with holding:
        yield holding


def shared(address: Address, key: str) -> socket.socket:
    """A socket of one worker, bound to the port that all have, not listening yet; raises Failure."""
    return _shared(address, key)


def address_of(bound: socket.socket) -> Address:
    """Where a socket is bound."""
    host, port = bound.getsockname()[:2]
    return Address(host, port)


def _shared(address: Address, key: str) -> socket.socket:
    own = socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if own.family == socket.AF_INET6:
            own.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        own.setblocking(False)
        own.bind((address.host, address.port))
    except OSError as error:
        own.close()
        raise _in_use(address, key, error) from None
    return own


def _family(address: Address) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address.host else socket.AF_INET


def _in_use(address: Address, key: str, error: OSError) -> Failure:
    return Failure(
        f"{key} = {address} cannot be used ({error.strerror or error}): stop what listens there, or set another"
    )
