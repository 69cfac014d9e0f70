"""Routes for any Tornado application: ``Application([*make_handlers(server), …])``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Unpack

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule

from bayeux.server.server import BayeuxServer
from bayeux.transports.adopted.http import origin_form
from bayeux.transports.handlers import BayeuxHandler, Entrance
from bayeux.transports.mount import Mount, Mounting, mount_of, mounts_of


class OnMount(Matcher):
    """Matches requests that lead to one of the mounts; nothing of the path is decoded (HTTP-1)."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._mounts = tuple(mounts)

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Tornado: None, or the arguments of the handler's methods."""
        return None if mount_of(self._mounts, origin_form(request.uri or "")) is None else {}


def make_handlers(
    *served: Mount | BayeuxServer, http_server: HTTPServer | None = None, **mounting: Unpack[Mounting]
) -> list[Rule]:
    """Rules that serve these mounts; put them before rules that match everything.

    A server stands for a mount of it at ``/cometd``. Whoever makes the server starts and stops it.

    The head of a connection's first request is Tornado's to wait for: give its ``HTTPServer`` an
    ``idle_connection_timeout``, which is an hour otherwise (SEC-L4).

    Args:
        http_server: see ``Entrance``.
        mounting: what ``Mount`` takes besides a server, for the servers among ``served``.

    Raises TypeError, ValueError for what does not make a mount.
    """
    return rules_of(Entrance(mounts_of(served, mounting), http_server))


def rules_of(entrance: Entrance) -> list[Rule]:
    """The same for an entrance that is to be closed with the application."""
    return [Rule(OnMount(entrance.mounts), BayeuxHandler, {"entrance": entrance})]
