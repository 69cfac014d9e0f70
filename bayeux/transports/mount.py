"""A place where a Bayeux server is served: a path, and what is different there.

Rules: HTTP-1, CORS-1, SEC-96; every option can be given for the server, for a mount and for one
of its transports, and the most specific one wins.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.origin import IsAllowed, Origins
from bayeux.transports.proxy import Proxies

Identify = Callable[[Context], "str | None | Awaitable[str | None]"]
"""Who this HTTP request or WebSocket upgrade is authenticated as; None = nobody.

May set ``context.answer_headers``, and raise ``Unavailable`` where it cannot tell now: 503."""

TransportName = Literal["websocket", "long-polling"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What one transport of a mount goes by."""

    options: Options
    origins: Origins
    proxies: Proxies


class Mount:
    """Serves ``server`` at ``path``, ``path/`` and everything below it.

    Args:
        overrides: options of this mount; ``long_polling`` and ``websocket`` those of one transport here.
        identify: asked once for each request and each upgrade, after the origin was allowed. May be awaitable.
            If it raises anything but ``Unavailable``, the request gets 500.
        is_origin_allowed: asked for origins that ``allowed_origins`` does not list (CORS-1).

    Raises ValueError for a path that is not one, and for options that do not exist or contradict each other.
    """

    def __init__(
        self,
        server: BayeuxServer,
        path: str = "/cometd",
        *,
        overrides: Mapping[str, Any] | None = None,
        long_polling: Mapping[str, Any] | None = None,
        websocket: Mapping[str, Any] | None = None,
        identify: Identify | None = None,
        is_origin_allowed: IsAllowed | None = None,
    ) -> None:
        path = path.rstrip("/")
        if path and not path.startswith("/"):
            raise ValueError(f"a mount's path begins with /, unlike {path!r}")
        self.server = server
        self.path = path
        self.identify = identify
        self._rules: dict[TransportName, Rules] = {}
        specific: dict[TransportName, Mapping[str, Any]] = {
            "long-polling": long_polling or {},
            "websocket": websocket or {},
        }
        for transport, changes in specific.items():
            options = server.options.replaced({**(overrides or {}), **changes})
            origins = Origins(options.allowed_origins, options.allowed_headers, is_origin_allowed)
            self._rules[transport] = Rules(options, origins, Proxies(options.trusted_proxies))

    def options(self, transport: TransportName) -> Options:
        """What this transport goes by here."""
        return self._rules[transport].options

    def rules(self, transport: TransportName) -> Rules:
        """The same with what was made of them."""
        return self._rules[transport]

    def covers(self, target: str) -> bool:
        """Whether a request target leads here (HTTP-1). Nothing is decoded: names are compared as sent."""
        rest = target[len(self.path) :]
        return target.startswith(self.path) and (not rest or rest[0] in "/?")


def mount_of(mounts: Iterable[Mount], target: str) -> Mount | None:
    """The mount that a request target leads to; the longest path wins."""
    covering = [mount for mount in mounts if mount.covers(target)]
    return max(covering, key=lambda mount: len(mount.path), default=None)
