"""What the server asks of whatever carries its bytes, and what it is told about a request.

Implementations: ``transports.long_polling`` and ``transports.callback_polling`` (one value a request),
``transports.websocket`` (one value a socket), and one in memory for tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from bayeux.protocol.encoded import Batch
from bayeux.protocol.options import Options

if TYPE_CHECKING:
    from bayeux.server.sessions import ServerSession


@dataclass(slots=True, kw_only=True)
class Context:
    """The request that brought a message; on WebSocket the upgrade's, for ever (WS-5, MSGX-3)."""

    transport: str
    """``websocket``, ``long-polling`` or ``callback-polling``."""
    options: Options
    """Those of the mount and transport."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case; values of a repeated name joined by a comma and a blank."""
    cookies: Mapping[str, str] = field(default_factory=dict)
    arrived_at: float = 0.0
    """On the server's clock."""
    peer: str = ""
    """The client's address, behind trusted proxies the one they tell."""
    local: str = ""
    """The address the client connected to, where it is known."""
    path: str = ""
    query: str = ""
    http_version: str = "1.1"
    secure: bool = False
    http2: bool = False
    """A trusted proxy says that the client speaks HTTP/2 (COOK-10)."""
    browser: str | None = None
    """Value of the browser cookie; on a socket whose upgrade had none, the one the 101 answer set (WS-32)."""
    user: str | None = None
    """Who the mount's ``identify`` says this request is authenticated as."""
    roles: frozenset[str] = frozenset()
    """What that user may be taken for; ``identify`` may set them."""
    scope: Mapping[str, Any] | None = None
    """What an ASGI server and its middleware know of the request; None where the connection is ours."""
    _answer_headers: dict[str, str] | None = field(default=None, init=False, repr=False)
    _attributes: dict[str, Any] | None = field(default=None, init=False, repr=False)

    @property
    def answer_headers(self) -> dict[str, str]:
        """Further headers of the answer to this request or upgrade; ``identify`` may set some."""
        if self._answer_headers is None:
            self._answer_headers = {}
        return self._answer_headers

    @property
    def has_answer_headers(self) -> bool:
        """Whether anybody has set any."""
        return bool(self._answer_headers)

    @property
    def attributes(self) -> dict[str, Any]:
        """Whatever ``identify`` and the hooks want to remember of this request."""
        if self._attributes is None:
            self._attributes = {}
        return self._attributes

    @property
    def user_agent(self) -> str:
        """What the client says it is."""
        return self.headers.get("user-agent", "")

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The values of each query parameter, decoded."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def url(self) -> str:
        """Where the client thinks it is, as far as its headers tell."""
        query = f"?{self.query}" if self.query else ""
        return f"{'https' if self.secure else 'http'}://{self.headers.get('host', '')}{self.path}{query}"

    @property
    def languages(self) -> list[str]:
        """What its user reads, best first (``Accept-Language``)."""
        weighed = [part.partition(";") for part in self.headers.get("accept-language", "").split(",") if part.strip()]
        ranked = sorted(weighed, key=lambda part: -_weight(part[2]))
        return [tag.strip() for tag, _, weight in ranked if _weight(weight) > 0]


def _weight(parameter: str) -> float:
    """The ``q`` of one language; 1 where it has none, 0 where it is none."""
    _, _, value = parameter.strip().partition("q=")
    try:
        return float(value) if parameter.strip() else 1.0
    except ValueError:
        return 0.0


class Mounted(Protocol):
    """A place where a server is served."""

    path: str

    def options(self, transport: Any) -> Options:
        """What one of the transports goes by there, by its name."""


class Transport(Protocol):
    """Carries finished bytes to one client; decides nothing about what they say.

    The server writes nothing once ``closed`` is true. Whoever implements it tells
    ``BayeuxServer.connection_lost(self)`` once, as soon as the connection is gone (SES-8).
    """

    closed: bool
    """The connection is gone, or this request was answered."""
    name: str
    """``websocket``, ``long-polling`` or ``callback-polling``; also the ``connectionType``."""
    streaming: bool
    """May send at any time (a WebSocket), not only once (a request)."""
    connect_only: bool
    """Events leave by it with connect replies alone, whatever the session says (DEL-3, JP-5)."""
    writable: bool
    """False while the peer reads too slowly: pushed events wait in the queue. The transport calls
    ``BayeuxServer.writable_again(self)`` when that ends."""
    session: ServerSession | None
    """Whose messages it carries; the server sets it, also back to None."""

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """Write now, never wait: the events, oldest first, then the replies, each one JSON object.

        A request is answered by this, once; also with nothing at all (``[]``, MSG-3). A socket gets the frames of
        the events and then, if there are replies, one frame with all of them (WS-11).
        """

    def dismiss(self, status: int) -> None:
        """End a held request without a Bayeux answer: this HTTP status, no body (CN-10); a socket ignores it."""

    def close(self, code: int, reason: str) -> None:
        """Close a socket after what was written; a request, which is over once answered, ignores it."""
