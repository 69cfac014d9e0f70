"""Which pages in browsers may use the API, and what lets them read our answers.

The same origins as for Bayeux: one list decides for both.

Source: CORS-2…6, SEC-30, AG-13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bayeux.protocol.options import Options
from bayeux.transports.mount import Mount
from bayeux.transports.origin import Origins, Verdict
from bayeux.transports.proxy import Client
from gateway.agents.refusal import FORBIDDEN
from gateway.api.answers import RequestRefused
from gateway.auth.http_sessions import CSRF_HEADER

_EXPOSED: Final = f"X-CSRF-HEADER, {CSRF_HEADER}, X-Request-Id, Retry-After"


class OriginRefused(RequestRefused):
    """CORS-6."""

    def __init__(self) -> None:
        super().__init__(403, FORBIDDEN, "pages of this origin may not do that")


class Pages:
    """Judges the pages that requests come from, by the options of one mount."""

    def __init__(self, mount: Mount) -> None:
        self._mount = mount
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
        return {**dict(line.split(": ", 1) for line in lines), "Access-Control-Expose-Headers": _EXPOSED}

    def _known_origins(self) -> Origins:
        options = self._mount.options("long-polling")
        if options is not self._made_from:  # SRV-7: they may be replaced while we serve
            self._made_from = options
            self._origins = Origins(options.allowed_origins, (*options.allowed_headers, CSRF_HEADER))
        return self._origins
