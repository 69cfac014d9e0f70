"""Binary: bytes as the data of messages, read before listeners see them and written once a broadcast.

Source: BIN-2, BIN-3, BIN-5, BIN-6; the text that carries them is ``protocol.binary``'s.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeux.protocol.binary import receive_binary, send_binary
from bayeux.server.extension import Extension

if TYPE_CHECKING:
    from bayeux.protocol.message import Fields, Message
    from bayeux.server.sessions import ServerSession


class Binary(Extension):
    """Gives listeners and services ``BinaryData``, and lets the application publish and deliver it.

    For a server. Without it binary messages of clients pass through untouched, and ``BinaryData`` cannot be published
    (BIN-4).
    """

    def incoming(self, session: ServerSession | None, message: Message) -> None:
        """Read a binary message. Raises BinaryInvalid, which refuses it (BIN-5)."""
        receive_binary(message.fields)

    def outgoing(self, sender: ServerSession | None, session: ServerSession | None, event: Fields) -> None:
        """Write ``BinaryData`` as text."""
        send_binary(event)
