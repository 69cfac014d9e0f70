"""An HTTP request for a mount, and the one answer it is owed.

Source: HTTP-3, HTTP-10, CORS-2, CORS-3, SEC-21, SEC-22, SEC-34.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Awaitable, Mapping
from typing import Any, Protocol

from bayeux.protocol.errors import Unavailable
from bayeux.server.transport import Context
from bayeux.transports.adopted.connection import Occupant
from bayeux.transports.adopted.http import JSON, PLAIN, connection_line
from bayeux.transports.mount import Mount
from bayeux.transports.provenance import Provenance

log: logging.Logger = logging.getLogger(__name__)

_HEADER_LINE = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [\t\x20-\x7e\x80-\xff]*\r\n")


class Requester(Protocol):
    """Where a request came from and its answer goes: a connection of ours, or a request of an ASGI server."""

    occupant: Occupant | None
    """Told when the client has gone before it was answered (SES-8)."""
    provenance: Provenance | None
    """That of its last request, for the next one that begins alike."""

    @property
    def scope(self) -> Mapping[str, Any] | None:
        """See ``Context``."""

    @property
    def peer(self) -> str:
        """The address of whoever connected, without the port; empty where there is none."""

    @property
    def secure(self) -> bool:
        """Whether it came by TLS."""

    def answer(
        self, status: int, body: bytes, lines: bytes, *, content_type: str, is_head: bool, keep_alive: bool
    ) -> int:
        """Write the one answer now; its size in bytes.

        Args:
            lines: header lines besides those that every answer has, each with its line end.
            is_head: the body's length is told and the body left out.
            keep_alive: whether the connection may serve another request; ``lines`` say so where HTTP/1 needs it.
        """

    def wait_for(self, work: Awaitable[None]) -> None:
        """Let ``work`` decide the answer; it is cancelled if the client goes away meanwhile."""


class HttpExchange:
    """A request before its body is looked at, and how it is answered."""

    __slots__ = ("context", "mount", "provenance", "requester")

    def __init__(self, requester: Requester, provenance: Provenance) -> None:
        self.requester: Requester = requester
        self.provenance: Provenance = provenance
        self.mount: Mount = provenance.mount
        self.context: Context = provenance.new_context(requester.scope)

    def answer(self, status: int, body: bytes = b"", extra: bytes = b"", *, content_type: str = JSON) -> int:
        """Write the answer; its size in bytes. ``extra`` are further header lines."""
        provenance = self.provenance
        head = provenance.head
        # DSC-11: who comes back on a new connection may come to another node.
        keep_alive = head.keep_alive and not self.mount.server.is_draining
        lines = provenance.lines + extra
        if not (keep_alive and head.version == "1.1"):
            lines += connection_line(head.version, keep_alive)
        if self.context.has_answer_headers:
            lines += self.further_headers()
        return self.requester.answer(
            status, body, lines, content_type=content_type, is_head=head.method == "HEAD", keep_alive=keep_alive
        )

    def further_headers(self) -> bytes:
        """The header lines that whoever identified the user asked for; what would be none, or two, is left out."""
        if not self.context.has_answer_headers:
            return b""
        lines = [f"{name}: {value}\r\n" for name, value in self.context.answer_headers.items()]
        sendable = [line for line in lines if _HEADER_LINE.fullmatch(line)]
        if len(sendable) < len(lines):
            log.error("%s: context.answer_headers has what cannot be a header", self.mount.path or "/")
        return "".join(sendable).encode("latin-1")

    def rest(self) -> None:
        """Its answer is waited for: keep how that will look, which others have in common, and let go of all else."""
        if not self.context.has_answer_headers:
            self.provenance, self.context = self.provenance.at_rest()

    def refuse(self, status: int, text: str, extra: bytes = b"") -> None:
        """Answer with a short text of ours; nothing of the request is repeated in it (SEC-22)."""
        self.answer(status, text.encode(), extra, content_type=PLAIN)

    def fail(self, error: BaseException) -> None:
        """Something of ours raised: the trace goes to the log, its number to the client (SEC-21).

        ``Unavailable`` is no fault: the client may try again soon.
        """
        if isinstance(error, Unavailable):
            self.refuse(503, "Try again", b"Retry-After: 1\r\n")
            return
        number = secrets.token_hex(4)
        log.error("error %s: a request could not be answered", number, exc_info=error)
        self.refuse(500, f"Internal error {number}")
