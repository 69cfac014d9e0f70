"""The door for mail: SMTP from other servers, or LMTP from one on this machine.

Answers 250 only after the mail was stored; what cannot be stored for the moment is 451, so that its sender keeps
it and comes again. Decides who is a mailbox here and how much one may send; what a mail says is read by
``gateway.mail.parse``.

Bounded: connections, size of a mail, time of silence. Meant to stand behind a mail server, hence without TLS and
without defences against unwanted mail.

Source: AG-80; RFC 5321, RFC 2033.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from bayeux.protocol.errors import Unavailable
from gateway.mail.correspondent import Correspondent
from gateway.mail.incoming import IncomingMail
from gateway.mail.parse import MailRefused, parse

log = logging.getLogger(__name__)

Deliver = Callable[[IncomingMail], Awaitable[object]]
"""Store a mail; returns when it is safe. The same ``delivery`` again changes nothing. Raises Unavailable."""

_TRY_AGAIN = "451 4.3.0 cannot be stored now, try again later"
_TIMEOUT = 120.0  # seconds of silence; RFC 5321 §4.5.3.2.7 asks for five minutes, servers near by need less


class MailListener:
    """Takes mail for our mailboxes and hands it on.

    Args:
        mailboxes: who receives mail here; whatever else is written to gets 550.
        deliver: called for each mailbox that a mail is for, one after the other.
        protocol: LMTP takes one recipient a mail, because it owes each an answer of his own.
        max_bytes: of one mail; a larger one gets 552.
        max_connections: at once; one more gets 421.
        hostname: what it calls itself.
    """

    def __init__(
        self,
        mailboxes: Iterable[Correspondent],
        deliver: Deliver,
        *,
        protocol: Literal["smtp", "lmtp"] = "smtp",
        max_bytes: int = 10 * 1024 * 1024,
        max_connections: int = 50,
        hostname: str = "localhost",
    ) -> None:
        self._desk = _Desk({each.key: each for each in mailboxes}, deliver)
        self._kind = _SmtpConversation if protocol == "smtp" else _LmtpConversation
        self._max_bytes = max_bytes
        self._max_connections = max_connections
        self._hostname = hostname
        self._live: set[_Counted] = set()
        self._server: asyncio.Server | None = None

    async def start(self, bound: socket.socket) -> None:
        """Take connections on this socket, which becomes ours."""
        self._server = await asyncio.get_running_loop().create_server(self._receive, sock=bound)

    async def stop(self) -> None:
        """End all connections at once: a mail without our 250 is still its sender's."""
        if self._server is None:
            return
        self._server.close()
        for conversation in list(self._live):
            conversation.end()
        await self._server.wait_closed()

    def _receive(self) -> asyncio.BaseProtocol:
        if len(self._live) >= self._max_connections:
            return _Turned()
        return self._kind(
            self._live,
            self._desk,
            data_size_limit=self._max_bytes,
            hostname=self._hostname,
            ident="mail",
            timeout=_TIMEOUT,
            loop=asyncio.get_running_loop(),
        )


class _Desk:
    """What is answered to a sender; its method names are aiosmtpd's."""

    def __init__(self, mailboxes: dict[str, Correspondent], deliver: Deliver) -> None:
        self._mailboxes = mailboxes
        self._deliver = deliver
        self._is_away = False

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        key = address.lower()
        if key not in self._mailboxes:
            return "550 5.1.1 no such mailbox here"
        if isinstance(server, LMTP) and envelope.rcpt_tos:
            return "452 4.5.3 one recipient a mail"
        if key not in envelope.rcpt_tos:  # else who names one again and again fills our memory
            envelope.rcpt_tos.append(key)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.original_content or b""
        try:
            for key in envelope.rcpt_tos:
                # Whoever must come again for a later mailbox brings the mail for the earlier ones again, too.
                await self._take(content, self._mailboxes[key])
        except MailRefused as refused:
            log.info("a mail was refused: %s", refused.reply, extra={"size": len(content)})
            return refused.reply
        except Unavailable:
            if not self._is_away:
                log.warning("mail cannot be stored: its senders have to come again")
            self._is_away = True
            return _TRY_AGAIN
        if self._is_away:
            log.warning("mail can be stored again")
        self._is_away = False
        return "250 2.0.0 taken"

    async def handle_exception(self, error: Exception) -> str:
        """Ours to repair; the mail comes again meanwhile."""
        log.error("a mail could not be taken", exc_info=error)
        return _TRY_AGAIN

    async def _take(self, content: bytes, mailbox: Correspondent) -> None:
        mail = await asyncio.to_thread(parse, content, mailbox)
        await self._deliver(mail)
        log.info(
            "a mail was taken",
            extra={"mailbox": mailbox.address, "size": len(content), "attachments": len(mail.contents)},
        )


class _Counted(SMTP):
    """A conversation that stands among the live ones as long as it lives."""

    def __init__(self, live: set[_Counted], desk: _Desk, **options: Any) -> None:
        super().__init__(desk, **options)
        self._live = live

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._live.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._live.discard(self)
        super().connection_lost(error)

    def end(self) -> None:
        """Now, whatever it is about."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class _SmtpConversation(_Counted):
    pass


class _LmtpConversation(_Counted, LMTP):
    pass


class _Turned(asyncio.Protocol):
    """One connection too many."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(b"421 4.3.2 too many connections, try again later\r\n")
        transport.close()
