"""Acknowledged messages: no event is lost, and all come in one order, between a server and one client.

Owns what the two agree on in the handshake, and what a connect acknowledges. The batches and their numbers are the
session's (``protocol.acknowledgement``); they leave with the connect replies (``server.answering``).

Source: section 1 of the extensions' reference (ACK-1…3, ACK-10…20, ACK-30, ACK-31, ACK-40…42), XT-1…4.
"""

from __future__ import annotations

from bayeux.protocol.acknowledgement import Acknowledgement, batch_number
from bayeux.protocol.channel import META_HANDSHAKE
from bayeux.protocol.message import Message, Request
from bayeux.protocol.reply import Reply
from bayeux.protocol.transitions import Happening
from bayeux.server.ending import let_happen
from bayeux.server.extension import Extension
from bayeux.server.listeners import tell
from bayeux.server.sessions import ServerSession

KEY = "ack"


class Acknowledge(Extension):
    """Send what a client does not acknowledge once more, as long as its session lives.

    ::

        server.extensions.append(Acknowledge())

    Clients have it by asking in their handshake; for the others nothing changes. Their sessions become connect-only
    (ACK-3). What was sent and not acknowledged counts as queued (Q-4), and a client that acknowledges nothing for
    ``ack_max_resends`` connects in a row is sent away (ACK-41). To be registered for the whole server, before the
    first client comes, and left there: what was agreed with a client cannot be taken back.

    ``server.listeners`` tells what left and arrived: ``batch_sent``, ``batch_received``, ``ack_queue_full``.
    """

    def incoming_meta(self, session: ServerSession | None, message: Message) -> None:
        """Agree with a handshake, or take what a connect acknowledges; a malformed number is none (XT-1)."""
        if session is None:
            return
        if message.request is Request.HANDSHAKE and message.ext.get(KEY) is True:
            session.acknowledgement = Acknowledgement()
            session.connect_only = True
        elif message.request is Request.CONNECT and session.acknowledgement is not None:
            _take(session, session.acknowledgement, batch_number(message.ext.get(KEY)))

    def outgoing_meta(self, session: ServerSession | None, reply: Reply) -> None:
        """Say yes (ACK-2); a reply that events follow is given its number where they are taken (HS-14)."""
        is_agreed = session is not None and session.acknowledgement is not None
        if is_agreed and reply.get("channel") == META_HANDSHAKE and reply.get("successful") is True:
            reply["ext"] = {**(reply.get("ext") or {}), KEY: True}


def _take(session: ServerSession, acknowledgement: Acknowledgement, number: int | None) -> None:
    """ACK-11…13, ACK-41."""
    received = acknowledgement.acknowledge(number or 0)
    session.queue.occupy(acknowledgement.count, acknowledgement.bytes)
    server = session.server
    if server.recovery is not None:
        server.recovery.go_on(session)  # there is room again for what it catches up on (RPL-23)
    if received > 0 and server.listeners.batch_received:
        server.go(tell(server.listeners.batch_received, session, received))
    bound = session.options.ack_max_resends
    if 0 < bound < acknowledgement.resends:
        server.reject("ACK-41")
        let_happen(server, session, Happening.OVERFLOW)
