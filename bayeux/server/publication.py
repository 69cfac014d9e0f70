"""A publish on its way from its channel to the queues of those who see it.

The order is PUB-10's: listeners, server-wide outgoing extensions, one encoding, then the subscribers.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import MessageDeleted
from bayeux.protocol.message import Fields, Message, event_of
from bayeux.server import fanout
from bayeux.server.channels import ServerChannel
from bayeux.server.extension import STOP
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps, ask

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log = logging.getLogger(__name__)


def publish(server: BayeuxServer, message: Message, sender: ServerSession | None) -> Steps[int]:
    """Give a message to the listeners, then to the subscribers; how many took it.

    Raises MessageDeleted if a listener vetoes.
    """
    name, channels = message.channel, server.channels
    if name.kind is Kind.BROADCAST:
        channels.create_if_absent(name)
    yield from listen(channels.matching(name), sender, message)
    if name.kind is not Kind.BROADCAST:
        return 0
    options = server.options if message.context is None else message.context.options
    channel = channels.create_if_absent(name)  # again: it may have been swept while a listener was awaited
    sessions = channels.subscribers(channels.matching(name))
    is_echoed = sender is None or (
        options.broadcast_to_publisher and channel.broadcast_to_publisher and sender.broadcast_to_publisher
    )
    if not is_echoed:
        sessions = [session for session in sessions if session is not sender]
    return spread(server, event_of(message, options), sessions)


def publish_unless_vetoed(server: BayeuxServer, message: Message) -> Steps[None]:
    """The same for a publish of the application, which has nobody to tell of a veto."""
    try:
        yield from publish(server, message, None)
    except MessageDeleted:
        log.debug("a listener vetoed a publish", extra={"channel": message.channel.text})


def listen(channels: Iterable[ServerChannel], session: ServerSession | None, message: Message) -> Steps[None]:
    """Ask the listeners of these channels in turn; raise MessageDeleted if one answers False (LST-8)."""
    for channel in channels:
        for listener in tuple(channel.listeners):
            try:
                answer = yield from ask(listener, session, message)
            except Exception:
                log.exception("a message listener raised", extra={"channel": channel.name.text})
                continue
            if answer is False:
                raise MessageDeleted


def address(
    server: BayeuxServer, name: ChannelName, data: json.Json, ext: Fields | None, sessions: Sequence[ServerSession]
) -> int:
    """Send to just these sessions, whatever they subscribed to (DEL-6); how many took it."""
    event: Fields = {"channel": name.text, "data": data}
    if ext:
        event["ext"] = ext
    return spread(server, event, sessions)


def spread(server: BayeuxServer, event: Fields, sessions: Sequence[ServerSession]) -> int:
    """Server-wide extensions once, one encoding, then the queues (DEL-8, EXN-3)."""
    for extension in reversed(server.extensions):
        try:
            if extension.outgoing(None, event) is STOP:
                return 0
        except Exception:
            log.exception("an outgoing extension raised")
    encoded = EncodedMessage(event["channel"], json.encode(event), server.clock())
    return fanout.deliver(server, encoded, event, sessions)
