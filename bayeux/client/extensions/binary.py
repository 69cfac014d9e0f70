"""Bytes as the data of messages, the client's part.

Source: section 5 of the extensions' reference (BIN-1…8).
"""

from __future__ import annotations

from bayeux.client.event import Message
from bayeux.client.extension import Extension
from bayeux.protocol.binary import receive_binary, send_binary


class Binary(Extension):
    """Lets an application publish, call with, and be given ``BinaryData``.

    It works with any server: one without the extension passes the messages on untouched
    (BIN-4). Incoming text that does not decode is logged and left as it came (BIN-5).
    """

    def outgoing(self, message: Message) -> None:
        """Write ``BinaryData`` as text."""
        send_binary(message)

    def incoming(self, message: Message) -> None:
        """Read it from text. Raises BinaryInvalid, which is logged."""
        if not str(message.get("channel")).startswith("/meta/"):
            receive_binary(message)
