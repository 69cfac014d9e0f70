"""Where a request comes from: what its head and its connection tell, the same for every request that begins alike.

A polling client sends the same head again and again; whose it is, by which transport, for which page and with
which cookies is found out once and remembered on its connection. What may differ from one request to the next
(the time, the user, whatever hooks write down) is made anew each time, in its ``Context``.

Source: HTTP-2, CORS-2, CORS-3, COOK-5, SEC-34, SEC-96.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bayeux.server.transport import Context
from bayeux.transports.adopted.http import Head
from bayeux.transports.browser import browser_of, cookies_of
from bayeux.transports.mount import Mount, Rules, TransportName
from bayeux.transports.origin import Verdict

MAX_LOOKS = 64
"""So many ways of how answers look are remembered of a transport; clients have few different ones."""

MAX_JUDGED = 512
"""So many forms of heads are remembered of a transport."""

_HSTS = b"Strict-Transport-Security: max-age=31536000\r\n"  # SEC-34


class Judgement(NamedTuple):
    """What a mount makes of all heads that differ at most in the lines of one client."""

    is_preflight: bool
    peer: str | None
    """The client, if a proxy tells of one; None = whoever the connection is with."""
    secure: bool
    http2: bool
    path: str
    query: str
    verdict: Verdict
    lines: bytes


def judge(rules: Rules, transport: TransportName, head: Head, peer: str, secure: bool) -> Judgement:
    """The judgement of a head; remembered where neither an application nor a proxy has a say in it."""
    common = head.common
    if common is not None and (known := rules.judged.get((common, secure))) is not None:
        return known
    headers = head.headers
    is_preflight = head.method == "OPTIONS" or "access-control-request-method" in headers
    client = rules.proxies.client(peer, secure, headers)
    origins = rules.origins
    verdict = (origins.judge_script if transport == "callback-polling" else origins.judge)(headers, client.own_origin)
    lines = _HSTS if client.secure else b""
    if verdict is Verdict.ALLOWED and "origin" in headers:
        lines += origins.headers(headers["origin"], is_preflight=is_preflight)
    has_proxies = rules.proxies.are_trusted
    path, _, query = head.target.partition("?")
    judgement = Judgement(
        is_preflight,
        client.peer if has_proxies else None,
        client.secure,
        client.http2 or head.version >= "2",
        path,
        query,
        verdict,
        lines,
    )
    if common is not None and origins.is_fixed and not has_proxies:
        if len(rules.judged) >= MAX_JUDGED:
            rules.judged.clear()
        rules.judged[common, secure] = judgement
    return judgement


class Provenance:
    """What is known of the requests with one head, before their bodies are looked at.

    Args:
        peer, secure: of the connection.
        transport: None = what the form of the head says.
    """

    __slots__ = (
        "_browser",
        "_cookies",
        "_is_used",
        "_judgement",
        "_peer",
        "_rules",
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
        transport = self.transport = transport or _transport_of(head)
        rules = self._rules = mount.rules(transport)
        judgement = self._judgement = judge(rules, transport, head, peer, secure)
        self._peer = judgement.peer or peer
        cookies = self._cookies = cookies_of(head.headers)
        self._browser = browser_of(cookies, rules.options) if cookies else None
        self._is_used = True
        self.is_admitted: bool = False
        """A long poll like this was found admissible, and is for as long as this holds."""
        self.is_preflight: bool = judgement.is_preflight
        """A browser asks whether it may ask (CORS-3)."""
        self.verdict: Verdict = judgement.verdict
        self.lines: bytes = judgement.lines
        """What the answers' heads have besides the usual."""

    def take_use(self) -> bool:
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
        judgement = self._judgement
        return Context(
            transport=self.transport,
            options=self._rules.options,
            arrived_at=self.mount.server.clock(),
            headers=self.head.headers,
            cookies=self._cookies,
            peer=self._peer,
            path=judgement.path,
            query=judgement.query,
            secure=judgement.secure,
            http2=judgement.http2,
            browser=self._browser,
            scope=scope,
        )


def _transport_of(head: Head) -> TransportName:
    """What a request is meant for, by its form (HTTP-2)."""
    if head.method in ("GET", "HEAD") and "websocket" in head.tokens("upgrade"):
        return "websocket"
    return "callback-polling" if head.method == "GET" else "long-polling"
