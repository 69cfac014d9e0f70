"""One node of several that serve as one: what the server asks before it does something, and what other nodes say.

Owns the beginning and the end of this node's part, and which of its modules is given what comes.

::

    server = BayeuxServer(options)
    Cluster(server, backplane)
    await server.start()

Source: CLU-1…6, OPS-42, OPS-62, OPS-72; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from bayeux.backplane.backplane import Arrived, Backplane, NodeInfo, StaleClaim
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.effects import EndReason
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.hooks import Registry
from bayeux.protocol.message import Fields, Message, is_handshake, subscriptions_of
from bayeux.protocol.transitions import Happening
from bayeux.server import publication, pushing
from bayeux.server.cluster.fence import Fence
from bayeux.server.cluster.interest import Interest
from bayeux.server.cluster.keeping import PERIOD, Keeping
from bayeux.server.cluster.messenger import Messenger
from bayeux.server.cluster.ownership import Ownership
from bayeux.server.cluster.publishing import Publishing
from bayeux.server.cluster.relay import Relay
from bayeux.server.cluster.routing import CLOSE_RESTART, UNAVAILABLE, Routing
from bayeux.server.cluster.seti import Seti
from bayeux.server.cluster.wire import Unreadable, pack, unpack
from bayeux.server.ending import let_happen
from bayeux.server.listeners import tell
from bayeux.server.steps import Steps
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

NodeJoined: TypeAlias = "Callable[[NodeInfo], object]"
NodeLeft: TypeAlias = "Callable[[NodeInfo, str], object]"
"""``(node, reason)``; ``left`` or ``lost``."""

UserAddressed: TypeAlias = "Callable[[str, str], object]"
"""``(user, channel)``"""


@dataclass(slots=True)
class ClusterListeners:
    """Who is told of what happens to other nodes."""

    node_joined: Registry[NodeJoined] = field(default_factory=Registry)
    """As soon as traffic works both ways (CLU-1)."""
    node_left: Registry[NodeLeft] = field(default_factory=Registry)
    user_addressed: Registry[UserAddressed] = field(default_factory=Registry)
    """Something for a user came to this node, where he has sessions, whether or not one of them sees the channel."""


class Cluster:
    """This node's part in a cluster; making one makes it the server's, before ``server.start()``.

    Args:
        backplane: the way to the other nodes; started and stopped with the server.
        moves_after: long polls of a session in a row that come to the same other node until it moves there; 0 = never.
    """

    def __init__(self, server: BayeuxServer, backplane: Backplane, *, moves_after: int = 8) -> None:
        if server.is_started:
            raise RuntimeError("the server is started already: make its Cluster first, then await server.start()")
        self.backplane: Backplane = backplane
        self.listeners: ClusterListeners = ClusterListeners()
        """Who is told of nodes that come and go; ``@cluster.listeners.node_joined`` registers a function."""
        self.hint: str = backplane.node.id
        """What the clientIds of this node begin with."""
        self._server = server
        self._tasks: set[asyncio.Task[Any]] = set()
        self._loops: list[asyncio.Task[Any]] = []
        self._has_warned = False
        self.unpublished: int = 0
        """Publishes of the application that failed because the store could not be reached."""
        self.interest: Interest = Interest(backplane, server.clock)
        self.publishing: Publishing = Publishing(server, backplane, self.listeners.user_addressed)
        self.keeping: Keeping = Keeping(server, backplane, self.interest, self._soon, self._lost)
        self.ownership: Ownership = Ownership(server, backplane, self.interest, self.keeping, self.publishing)
        self.fence: Fence = Fence(
            backplane,
            server.clock,
            let_go=self._let_go_of_lost,
            go_on=self._go_on,
            send_away=self._send_everyone_away,
        )
        self.messenger: Messenger = Messenger(backplane, server.clock, self.ownership.lives, self._soon)
        self.relay: Relay = Relay(server, backplane.send, self.messenger.post)
        self.routing: Routing = Routing(
            server,
            backplane,
            fence=self.fence,
            ownership=self.ownership,
            keeping=self.keeping,
            relay=self.relay,
            messenger=self.messenger,
            soon=self._soon,
            moves_after=moves_after,
        )
        self.seti: Seti = Seti(server, backplane, self._soon, self.keeping.keep_users)
        """People: who is there, on which node, and how to reach them."""
        self.ownership.restored = self.seti.session_restored
        server.flusher.write_by(self.write)
        server.cluster = self

    # For applications -----------------------------------------------------------------------------------

    @property
    def local(self) -> NodeInfo:
        """This node."""
        return self.backplane.node

    @property
    def nodes(self) -> Sequence[NodeInfo]:
        """The other nodes that are alive, by what is known (CLU-1)."""
        return self.backplane.nodes

    async def deliver_to_user(self, user: str, channel: str, data: json.Json, *, ext: Fields | None = None) -> None:
        """As ``server.deliver_to_user``, on all nodes; done when every node of his will be given it.

        Raises Unavailable where the store cannot be reached: whether it was sent is then unknown. ChannelInvalid,
        TypeError as there.
        """
        task = self._server.go(self._address(user, self._server.addressable(channel), data, ext))
        if task is not None:
            await task

    # For the server ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Reach the store and join; where it is down that goes on in the background (OPS-48)."""
        self.keeping.is_leaving = False
        if self._server.recovery is not None:
            self._server.recovery.keep_in(self.backplane.history)
        await self.backplane.start(self)
        self.fence.open()
        create_task = asyncio.get_running_loop().create_task
        self._loops = [create_task(self.fence.watch()), create_task(self._keep())]

    async def leave(self) -> None:
        """Serve no more; what the others need to go on with this node's sessions is written (OPS-62)."""
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        serves = not self.is_fenced
        self.fence.close()
        self.keeping.is_leaving = True
        if serves:
            with suppress(Unavailable, TimeoutError):
                await self.keeping.leave()

    async def stop(self) -> None:
        """Leave the cluster."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.interest.forget()
        await self.backplane.stop()

    @property
    def is_fenced(self) -> bool:
        """Others may have claimed the sessions of this node, as far as it knows: it must not serve them."""
        return self.fence.is_up

    def is_here(self, fields: Fields, transport: Transport) -> bool:
        """Whether a request is to be processed by this node, as far as its first message tells."""
        if self.is_fenced:
            return False
        client_id = fields.get("clientId")
        bound = transport.session
        if bound is not None and bound.client_id == client_id and not bound.is_over:
            return not self.ownership.is_unsettled(bound.client_id)
        if not isinstance(client_id, str) or not self.ownership.may_exist(client_id) or is_handshake(fields):
            return True
        if self.ownership.is_unsettled(client_id):
            return False
        if self.routing.strays:
            self.routing.strays.pop(client_id, None)
        return self._server.sessions.find(client_id) is not None

    def route(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """Have what is not for this node processed where it is; the task that does it.

        Raises HandshakeNotAlone, BatchTooLarge.
        """
        return self.routing.route(messages, transport, context)

    def connection_lost(self, transport: Transport) -> None:
        """The connection of a request that another node processes is gone."""
        self.relay.connection_lost(transport)

    def before_begin(self, session: ServerSession, message: Message) -> Steps[None]:
        """A handshake was accepted: keep its session. Raises Unavailable."""
        yield from self.keeping.begin(session)
        try:
            self._server.admission.admit_session(session)  # others may have come meanwhile
        except Unavailable:
            self.keeping.end(session, is_elsewhere=False)
            raise

    def before_subscribe(self, session: ServerSession, message: Message) -> Steps[None]:
        """A subscribe was granted. Raises Unavailable."""
        yield from self.keeping.before_subscribe(session, list(subscriptions_of(message, session.options)))

    def before_unsubscribe(self, session: ServerSession, message: Message) -> Steps[None]:
        """Likewise. Raises Unavailable."""
        yield from self.keeping.before_unsubscribe(session, list(subscriptions_of(message, session.options)))

    def keep_soon(self, session: ServerSession) -> None:
        """The application changed its subscriptions."""
        self.keeping.check_soon(session)

    def listen_to(self, name: ChannelName) -> None:
        """Somebody here subscribed to a channel or pattern that nobody was subscribed to."""
        self.interest.add(self.interest.of_channel(name))

    def ignore(self, name: ChannelName) -> None:
        """The last one has left it."""
        self.interest.remove(self.interest.of_channel(name))

    def session_begins(self, session: ServerSession) -> None:
        """It lives here from now on."""
        if session.user is not None:
            self.interest.add(self.interest.of_user(session.user))

    def session_ends(self, session: ServerSession, reason: EndReason) -> None:
        """It is over, at least here."""
        if session.user is not None:
            self.interest.remove(self.interest.of_user(session.user))
        self.keeping.end(session, is_elsewhere=reason is EndReason.MOVED)
        self.routing.strays.pop(session.client_id, None)
        self.seti.session_ends(session)

    def deliver_to_user_soon(self, user: str, name: ChannelName, data: json.Json, ext: Fields | None) -> int:
        """Send to the sessions of one user; how many of them live here."""
        publication.check_encodable(self._server, {"channel": name.text, "data": data})
        task = self._server.go(self._address(user, name, data, ext))
        if task is not None:
            task.add_done_callback(self.note_outcome)
        return sum(each.is_subscribed_to(name) for each in self._server.sessions.of_user(user))

    def note_outcome(self, task: asyncio.Task[Any]) -> None:
        """A publish of the application is done; that the store was away is warned of once, whoever awaits it or not."""
        if task.cancelled() or not isinstance(task.exception(), Unavailable):
            return
        self.unpublished += 1
        if not self._has_warned:
            self._has_warned = True
            log.warning(
                "a publish of the application failed because the store cannot be reached: await what publish returns "
                "to know, and to try again",
                extra={"event": "publish_failed"},
            )

    def write(self, sessions: Sequence[ServerSession], most_answers: int) -> Sequence[ServerSession]:
        """Write what these sessions have waiting, unless they may be another node's; those that have to wait."""
        if not self.is_fenced:
            return pushing.write_all(self._server, sessions, most_answers)
        for session in sessions:
            session.is_marked = False
        return ()

    # For the backplane --------------------------------------------------------------------------------------

    def arrived(self, event: Arrived) -> None:
        """See ``Receiver``."""
        self.publishing.arrived(event)

    def gap(self, partition: int) -> None:
        """Whoever counts on its events is told to begin anew: who acknowledges, and who follows a history (OPS-74)."""
        recovery, told = self._server.recovery, 0
        for session in self.keeping:
            kept = self.keeping.of(session)
            if kept is None or session.is_over:
                continue
            names = [parse_channel(name) for name in kept.begun]
            if partition not in self.keeping.partitions_of(session, names):
                continue
            follows = recovery is not None and any(map(recovery.follows, names))
            if session.acknowledgement is not None or follows:
                told += 1
                let_happen(self._server, session, Happening.GAP)
        log.warning(
            "events of a partition are lost: the store forgot them before this node had read them",
            extra={"event": "gap", "partition": partition, "sessions": told},
        )

    def addressed(self, sender: str, message: bytes) -> None:
        """See ``Receiver``."""
        try:
            kind, number, *rest = unpack(message, (str, int))
            self._take(sender, kind, number, rest)
        except (Unreadable, IndexError, ValueError, TypeError) as error:
            log.warning("a message of another node was dropped: %s", error, extra={"event": "unreadable_message"})
        except Exception:
            log.exception("a message of another node could not be processed")

    def node_joined(self, node: NodeInfo) -> None:
        """See ``Receiver``."""
        log.info("a node joined", extra={"event": "node_joined", "node": node.name})
        self._server.go(tell(self.listeners.node_joined, node))
        self.seti.node_joined(node)
        # It may have been here all along, and only we had taken it for dead: then it does not know what we forgot.
        self.messenger.post(node.id, pack("met", 0, *self.relay.accounts(node.id)))

    def node_left(self, node: NodeInfo, reason: str) -> None:
        """See ``Receiver``."""
        log.info("a node left", extra={"event": "node_left", "node": node.name, "reason": reason})
        self.ownership.node_left(node.id)
        self.relay.node_left(node.id)
        self.messenger.node_left(node.id)
        self.seti.node_left(node)
        self._server.go(tell(self.listeners.node_left, node, reason))

    def connected(self) -> None:
        """See ``Receiver``."""
        self._has_warned = False
        self.relay.give_up()  # a store that was restarted may have lost what was on its way; connects are asked again
        self.interest.look()
        if not self.is_fenced:  # else it is done before the fence comes down
            self._soon(self._let_go_of_lost())

    def disconnected(self) -> None:
        """See ``Receiver``."""
        log.info("the store of the cluster cannot be reached", extra={"event": "backplane_lost"})

    def _take(self, sender: str, kind: str, number: int, rest: Sequence[Any]) -> None:
        if kind == "request":
            self.routing.take_request(sender, number, rest)
        elif kind == "answer":
            self.relay.take_answer(sender, number, rest)
        elif kind == "cancel":
            self.relay.take_cancel(sender, number)
        elif kind == "yield":
            self._soon(self.routing.give(sender, number, rest))
        elif kind == "reply":
            self.routing.take_reply(sender, number, rest)
        elif kind == "met":
            self.relay.settle_accounts(sender, rest)
            self.seti.tell(sender)
        elif kind == "people":
            self.seti.take_people(sender, rest)
        elif kind == "to-users":
            self.seti.take_event(rest)
        else:
            raise Unreadable(f"a message of kind {kind[:20]!r}")

    # Itself ---------------------------------------------------------------------------------------------------

    def _address(self, user: str, name: ChannelName, data: json.Json, ext: Fields | None) -> Steps[None]:
        event: Fields = {"channel": name.text, "data": data}
        if ext:
            event["ext"] = ext
        yield from self.publishing.address(user, name, event)

    def _lost(self, session: ServerSession) -> None:
        self.ownership.end_here(session)

    def _send_everyone_away(self) -> None:
        """Clients go to nodes that may serve them, and need not wait here for what will not come."""
        self.relay.give_up()
        for session in self.keeping:
            socket = session.transport
            self.ownership.let_go_of_connect(session, UNAVAILABLE)
            if socket is not None and not socket.closed:
                socket.close(CLOSE_RESTART, "Try again")

    async def _let_go_of_lost(self) -> None:
        for session in await self.keeping.find_lost():
            if not self.ownership.is_unsettled(session.client_id):
                self.ownership.end_here(session)

    def _go_on(self) -> None:
        """Nobody's time was up while nobody could be heard; what was on its way to this node may be lost."""
        self.relay.give_up()
        now = self._server.clock()
        for session in self.keeping:
            session.touch(now)
            if session.queue.is_pressing:
                self._server.flusher.mark(session)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(PERIOD)
            try:
                await self.look()
            except Exception:
                log.exception("what is due each second could not be done")

    async def look(self) -> None:
        """What is due each second."""
        self.interest.look()
        self.seti.look()
        if self.is_fenced:
            return
        with suppress(Unavailable):
            await self.keeping.write_checkpoint()
            await self.keeping.look()

    def _soon(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.get_running_loop().create_task(_quietly(coroutine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _quietly(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Do what may be impossible just now, and is no loss then."""
    try:
        await coroutine
    except (Unavailable, StaleClaim):
        pass
    except Unreadable as error:
        log.warning("a message of another node was dropped: %s", error, extra={"event": "unreadable_message"})
    except Exception:
        log.exception("work for the cluster failed")
