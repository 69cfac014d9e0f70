"""Asking again for what was granted: subscriptions whose right has gone.

Source: AUZ-9.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeux.protocol import json
from bayeux.protocol.channel import META_SUBSCRIBE, META_UNSUBSCRIBE, parse_channel
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import SubscribeDenied
from bayeux.protocol.message import Message
from bayeux.server.authorisation import authorise
from bayeux.server.security import Operation
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession


def revalidate(server: BayeuxServer, session: ServerSession) -> Steps[None]:
    """Ask for each subscription, in order of their names, as if it were being made."""
    for text in sorted(session.subscriptions):
        name = parse_channel(text)
        message = Message.received({"channel": META_SUBSCRIBE, "subscription": text}, session.options)
        message.session = session
        if session.is_over:
            return  # it went while the policy was awaited
        try:
            yield from authorise(server, Operation.SUBSCRIBE, name, session, message, SubscribeDenied, ())
        except SubscribeDenied:
            if session.is_over or not session.is_in(text):
                continue
            session.leave(text)
            yield from _tell_client(server, session, text)
            yield from server.channels.leave(session, name, None)
            if server.cluster is not None:
                server.cluster.keep_soon(session)


def _tell_client(server: BayeuxServer, session: ServerSession, subscription: str) -> Steps[None]:
    """What JavaScript clients take for an answer to nothing, and others for what it is."""
    news = {"channel": META_UNSUBSCRIBE, "subscription": subscription, "successful": True}
    if session.hooks is not None and session.hooks.receive is not None:
        yield from session.hooks.receive(news)
        return
    session.queue.put_beyond_bounds(EncodedMessage(META_UNSUBSCRIBE, json.encode(news)))
    server.flusher.mark(session)
