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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from bayeux.backplane.backplane import Arrived, Backplane, NodeInfo, StaleClaim
from bayeux.protocol import advice as advices
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.effects import EndReason
from bayeux.protocol.encoded import NOTHING
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.hooks import Registry
from bayeux.protocol.message import (
    Fields,
    Message,
    Request,
    asks_for,
    failed,
    is_handshake,
    reply_to,
    subscriptions_of,
)
from bayeux.protocol.transitions import Happening
from bayeux.server import publication, pushing
from bayeux.server.cluster.fence import Fence
from bayeux.server.cluster.interest import Interest
from bayeux.server.cluster.keeping import PERIOD, Keeping
from bayeux.server.cluster.ownership import Ownership
from bayeux.server.cluster.publishing import Publishing
from bayeux.server.cluster.relay import Outcome, Relay, RelayTransport, packed_context, read_context
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

PATIENCE: Final = 2.0
"""Seconds for which a request waits until it is clear whose session it is."""
META_PATIENCE: Final = 10.0
"""The same for what is no publish, and is one and the same if it comes twice."""
LONGEST_PAUSE: Final = 0.25
ASK_TIMEOUT: Final = 10.0
RETRY_PERIOD: Final = 0.1
CLOSE_RESTART: Final = 1012  # RFC 6455: the client may connect again at once
UNAVAILABLE: Final = 503

NodeJoined: TypeAlias = "Callable[[NodeInfo], object]"
NodeLeft: TypeAlias = "Callable[[NodeInfo, str], object]"
"""``(node, reason)``; ``left`` or ``lost``."""


@dataclass(slots=True)
class ClusterListeners:
    """Who is told of what happens to other nodes."""

    node_joined: Registry[NodeJoined] = field(default_factory=Registry)
    """As soon as traffic works both ways (CLU-1)."""
    node_left: Registry[NodeLeft] = field(default_factory=Registry)


