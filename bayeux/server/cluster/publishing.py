"""Events on their way through the backplane: out at the publisher's node, in at every node that has somebody for them.

What is asked once for everybody is asked at the publisher's node: listeners, extensions, the encoding. Nobody delivers
there first: the publisher's own node is given its event by the backplane, too, so that order and positions are the same
on all nodes (docs/decisions/nobody-delivers-locally-first). What is the matter of a session is settled where it lives.

Cost model: an event out is one header and one call of the backplane; in, it is one look at the header and then what a
publish of this node would cost, its bytes shared by all. The position of one that was kept is written in once.

Rules: CLU-3, PUB-10, PUB-11, SEC-44, RPL-2, DEL-8.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from bayeux.backplane.backplane import Arrived, Backplane
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import ProtocolError
from bayeux.protocol.message import Fields, Message
from bayeux.protocol.options import Options
from bayeux.server import fanout, publication
from bayeux.server.channels import narrowest_flow
from bayeux.server.cluster.interest import audience_of
from bayeux.server.cluster.wire import Header, Unreadable
from bayeux.server.listeners import tell_plainly
from bayeux.server.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bayeux.server.cluster.cluster import UserAddressed
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)


class Publishing:
    """Gives events to the backplane, and those that come from it to the sessions of this node."""

    def __init__(self, server: BayeuxServer, backplane: Backplane, addressed: list[UserAddressed]) -> None:
        self._server = server
        self._backplane = backplane
        self.addressed: list[UserAddressed] = addressed
        """Who is told of what came for a user."""
        self.unreadable: int = 0
        """Events that were not in our form, and were dropped (SEC-80)."""

    # Out --------------------------------------------------------------------------------------------

    def broadcast(self, message: Message, event: Fields, sender: ServerSession | None, options: Options) -> Steps[None]:
        """Publish to everyone subscribed, on whatever node; done when every node will be given it.

        Raises Unavailable where the store cannot be reached: whether it was published is then unknown.
        """
        server, name = self._server, message.channel
        recovery = server.recovery
        retention = None if recovery is None else recovery.retention(name)
        if recovery is not None and retention is not None:
            recovery.prepare(name, event)
        payload = server.options.json_codec.encode(event)
        is_echoed = sender is None or publication.is_echoed(server.channels.get(name.text), sender, options)
        sent_by = None if sender is None else sender.client_id
        header = Header(name.text, None, sent_by, is_echoed, message.is_lazy)
        yield self._backplane.publish(name.text, header.packed(), payload, retention)

    def address(self, user: str, name: ChannelName, event: Fields) -> Steps[None]:
        """Publish to the sessions of one user that subscribed, on whatever node (SEC-44). Raises Unavailable."""
        server = self._server
        if server.extensions:
            publication.check_encodable(server, event)
            if (yield from publication.is_stopped_by_any(server, event, None)):
                return
        payload = server.options.json_codec.encode(event)
        header = Header(name.text, user, None, True, False)
        yield self._backplane.publish(audience_of(user), header.packed(), payload)

    # In ---------------------------------------------------------------------------------------------

    def arrived(self, event: Arrived) -> None:
        """Deliver it to those sessions of this node that see it."""
        try:
            header, name = self.read(event)
        except Unreadable as error:
            self.unreadable += 1
            if self.unreadable == 1:
                log.warning("an event of another node was dropped: %s", error, extra={"event": "unreadable_event"})
            return
        server = self._server
        if header.user is not None:
            if self.addressed:
                tell_plainly(self.addressed, header.user, header.channel)
            sessions: Sequence[ServerSession] = [
                each for each in server.sessions.of_user(header.user) if each.is_subscribed_to(name)
            ]
        else:
            sessions = server.channels.subscribers(server.channels.matching(name))
        if sessions:
            self.deliver(event, header, name, sessions)

    def read(self, event: Arrived) -> tuple[Header, ChannelName]:
        """Whom it is for, and on which channel. Raises Unreadable."""
        header = Header.read(event.header)
        try:
            return header, parse_channel(header.channel)
        except ProtocolError:
            raise Unreadable("a channel that is none") from None

    def deliver(self, event: Arrived, header: Header, name: ChannelName, sessions: Sequence[ServerSession]) -> None:
        """Queue it for these sessions; not for its publisher's if that is not to get it (PUB-11)."""
        server = self._server
        sender = None if header.sender is None else server.sessions.find(header.sender)
        if not header.is_echoed:
            sessions = [each for each in sessions if each.client_id != header.sender]
        sealed = self._sealed(event, header, name)
        if sealed is None:
            return
        has_hooks = any(each.hooks is not None for each in sessions)
        fields = json.decode_own(sealed.json) if has_hooks else {}
        fanout.deliver(server, sealed, fields, sessions, sender)

    def _sealed(self, event: Arrived, header: Header, name: ChannelName) -> EncodedMessage | None:
        server = self._server
        payload, position = event.payload, 0
        if event.position is not None:
            position = event.position.offset
            if server.recovery is not None:
                payload = server.recovery.sealed(name, payload, event.position)
        if header.user is not None:
            return EncodedMessage(name.text, payload, server.clock())
        matching = server.channels.matching(name)
        lazy_timeout = publication.lazy_timeout(server, header.is_lazy, matching)
        sealed = EncodedMessage(name.text, payload, server.clock(), lazy_timeout)
        sealed.position = position
        flow = narrowest_flow(matching)
        if flow is not None:
            sealed.flow, sealed.key = flow, publication.key_of(flow, json.decode_own(payload))
        return sealed
