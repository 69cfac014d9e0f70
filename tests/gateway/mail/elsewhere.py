"""A mail server of somebody else, on a free port of this machine."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP


class Elsewhere:
    """Keeps what it takes; what it answers to RCPT and DATA is given."""

    def __init__(self, *, recipients: dict[str, str] | None = None, data: str = "250 queued as 7") -> None:
        self.recipients = recipients or {}
        self.data = data
        self.received: list[tuple[str, list[str], bytes]] = []

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        answer = self.recipients.get(address, "250 OK")
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802
        self.received.append((envelope.mail_from, envelope.rcpt_tos, envelope.original_content))
        return self.data

    @asynccontextmanager
    async def open(
        self, *, starttls: ssl.SSLContext | None = None, implicit: ssl.SSLContext | None = None
    ) -> AsyncIterator[int]:
        """Its port, while it serves."""
        live: list[SMTP] = []
        loop = asyncio.get_running_loop()

        def receive() -> SMTP:
            live.append(SMTP(self, hostname="elsewhere", tls_context=starttls, loop=loop))
            return live[-1]

        server = await loop.create_server(receive, "127.0.0.1", 0, ssl=implicit)
        async with server:
            yield server.sockets[0].getsockname()[1]
            for each in live:
                if isinstance(each.transport, asyncio.WriteTransport):
                    each.transport.abort()
