"""Long-polling for the client: two kept connections, one for the connect, one for all else (LP-11)."""

from __future__ import annotations

from collections.abc import Sequence

from bayeux.client.event import Message
from bayeux.client.http import Endpoint, HttpConnection
from bayeux.client.transport import Receive, decode
from bayeux.protocol import json
from bayeux.protocol.channel import META_CONNECT


class LongPolling:
    """A ``Transport``: each ``send`` is one POST."""

    name = "long-polling"

    def __init__(self, endpoint: Endpoint, receive: Receive) -> None:
        self._receive = receive
        self._connects = HttpConnection(endpoint)
        self._others = HttpConnection(endpoint)

    async def send(self, messages: Sequence[Message]) -> None:
        """See ``Transport``."""
        is_connect = messages[0]["channel"] == META_CONNECT
        connection = self._connects if is_connect else self._others
        await self._receive(decode(await connection.post(json.encode(messages))))

    def abort(self) -> None:
        """See ``Transport``."""
        self._connects.close()
        self._others.close()

    async def close(self) -> None:
        """See ``Transport``."""
        self.abort()
