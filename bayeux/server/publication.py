"""A publish on its way from its channel to the queues of those who see it.

The order is PUB-10's: listeners, server-wide outgoing extensions, one encoding, then the subscribers.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bayeux.protocol import json
from bayeux.protocol.binary import BinaryData
from bayeux.protocol.channel import ChannelName, Kind
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import MessageDeleted, UnknownTarget
from bayeux.protocol.message import Fields, Message, Request, event_of
from bayeux.protocol.options import Options
from bayeux.protocol.transitions import transition
from bayeux.server import fanout
from bayeux.server.authorisation import authorise_publish
from bayeux.server.channels import ServerChannel, narrowest_flow
from bayeux.server.extension import is_stopped
from bayeux.server.flow import FlowControl
from bayeux.server.listeners import TemplateListener, tell
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import DONE, Rest, Steps, ask, call, settle

if TYPE_CHECKING:
    from bayeux.server.listeners import MessageListener
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

_BROADCAST, _PUBLISH = Kind.BROADCAST, Request.PUBLISH  # a member of an enumeration costs two look-ups


def pass_on(server: BayeuxServer, message: Message, session: ServerSession | None) -> Rest:
    """Publish the message of a client, if it may (PUB-1, PUB-2).

    Raises ProtocolError, as the steps that are left do.
    """
    asking = authorise_publish(server, message, session)
    if asking:
        return _pass_on_later(server, message, session, asking)
    if session is not None:
        transition(session, _PUBLISH)  # who was asked may have ended it
    return publish(server, message, session)


def _pass_on_later(server: BayeuxServer, message: Message, session: ServerSession | None, asking: Rest) -> Steps[None]:
    yield from asking
    if session is not None:
        transition(session, _PUBLISH)
    yield from publish(server, message, session)


def publish(server: BayeuxServer, message: Message, sender: ServerSession | None) -> Rest:
    """Give a message to the listeners, then to the subscribers.

    Raises MessageDeleted if a listener vetoes, UnknownTarget if there must be one and is none.
    """
    name, channels = message.channel, server.channels
    is_broadcast = name.kind is _BROADCAST
    matching = channels.used(name) if is_broadcast else channels.matching(name)
    if not is_broadcast and message.context is not None and message.context.options.rpc_strict:
        _check_target(matching, name)
    if server.listeners.published or server.extensions or server.recovery is not None:
        return _publish_asking(server, message, sender)
    is_plain = not message.is_lazy
    for channel in matching:
        if channel.is_special:
            if channel.is_heard:
                return _publish_asking(server, message, sender)
            is_plain = False
    if is_broadcast:
        options = server.options if message.context is None else message.context.options
        event = event_of(message, options)
        message.freeze()
        _deliver(server, message, sender, event, matching, options, is_plain=is_plain)
    return DONE


def _publish_asking(server: BayeuxServer, message: Message, sender: ServerSession | None) -> Steps[None]:
    """The same where somebody has to be asked, and perhaps to be waited for."""
    name = message.channel
    options = server.options if message.context is None else message.context.options
    message.begin_reply()  # no listener changes what it repeats of the message
    for channel in server.channels.matching(name):  # here: each call more would let fewer publishes nest (LST-9)
        yield from hear(channel, sender, message)
    if server.listeners.published:
        yield from tell(server.listeners.published, sender, name.text, message.data)
    if name.kind is not Kind.BROADCAST:
        return
    server.channels.create_if_absent(name)  # again: it may have been swept while a listener was awaited
    event = event_of(message, options)
    message.freeze()
    if (yield from _is_stopped(server, event, sender)):
        return
    position = 0 if server.recovery is None else (yield from server.recovery.record(name, event))
    # Those who see it are asked for only here: who subscribed meanwhile and read the history may have read it too
    # early (RPL-16).
    server.channels.create_if_absent(name)
    _deliver(server, message, sender, event, server.channels.matching(name), options, position)


def _deliver(
    server: BayeuxServer,
    message: Message,
    sender: ServerSession | None,
    event: Fields,
    matching: Sequence[ServerChannel],
    options: Options,
    position: int = 0,
    *,
    is_plain: bool = False,
) -> None:
    """Encode an event and queue it for the subscribers of these channels.

    Args:
        options: those its publisher came by.
        position: its replay id, if its channel has a history.
        is_plain: neither it nor any of these channels is lazy or has its flow controlled.
    """
    if is_plain:
        sealed = EncodedMessage(message.channel.text, _encoded(server, event), server.clock())
    else:
        sealed = _seal(server, event, _lazy_timeout(server, message, matching))
        sealed.position = position
        flow = narrowest_flow(matching)
        if flow is not None:
            sealed.flow, sealed.key = flow, _key(flow, event)
    sessions = server.channels.subscribers(matching)
    if sender is not None:
        # None where a listener has just removed it.
        channel = matching[-1] if is_plain else server.channels.get(message.channel.text)
        if not _is_echoed(channel, sender, options):
            sessions = [session for session in sessions if session is not sender]
    fanout.deliver(server, sealed, event, sessions, sender)


def _is_echoed(channel: ServerChannel | None, sender: ServerSession, options: Options) -> bool:
    """Its publisher gets it, too, if it is subscribed (PUB-11)."""
    is_wanted = options.broadcast_to_publisher and sender.broadcast_to_publisher
    return is_wanted and (channel is None or channel.broadcast_to_publisher)


def _check_target(channels: Iterable[ServerChannel], name: ChannelName) -> None:
    """RPC-6: nobody hears a message to a service channel; raise UnknownTarget."""
    for channel in channels:
        for listener in channel.listeners:
            if not isinstance(listener, TemplateListener) or listener.hears(name):
                return
    raise UnknownTarget


def _lazy_timeout(server: BayeuxServer, message: Message, channels: Iterable[ServerChannel]) -> float | None:
    """How many seconds it may wait, the shortest that anyone asks for; None if it is not lazy (Q-10, Q-11)."""
    lazy = [channel.lazy_timeout for channel in channels if channel.lazy]
    if not lazy and not message.is_lazy:
        return None
    timeout = min((each for each in lazy if each > 0), default=server.options.max_lazy_timeout)
    return timeout if timeout > 0 else None


def _key(flow: FlowControl, event: Fields) -> Hashable:
    try:
        key: Hashable = call(flow.key_of, event["channel"], event["data"])
        hash(key)
    except Exception:
        log.exception("the key function of a flow control raised", extra={"channel": event["channel"]})
        return object()  # it supersedes nothing
    return key


def publish_unless_vetoed(server: BayeuxServer, message: Message, sender: ServerSession | None) -> Steps[None]:
    """The same for a publish of the application, which has nobody to tell of a veto."""
    try:
        yield from publish(server, message, sender)
    except MessageDeleted:
        log.debug("a listener vetoed a publish", extra={"channel": message.channel.text})


def hear(channel: ServerChannel, session: ServerSession | None, message: Message) -> Rest:
    """Ask the listeners of this channel in turn, as far as none has to be waited for.

    What is left raises MessageDeleted if one answers False; then there is something left.
    """
    listeners = iter(tuple(channel.listeners))
    for listener in listeners:
        try:
            answer = call(listener, session, message)
        except Exception:
            log.exception("a message listener raised", extra={"channel": channel.name.text})
            continue
        if answer is not None and answer is not True:
            return _hear_later(channel, answer, listeners, session, message)
    return DONE


def _hear_later(
    channel: ServerChannel,
    answer: object,
    listeners: Iterator[MessageListener],
    session: ServerSession | None,
    message: Message,
) -> Steps[None]:
    """Begin with the answer of one that may have to be waited for; the others are asked here, not by ``hear``.

    Each that answers so would be another level of the stack, of which nested publishes have need (LST-9).
    """
    asking: Steps[Any] | None = settle(answer)
    while asking is not None:
        try:
            answer = yield from asking
        except Exception:
            log.exception("a message listener raised", extra={"channel": channel.name.text})
        else:
            if answer is False:
                raise MessageDeleted
        listener = next(listeners, None)
        asking = None if listener is None else ask(listener, session, message)


def address(
    server: BayeuxServer,
    name: ChannelName,
    data: json.Json,
    ext: Fields | None,
    sessions: Sequence[ServerSession],
    sender: ServerSession | None = None,
    *,
    is_lazy: bool = False,
) -> Steps[int]:
    """Send to just these sessions, whatever they subscribed to (DEL-6); how many took it."""
    event: Fields = {"channel": name.text, "data": data}
    if ext:
        event["ext"] = ext
    if server.extensions:
        check_encodable(server, event)  # one that is awaited would have it raise later, to nobody
    lazy_timeout = server.options.max_lazy_timeout if is_lazy else 0.0
    return (yield from spread(server, event, sessions, sender, lazy_timeout if lazy_timeout > 0 else None))


def check_encodable(server: BayeuxServer, event: Mapping[str, Any]) -> None:
    """Raise TypeError where JSON cannot say it: in the caller, not where it is written (MSGX-6)."""
    data = event["data"]
    # What an extension makes JSON of is checked as far as it is JSON already (BIN-3, BIN-6).
    server.options.json_codec.encode(data.meta if isinstance(data, BinaryData) else event)


def spread(
    server: BayeuxServer,
    event: Fields,
    sessions: Sequence[ServerSession],
    sender: ServerSession | None,
    lazy_timeout: float | None,
) -> Steps[int]:
    """Send an event to these sessions; how many took it."""
    if server.extensions and (yield from _is_stopped(server, event, sender)):
        return 0
    return fanout.deliver(server, _seal(server, event, lazy_timeout), event, sessions, sender)


def _is_stopped(server: BayeuxServer, event: Fields, sender: ServerSession | None) -> Steps[bool]:
    """Server-wide extensions, once for everybody (EXN-3)."""
    for extension in reversed(server.extensions):
        if (yield from is_stopped(extension.outgoing, sender, None, event)):
            return True
    return False


def _seal(server: BayeuxServer, event: Fields, lazy_timeout: float | None) -> EncodedMessage:
    """The one encoding (DEL-8)."""
    return EncodedMessage(event["channel"], _encoded(server, event), server.clock(), lazy_timeout)


def _encoded(server: BayeuxServer, event: Fields) -> bytes:
    # A copy: the encoder's own bytes are the front of a block of 1 KiB. Where hundreds of those are kept until the end
    # of a turn, the heap grows and shrinks with each turn, and its page faults cost 2 µs a message.
    return b"".join((server.options.json_codec.encode(event), b""))
