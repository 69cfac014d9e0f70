"""The cookies of one client with one server: kept and sent back, also on a WebSocket upgrade (WS-32).

One origin is all there is, so ``Domain`` has nothing to decide.

Source: RFC 6265, section 5, as far as one origin needs it; COOK-1…4.
"""

from __future__ import annotations

from http.cookies import CookieError, Morsel, SimpleCookie


class Cookies:
    """What the server has set; the newest value of a name counts."""

    def __init__(self) -> None:
        self._morsels: dict[str, Morsel[str]] = {}

    def store(self, set_cookie: str) -> None:
        """Take the value of one ``Set-Cookie`` header; what is no cookie is ignored, as browsers do."""
        try:
            morsels = SimpleCookie(set_cookie)
        except CookieError:
            return
        for name, morsel in morsels.items():
            # A server deletes a cookie by a life of nothing; other life times outlast this client.
            if morsel["max-age"] in ("0", "-1") or "1970" in morsel["expires"]:
                self._morsels.pop(name, None)
            else:
                self._morsels[name] = morsel

    def header(self, path: str, *, secure: bool) -> str:
        """The ``Cookie`` header of a request to ``path``, empty if there are none for it."""
        return "; ".join(
            f"{name}={morsel.coded_value}"
            for name, morsel in self._morsels.items()
            if _covers(morsel["path"], path) and (secure or not morsel["secure"])
        )


def _covers(cookie_path: str, path: str) -> bool:
    if not cookie_path.startswith("/"):
        return True
    return path == cookie_path or path.startswith(cookie_path.rstrip("/") + "/")
