"""Which pages in browsers may use an API, and what lets them read its answers.

The same origins as for Bayeux: one list decides for both.

Source: CORS-2…6, SEC-30, SEC-33.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bayeux.protocol.options import Options
from bayeux.transports.mount import Mount
from bayeux.transports.origin import Origins, Verdict
from bayeux.transports.proxy import Client


class OriginRefused(Exception):
    """A page that may not has asked for what might change something (CORS-6)."""

    def __init__(self) -> None:
        super().__init__("pages of this origin may not do that")


class Pages:
    """Judges the pages that requests come from, by the options of one mount.

    Args:
        allows: headers of requests that a preflight grants besides those of the mount.
        exposes: headers of answers that pages may read besides those of every answer.
    """

    def __init__(self, mount: Mount, *, allows: Iterable[str] = (), exposes: Iterable[str] = ()) -> None:
        self._mount = mount
        self._allows = tuple(allows)
        self._exposed = ", ".join((*exposes, "X-Request-Id", "Retry-After"))
        self._made_from: Options | None = None
        self._origins = Origins()

    def client(self, peer: str, *, is_secure: bool, headers: Mapping[str, str]) -> Client:
        """Who sends a request, by those proxies that are believed (SEC-96)."""
        return self._mount.rules("long-polling").proxies.client(peer, is_secure, headers)

    def admit(self, method: str, headers: Mapping[str, str], client: Client) -> Mapping[str, str]:
        """The headers that let the page behind a request read the answer.

        Raises OriginRefused for what might change something and comes from a page that may not; what such a page
        gets, it cannot read.
        """
        origins = self._known_origins()
        verdict = origins.judge(headers, client.own_origin)
        if verdict is Verdict.FOREIGN and method not in ("GET", "HEAD"):
            raise OriginRefused
        if verdict is not Verdict.ALLOWED:
            return {}
        lines = origins.headers(headers["origin"], is_preflight=method == "OPTIONS").decode("latin-1").splitlines()
        return {**dict(line.split(": ", 1) for line in lines), "Access-Control-Expose-Headers": self._exposed}

    def _known_origins(self) -> Origins:
        options = self._mount.options("long-polling")
        if options is not self._made_from:  # SRV-7: they may be replaced while we serve
            self._made_from = options
            self._origins = Origins(options.allowed_origins, (*options.allowed_headers, *self._allows))
        return self._origins
