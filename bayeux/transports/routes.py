"""Routes for any Tornado application: ``Application([*make_handlers(mount), …])``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPServerRequest
from tornado.routing import Matcher, Rule

from bayeux.transports.adopted.http import origin_form
from bayeux.transports.handlers import BayeuxHandler, Entrance
from bayeux.transports.mount import Mount, mount_of


class OnMount(Matcher):
    """Matches requests that lead to one of the mounts; nothing of the path is decoded (HTTP-1)."""

    def __init__(self, mounts: Iterable[Mount]) -> None:
        self._mounts = tuple(mounts)

    def match(self, request: HTTPServerRequest) -> dict[str, Any] | None:
        """Tornado: None, or the arguments of the handler's methods."""
        return None if mount_of(self._mounts, origin_form(request.uri or "")) is None else {}


def make_handlers(*mounts: Mount, http_server: HTTPServer | None = None) -> list[Rule]:
    """Rules that serve these mounts; put them before rules that match everything.

    The head of a connection's first request is Tornado's to wait for: give its ``HTTPServer`` an
    ``idle_connection_timeout``, which is an hour otherwise (SEC-L4).

    Args:
        http_server: see ``Entrance``.
    """
    return rules_of(Entrance(mounts, http_server))


def rules_of(entrance: Entrance) -> list[Rule]:
    """The same for an entrance that is to be closed with the application."""
    return [Rule(OnMount(entrance.mounts), BayeuxHandler, {"entrance": entrance})]
