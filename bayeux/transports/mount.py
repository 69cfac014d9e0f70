"""A place where a Bayeux server is served: a path, and what is different there.

Rules: HTTP-1, CORS-1, SEC-96; every option can be given for the server, for a mount and for one
of its transports, and the most specific one wins.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from bayeux.protocol.options import Options
from bayeux.server.server import BayeuxServer
from bayeux.server.transport import Context
from bayeux.transports.origin import IsAllowed, Origins
from bayeux.transports.proxy import Proxies

if TYPE_CHECKING:
    from bayeux.transports.adopted.http import Common
    from bayeux.transports.provenance import Judgement, Provenance

log: logging.Logger = logging.getLogger(__name__)

Identify = Callable[[Context], "str | None | Awaitable[str | None]"]
"""Who this HTTP request or WebSocket upgrade is authenticated as; None = nobody.

May set ``context.answer_headers``, and raise ``Unavailable`` where it cannot tell now: 503."""

_ENDS = ("", "/", "?")
"""What may stand behind a mount's path."""

TransportName = Literal["websocket", "long-polling", "callback-polling"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What one transport of a mount goes by."""

    options: Options
    origins: Origins
    proxies: Proxies
    judged: dict[tuple[Common, bool], Judgement] = field(default_factory=dict, compare=False, repr=False)
    """See ``provenance.judge``."""
    resting: dict[Hashable, tuple[Provenance, Context]] = field(default_factory=dict, compare=False, repr=False)
    """See ``Provenance.at_rest``."""


class Mounting(TypedDict, total=False):
    """What a ``Mount`` is made with besides its server."""

    path: str
    overrides: Mapping[str, Any] | None
    long_polling: Mapping[str, Any] | None
    callback_polling: Mapping[str, Any] | None
    websocket: Mapping[str, Any] | None
    identify: Identify | None
    is_origin_allowed: IsAllowed | None


class Mount:
    """Serves ``server`` at ``path``, ``path/`` and everything below it.

    Args:
        overrides: options of this mount; ``long_polling``, ``callback_polling`` and ``websocket`` those of one
            transport here.
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
        callback_polling: Mapping[str, Any] | None = None,
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
        self._is_origin_allowed = is_origin_allowed
        specific: dict[TransportName, Mapping[str, Any]] = {
            "long-polling": long_polling or {},
            "callback-polling": callback_polling or {},
            "websocket": websocket or {},
        }
        self._changes = {transport: {**(overrides or {}), **changes} for transport, changes in specific.items()}
        self._made_from = server.options
        self._rules = self._make_rules()
        server.mounts.add(self)

    def options(self, transport: TransportName) -> Options:
        """What this transport goes by here."""
        return self.rules(transport).options

    def rules(self, transport: TransportName) -> Rules:
        """The same with what was made of them; made anew when the server's options were replaced (SRV-7)."""
        if self._made_from is not self.server.options:
            self._made_from = self.server.options
            try:
                self._rules = self._make_rules()
            except ValueError:
                log.exception("%s goes on with its former options: its own contradict the new ones", self.path or "/")
        return self._rules[transport]

    def _make_rules(self) -> dict[TransportName, Rules]:
        rules: dict[TransportName, Rules] = {}
        for transport, changes in self._changes.items():
            options = self.server.options.replaced(changes)
            origins = Origins(options.allowed_origins, options.allowed_headers, self._is_origin_allowed)
            rules[transport] = Rules(options, origins, Proxies(options.trusted_proxies))
        return rules

    def covers(self, target: str) -> bool:
        """Whether a request target leads here (HTTP-1). Nothing is decoded: names are compared as sent."""
        return target.startswith(self.path) and target[len(self.path) : len(self.path) + 1] in _ENDS


def mounts_of(served: Iterable[Mount | BayeuxServer], mounting: Mounting) -> tuple[Mount, ...]:
    """The mounts themselves, and one for each server, made with ``mounting``.

    Raises TypeError where nothing is served, or ``mounting`` is given and nobody is there to take it.
    """
    given = tuple(served)
    if not given or not all(isinstance(each, Mount | BayeuxServer) for each in given):
        raise TypeError(f"nothing to serve: give a BayeuxServer or a Mount, not {given!r:.80}")
    if mounting and all(isinstance(each, Mount) for each in given):
        raise TypeError(f"{', '.join(mounting)}: a Mount has its own; give a BayeuxServer in its place")
    return tuple(each if isinstance(each, Mount) else Mount(each, **mounting) for each in given)


def mount_of(mounts: Iterable[Mount], target: str) -> Mount | None:
    """The mount that a request target leads to; the longest path wins."""
    longest = None
    for mount in mounts:
        if mount.covers(target) and (longest is None or len(mount.path) > len(longest.path)):
            longest = mount
    return longest
