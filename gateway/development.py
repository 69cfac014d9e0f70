"""What only a gateway under ``--dev`` serves: a user may send himself something to look at.

Source: OPS-24; the page at ``/`` uses it.
"""

from __future__ import annotations

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.message import Message
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession

SEND_TO_ME = "/service/dev/send-to-me"
"""Takes ``{"channel": …, "data": …}`` and delivers it to the sender's own sessions, under a private name."""


def serve_development_channels(server: BayeuxServer) -> None:
    """Listen on them."""

    def send_to_me(session: ServerSession | None, message: Message) -> None:
        match message.data:
            case {"channel": str(channel), "data": data}:
                pass
            case _:
                return
        try:
            is_private = server.is_private(parse_channel(channel))
        except ChannelInvalid:
            return
        if session is not None and session.user is not None and is_private:
            server.deliver_to_user(session.user, channel, data)

    server.on(SEND_TO_ME, send_to_me)