class Cluster:
    """This node's part in a cluster; making one makes it the server's, before ``server.start()``.

    Args:
        backplane: the way to the other nodes; started and stopped with the server.
    """

    def __init__(self, server: BayeuxServer, backplane: Backplane) -> None:
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
        self._asked: dict[int, tuple[str, asyncio.Future[Sequence[Any] | None]]] = {}
        self._last_asked = 0
        self._has_warned = False
        self.unpublished: int = 0
        """Publishes of the application that failed because the store could not be reached."""
        self.interest: Interest = Interest(backplane, server.clock)
        self.publishing: Publishing = Publishing(server, backplane)
        self.keeping: Keeping = Keeping(server, backplane, self.interest, self._soon, self._lost)
        self.ownership: Ownership = Ownership(server, backplane, self.interest, self.keeping, self.publishing)
        self.fence: Fence = Fence(
            backplane,
            server.clock,
            let_go=self._let_go_of_lost,
            go_on=self._go_on,
            send_away=self._send_everyone_away,
        )
        self.relay: Relay = Relay(server, backplane.send, self._post)
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
        with suppress(Unavailable):
            await self.keeping.write_checkpoint()
        self.fence.close()
        self.keeping.is_leaving = True

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
        return self._server.sessions.find(client_id) is not None

    def route(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """Have what is not for this node processed where it is; the task that does it.

        Raises HandshakeNotAlone, BatchTooLarge.
        """
        self._server.expect_whole(messages, context)
        if self.is_fenced:
            return self._route_later(messages, transport, context)
        return self._server.create_task(self._route(messages, transport, context))

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

    def node_left(self, node: NodeInfo, reason: str) -> None:
        """See ``Receiver``."""
        log.info("a node left", extra={"event": "node_left", "node": node.name, "reason": reason})
        self.relay.node_left(node.id)
        for asked, future in list(self._asked.values()):
            if asked == node.id and not future.done():
                future.set_result(None)
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

    # A request that comes while the fence is up ---------------------------------------------------------------

    def _route_later(
        self, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> asyncio.Task[Any] | None:
        """A publish is refused, for its client to try again (OPS-72); all else waits."""
        if self.fence.is_closed or not _may_wait(messages):
            self._refuse(messages, transport, context)
            return None
        task = self._server.create_task(self._route_when_down(messages, transport, context))
        return None if transport.streaming else task  # a socket is read on meanwhile

    async def _route_when_down(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        serves = await self.fence.wait()
        if transport.closed:
            return
        if not serves:
            self._refuse(messages, transport, context)
        elif (task := self._server.handle(messages, transport, context)) is not None:
            await task

    def _refuse(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        """Nobody knows whether they will be processed, or were; a client that polls goes to another node, perhaps."""
        is_poll = all(asks_for(Request.CONNECT, fields) for fields in messages)
        if not is_poll and not self.fence.is_closed:
            transport.send(NOTHING, [self._refusal(fields, context) for fields in messages])
        elif transport.streaming:
            transport.close(CLOSE_RESTART, "Try again")
        else:
            transport.dismiss(UNAVAILABLE)

    def _refusal(self, fields: Fields, context: Context) -> bytes:
        error, request = Unavailable(), Request.HANDSHAKE if is_handshake(fields) else None
        advice = advices.for_failure(error, request, context.options, self._server.admission.pause())
        return json.encode(failed(reply_to(fields), error, advice))

    # A request for another node ------------------------------------------------------------------------------

    async def _route(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        client_id = messages[0]["clientId"]
        may_wait = _may_wait(messages)
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + (META_PATIENCE if may_wait else PATIENCE), 0.0
        while not transport.closed:
            try:
                await self.ownership.settled(client_id)
                if self.is_fenced and not (may_wait and await self.fence.wait()):
                    break
                if self._server.sessions.find(client_id) is not None:
                    await self._process(messages, transport, context)
                    return
                if await self._process_elsewhere(client_id, messages, transport, context):
                    return
            except (Unavailable, StaleClaim):
                if not may_wait:
                    break
            if loop.time() >= until:
                break
            pause = min(LONGEST_PAUSE, pause + 0.01)
            await asyncio.sleep(pause)
        if not transport.closed:
            self._refuse(messages, transport, context)

    async def _process_elsewhere(
        self, client_id: str, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> bool:
        """Whether it was processed, or cannot be; if not, whose session it is has to be found out anew."""
        owner = self.ownership.guess(client_id)
        is_certain = owner is None
        if owner is None:
            claim = await self.backplane.sessions.find(client_id)
            if claim is None:
                await self._process(messages, transport, context)  # which says that there is no such session
                return True
            owner = claim.owner
            if owner == self.hint or not await self.ownership.is_alive(owner):
                if not self.ownership.is_unsettled(client_id):
                    await self.ownership.take_over(client_id, claim)
                return False
            if not self.ownership.lives(owner):
                return False  # it will join, or its lease will lapse: nobody would tell that it does not answer
        if transport.streaming:
            return await self._move_here(owner, client_id, messages, transport, context)
        outcome = await self.relay.ask(owner, messages, transport, context, is_certain=is_certain)
        if outcome is Outcome.LEAVING:
            return await self._move_here(owner, client_id, messages, transport, context)
        if outcome is Outcome.LOST:
            if _may_wait(messages):
                return False
            raise Unavailable  # nobody knows what the owner did with it
        if outcome is Outcome.ELSEWHERE:
            self.ownership.disbelieve(client_id)
        elif outcome is not Outcome.BUSY:
            self.ownership.note(client_id, owner)
            return True
        return False

    async def _process(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        task = self._server.process(messages, transport, context)
        if task is not None:
            await task

    # Moving ---------------------------------------------------------------------------------------------------

    async def _move_here(
        self, owner: str, client_id: str, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> bool:
        if self.ownership.is_unsettled(client_id):
            return False
        with self.ownership.settling(client_id):
            since = self.keeping.next_number
            packed = packed_context(self._server, context)
            self.keeping.mark_unsettled(client_id)
            answer = await self._ask(owner, "yield", client_id, transport.name, since, packed)
            if answer is None:
                return False  # the node has gone
            outcome, number, record, baggage = answer[:4]
            if outcome == "yielded":
                await self.ownership.arrive(client_id, number, record, baggage)
                return False
            self.keeping.unsettled.pop(client_id, None)
            is_refused = outcome == "refused"
            if not is_refused:
                self.ownership.disbelieve(client_id)
        if is_refused:
            await self._process(messages, transport, context)  # which says that it is no session of this client
            return True
        return False

    async def _take_late(self, number: int, record: bytes, baggage: bytes, client_id: str) -> None:
        """A session that comes when nobody waits for it any more."""
        if self._server.session(client_id) is None and not self.ownership.is_unsettled(client_id):
            with self.ownership.settling(client_id):
                await self.ownership.arrive(client_id, number, record, baggage)

    async def _yield(self, sender: str, number: int, rest: Sequence[Any]) -> None:
        """Give a session to a node whose client may have it."""
        client_id, name, since, packed = rest[:4]
        outcome, given = "elsewhere", None
        session = self._server.session(client_id)
        if session is not None and not self.is_fenced and not self.ownership.is_unsettled(client_id):
            transport = RelayTransport(name, _nowhere)
            transport.streaming = name == "websocket"
            if not self._server.may_speak_for(session, transport, read_context(self._server, packed)):
                outcome = "refused"
            else:
                given = await self.ownership.give_away(session, sender, since)
                outcome = "busy" if given is None else "yielded"
        self._post(sender, pack("reply", number, outcome, *(given or (0, b"", b"")), client_id))

    # Lanes ----------------------------------------------------------------------------------------------------

    def _take(self, sender: str, kind: str, number: int, rest: Sequence[Any]) -> None:
        if kind == "request":
            self._take_request(sender, number, rest)
        elif kind == "answer":
            self.relay.take_answer(sender, number, rest)
        elif kind == "cancel":
            self.relay.take_cancel(sender, number)
        elif kind == "yield":
            self._soon(self._yield(sender, number, rest))
        elif kind == "reply":
            asked, future = self._asked.get(number, ("", None))
            if future is not None and asked == sender and not future.done():
                future.set_result(rest)
            elif rest[0] == "yielded":
                self._soon(self._take_late(*rest[1:5]))
        elif kind == "people":
            self.seti.take_people(sender, rest)
        elif kind == "to-users":
            self.seti.take_event(rest)
        else:
            raise Unreadable(f"a message of kind {kind[:20]!r}")

    def _take_request(self, sender: str, number: int, rest: Sequence[Any]) -> None:
        messages, context, transport, is_certain = self.relay.take_request(sender, number, rest)
        self._soon(self._serve(sender, number, messages, context, transport, is_certain=is_certain))

    async def _serve(
        self,
        sender: str,
        number: int,
        messages: Sequence[Fields],
        context: Context,
        transport: RelayTransport,
        *,
        is_certain: bool,
    ) -> None:
        """Process the request of another node."""
        client_id = messages[0].get("clientId")
        try:
            if not isinstance(client_id, str):
                raise Unreadable("a request for no session")
            await self.ownership.settled(client_id)
            if self.is_fenced and not await self.fence.wait():
                self.relay.refuse(sender, number, Outcome.BUSY)
                return
            if self._server.sessions.find(client_id) is None and is_certain:
                await self._bring_home(client_id)
            if transport.closed:
                return
            if self._server.sessions.find(client_id) is None:
                self.relay.refuse(sender, number, Outcome.ELSEWHERE)
            elif self._server.is_draining and self._server.session(client_id) is not None:
                self.relay.refuse(sender, number, Outcome.LEAVING)
            else:
                await self._process(messages, transport, context)
        except (Unavailable, StaleClaim):
            self.relay.refuse(sender, number, Outcome.BUSY)
        except Exception:
            log.exception("a request of another node could not be processed")
            if not transport.closed:
                transport.dismiss(500)

    async def _bring_home(self, client_id: str) -> None:
        """A session that was claimed for this node and never came."""
        claim = await self.backplane.sessions.find(client_id)
        if claim is not None and claim.owner == self.hint and not self.ownership.is_unsettled(client_id):
            await self.ownership.take_over(client_id, claim)

    async def _ask(self, node: str, kind: str, *values: Any) -> Sequence[Any] | None:
        """What a node answers; None if it has gone. Raises Unavailable where it says nothing in time."""
        self._last_asked += 1
        number = self._last_asked
        future: asyncio.Future[Sequence[Any] | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = (node, future)
        try:
            await self.backplane.send(node, pack(kind, number, *values))
            async with asyncio.timeout(ASK_TIMEOUT):
                return await future
        except TimeoutError:
            raise Unavailable from None
        finally:
            del self._asked[number]

    def _post(self, node: str, message: bytes) -> None:
        self._soon(self._send(node, message))

    async def _send(self, node: str, message: bytes) -> None:
        """Send it as soon as that is possible, as long as it may matter: what comes twice does no harm."""
        until = self._server.clock() + ASK_TIMEOUT
        while True:
            try:
                await self.backplane.send(node, message)
                return
            except Unavailable:
                if self._server.clock() >= until or not self.ownership.lives(node):
                    return
            await asyncio.sleep(RETRY_PERIOD)

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
        """Nobody's time was up while nobody could be heard."""
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


def _may_wait(messages: Sequence[Fields]) -> bool:
    """None of them is a publish: what comes of them twice is what comes of them once."""
    return all(str(fields.get("channel", "")).startswith("/meta/") for fields in messages)


def _nowhere(*_: object) -> None:
    """What is asked for on behalf of a client that has not been let in is answered to nobody."""
