"""Where a request comes from: what its head and its connection tell, the same for every request that begins alike.

A polling client sends the same head again and again; whose it is, by which transport, for which page and with
which cookies is found out once and remembered on its connection. What may differ from one request to the next
(the time, the user, whatever hooks write down) is made anew each time, in its ``Context``.

Source: HTTP-2, CORS-2, CORS-3, COOK-5, SEC-34, SEC-96.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayeux.server.transport import Context
from bayeux.transports.adopted.http import Head
from bayeux.transports.browser import browser_of, cookies_of
from bayeux.transports.mount import Mount, TransportName
from bayeux.transports.origin import Verdict

MAX_LOOKS = 64
"""So many ways of how answers look are remembered of a transport; clients have few different ones."""

_HSTS = b"Strict-Transport-Security: max-age=31536000\r\n"  # SEC-34


class Provenance:
    """What is known of the requests with one head, before their bodies are looked at.

    Args:
        peer, secure: of the connection.
        transport: None = what the form of the head says.
    """

    __slots__ = (
        "_browser",
        "_cookies",
        "_http2",
        "_is_used",
        "_path",
        "_peer",
        "_query",
        "_rules",
        "_secure",
        "head",
        "is_admitted",
        "is_preflight",
        "lines",
        "mount",
        "transport",
        "verdict",
    )

    def __init__(
        self, mount: Mount, head: Head, peer: str, secure: bool, transport: TransportName | None = None
    ) -> None:
        self.mount: Mount = mount
        self.head: Head = head
        self.transport: TransportName = transport or _transport_of(head)
        self.is_preflight: bool = head.method == "OPTIONS" or "access-control-request-method" in head.headers
        """A browser asks whether it may ask (CORS-3)."""
        headers = head.headers
        rules = self._rules = mount.rules(self.transport)
        client = rules.proxies.client(peer, secure, headers)
        self._peer, self._secure = client.peer, client.secure
        self._http2 = client.http2 or head.version >= "2"
        self._cookies = cookies_of(headers)
        self._browser = browser_of(self._cookies, rules.options)
        self._is_used = True
        self.is_admitted: bool = False
        """A long poll like this was found admissible, and is for as long as this holds."""
        self._path, _, self._query = head.target.partition("?")
        judge = rules.origins.judge_script if self.transport == "callback-polling" else rules.origins.judge
        self.verdict: Verdict = judge(headers, client.own_origin)
        self.lines: bytes = _HSTS if client.secure else b""
        """What the answers' heads have besides the usual."""
        if self.verdict is Verdict.ALLOWED and "origin" in headers:
            self.lines += rules.origins.headers(headers["origin"], is_preflight=self.is_preflight)

    def was_used(self) -> bool:
        """Whether a request came with it since this was last asked."""
        was_used, self._is_used = self._is_used, False
        return was_used

    @property
    def holds(self) -> bool:
        """Whether it is still true: the options are the same, and no application is to be asked about origins."""
        rules = self._rules
        return rules is self.mount.rules(self.transport) and rules.origins.is_fixed

    def at_rest(self) -> tuple[Provenance, Context]:
        """What an answer will need of it and of a context; the same two for all whose answers will look alike."""
        head, resting = self.head, self._rules.resting
        accepted = head.headers.get("accept-encoding", "")
        look = (head.method, head.version, head.keep_alive, accepted, self.lines)
        if look not in resting:
            if len(resting) >= MAX_LOOKS:
                resting.clear()
            plain = Head(head.method, self.mount.path, head.version, {"accept-encoding": accepted}, head.keep_alive)
            provenance = Provenance(self.mount, plain, "", secure=False, transport=self.transport)
            provenance.lines = self.lines
            resting[look] = provenance, provenance.new_context(None)
        return resting[look]

    def new_context(self, scope: Mapping[str, Any] | None) -> Context:
        """What hooks are told of one request; ``scope`` see there."""
        self._is_used = True
        return Context(
            transport=self.transport,
            options=self._rules.options,
            arrived_at=self.mount.server.clock(),
            headers=self.head.headers,
            cookies=self._cookies,
            peer=self._peer,
            path=self._path,
            query=self._query,
            secure=self._secure,
            http2=self._http2,
            browser=self._browser,
            scope=scope,
        )


def _transport_of(head: Head) -> TransportName:
    """What a request is meant for, by its form (HTTP-2)."""
    if head.method in ("GET", "HEAD") and "websocket" in head.tokens("upgrade"):
        return "websocket"
    return "callback-polling" if head.method == "GET" else "long-polling"
