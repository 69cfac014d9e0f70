"""Requests for sessions that are not here, or not to be served at this moment: held back, relayed, or answered here
after their session has come.

Owns what becomes of such a request until its session is known to be here, or it was answered: at the node that its
client asked, and at the owner that this node asks.

Source: OPS-42, OPS-72, SES-2, WS-14; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from bayeux.backplane.backplane import Backplane, StaleClaim
from bayeux.protocol import advice as advices
from bayeux.protocol import json
from bayeux.protocol.encoded import NOTHING
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.message import Fields, Request, asks_for, failed, is_handshake, reply_to
from bayeux.server.cluster.fence import Fence
from bayeux.server.cluster.keeping import Keeping
from bayeux.server.cluster.messenger import Messenger
from bayeux.server.cluster.ownership import Ownership
from bayeux.server.cluster.relay import Outcome, Relay, RelayTransport, packed_context, read_context
from bayeux.server.cluster.wire import Unreadable, pack
from bayeux.server.rates import RateByKey
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

PATIENCE: Final = 2.0
"""Seconds for which a request waits until it is clear whose session it is."""
META_PATIENCE: Final = 10.0
"""The same for what is no publish, and is one and the same if it comes twice."""
LONGEST_PAUSE: Final = 0.25
MAX_FRAMES: Final = 10
"""Frames of one socket that wait for the fence to come down; then it is not read on."""
CLOSE_RESTART: Final = 1012  # RFC 6455: the client may connect again at once
UNAVAILABLE: Final = 503


class Routing:
    """The ways of requests between this node and others.

    Args:
        soon: begins a coroutine of this node.
        moves_after: connects of a session in a row that come by the same other node until it moves there; 0 = never.
    """

    def __init__(
        self,
        server: BayeuxServer,
        backplane: Backplane,
        *,
        fence: Fence,
        ownership: Ownership,
        keeping: Keeping,
        relay: Relay,
        messenger: Messenger,
        soon: Callable[[Any], object],
        moves_after: int,
    ) -> None:
        self._server = server
        self._backplane = backplane
        self._fence = fence
        self._ownership = ownership
        self._keeping = keeping
        self._relay = relay
        self._messenger = messenger
        self._soon = soon
        self._moves_after = moves_after
        self._waiting: Counter[Transport] = Counter()
        """By socket: how many of its frames wait for the fence to come down."""
        self.strays: dict[str, tuple[str, int]] = {}
        """Sessions of this node whose last connects came by another: by which, and how many in a row."""
        options = server.options
        # Who is told that there is no such session has to handshake: more of the one than of the other is no client.
        self._strangers: RateByKey[str] = RateByKey(options.handshake_rate_per_ip, options.handshake_burst_per_ip)

    def route(self, messages: Sequence[Fields], transport: Transport, context: Context) -> asyncio.Task[Any] | None:
        """Have what this node cannot process now processed later, or where it is; the task that does it.

        Raises HandshakeNotAlone, BatchTooLarge.
        """
        self._server.expect_whole(messages, context)
        if self._fence.is_up:
            return self._route_later(messages, transport, context)
        return self._server.create_task(self._route(messages, transport, context))

    # While the fence is up ------------------------------------------------------------------------------------

    def _route_later(
        self, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> asyncio.Task[Any] | None:
        """A publish is refused, for its client to try again (OPS-72); all else waits."""
        if self._fence.is_closed or not _may_wait(messages):
            self._refuse(messages, transport, context)
            return None
        task = self._server.create_task(self._route_when_down(messages, transport, context))
        if not transport.streaming:
            return task
        # A socket is read on meanwhile, so that its publishes are refused; not without end.
        self._waiting[transport] += 1
        task.add_done_callback(lambda _: self._waits_no_more(transport))
        return None if self._waiting[transport] < MAX_FRAMES else task

    def _waits_no_more(self, socket: Transport) -> None:
        self._waiting[socket] -= 1
        if not self._waiting[socket]:
            del self._waiting[socket]

    async def _route_when_down(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        serves = await self._fence.wait()
        if transport.closed:
            return
        if not serves:
            self._refuse(messages, transport, context)
        elif (task := self._server.handle(messages, transport, context)) is not None:
            await task

    def _refuse(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        """Nobody knows whether they will be processed, or were; a client that polls goes to another node, perhaps."""
        is_poll = all(asks_for(Request.CONNECT, fields) for fields in messages)
        if not is_poll and not self._fence.is_closed:
            transport.send(NOTHING, [self._refusal(fields, context) for fields in messages])
        elif transport.streaming:
            transport.close(CLOSE_RESTART, "Try again")
        else:
            transport.dismiss(UNAVAILABLE)

    def _refusal(self, fields: Fields, context: Context) -> bytes:
        error, request = Unavailable(), Request.HANDSHAKE if is_handshake(fields) else None
        advice = advices.for_failure(error, request, context.options, self._server.admission.pause())
        return json.encode(failed(reply_to(fields), error, advice))

    # Where the client asked -----------------------------------------------------------------------------------

    async def _route(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        client_id = messages[0]["clientId"]
        may_wait = _may_wait(messages)
        loop = asyncio.get_running_loop()
        until, pause = loop.time() + (META_PATIENCE if may_wait else PATIENCE), 0.0
        while not transport.closed:
            try:
                await self._ownership.settled(client_id)
                if self._fence.is_up and not (may_wait and await self._fence.wait()):
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
        owner = self._ownership.guess(client_id)
        is_certain = owner is None
        if owner is None:
            if not self._strangers.has_any(context.peer, self._server.clock()):
                self._server.reject("SEC-L20")
                self._refuse(messages, transport, context)
                return True
            claim = await self._backplane.sessions.find(client_id)
            if claim is None:
                self._strangers.take(context.peer, self._server.clock())
                await self._process(messages, transport, context)  # which says that there is no such session
                return True
            owner = claim.owner
            if owner == self._backplane.node.id or not await self._ownership.is_alive(owner):
                if not self._ownership.is_unsettled(client_id):
                    await self._ownership.take_over(client_id, claim)
                return False
            if not self._ownership.lives(owner):
                return False  # it will join, or its lease will lapse: nobody would tell that it does not answer
        if transport.streaming:
            return await self._move_here(owner, client_id, messages, transport, context)
        outcome = await self._relay.ask(owner, messages, transport, context, is_certain=is_certain)
        if outcome is Outcome.LEAVING:
            return await self._move_here(owner, client_id, messages, transport, context)
        if outcome is Outcome.LOST:
            if _may_wait(messages):
                return False
            raise Unavailable  # nobody knows what the owner did with it
        if outcome is Outcome.ELSEWHERE:
            self._ownership.disbelieve(client_id)
        elif outcome is not Outcome.BUSY:
            self._ownership.note(client_id, owner)
            return True
        return False

    async def _process(self, messages: Sequence[Fields], transport: Transport, context: Context) -> None:
        task = self._server.process(messages, transport, context)
        if task is not None:
            await task

    async def _move_here(
        self, owner: str, client_id: str, messages: Sequence[Fields], transport: Transport, context: Context
    ) -> bool:
        if self._ownership.is_unsettled(client_id):
            return False
        with self._ownership.settling(client_id):
            since = self._keeping.next_number
            packed = packed_context(self._server, context)
            self._keeping.mark_unsettled(client_id)
            answer = await self._messenger.ask(owner, "yield", client_id, transport.name, since, packed)
            if answer is None:
                return False  # the node has gone
            outcome, number, record, baggage = answer[:4]
            if outcome == "yielded":
                await self._ownership.arrive(client_id, number, record, baggage)
                return False
            self._keeping.unsettled.pop(client_id, None)
            is_refused = outcome == "refused"
            if not is_refused:
                self._ownership.disbelieve(client_id)
        if is_refused:
            await self._process(messages, transport, context)  # which says that it is no session of this client
            return True
        return False

    def take_reply(self, sender: str, number: int, reply: Sequence[Any]) -> None:
        """What a node said that was asked for a session."""
        if not self._messenger.take_reply(sender, number, reply) and reply[0] == "yielded":
            self._soon(self._take_late(*reply[1:5]))

    async def _take_late(self, number: int, record: bytes, baggage: bytes, client_id: str) -> None:
        """A session that comes when nobody waits for it any more, or once more: it may have gone on since."""
        if self._server.session(client_id) is None and not self._ownership.is_unsettled(client_id):
            with self._ownership.settling(client_id):
                claim = await self._backplane.sessions.find(client_id)
                if claim is not None and (claim.owner, claim.number) == (self._backplane.node.id, number):
                    await self._ownership.arrive(client_id, number, record, baggage)

    # At the owner ---------------------------------------------------------------------------------------------

    def take_request(self, sender: str, number: int, rest: Sequence[Any]) -> None:
        """A request that another node's client made. Raises Unreadable."""
        messages, context, transport, is_certain = self._relay.take_request(sender, number, rest)
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
        client_id = messages[0].get("clientId")
        try:
            if not isinstance(client_id, str):
                raise Unreadable("a request for no session")
            await self._ownership.settled(client_id)
            if self._fence.is_up and not await self._fence.wait():
                self._relay.refuse(sender, number, Outcome.BUSY)
                return
            if self._server.sessions.find(client_id) is None and is_certain:
                await self._bring_home(client_id)
            if transport.closed:
                return
            if self._server.sessions.find(client_id) is None:
                self._relay.refuse(sender, number, Outcome.ELSEWHERE)
            elif self._server.session(client_id) is not None and (
                self._server.is_draining or self._has_strayed(client_id, sender, messages)
            ):
                self._relay.refuse(sender, number, Outcome.LEAVING)
            else:
                await self._process(messages, transport, context)
        except (Unavailable, StaleClaim):
            self._relay.refuse(sender, number, Outcome.BUSY)
        except Exception:
            log.exception("a request of another node could not be processed")
            if not transport.closed:
                transport.dismiss(500)

    def _has_strayed(self, client_id: str, sender: str, messages: Sequence[Fields]) -> bool:
        """Whether its client stays with another node, as over a connection that is kept: it is cheaper served there."""
        if not self._moves_after or not any(asks_for(Request.CONNECT, fields) for fields in messages):
            return False
        node, before = self.strays.pop(client_id, ("", 0))
        count = before + 1 if node == sender else 1
        if count > self._moves_after:
            return True
        self.strays[client_id] = sender, count
        return False

    async def _bring_home(self, client_id: str) -> None:
        """A session that was claimed for this node and never came."""
        claim = await self._backplane.sessions.find(client_id)
        is_ours = claim is not None and claim.owner == self._backplane.node.id
        if claim is not None and is_ours and not self._ownership.is_unsettled(client_id):
            await self._ownership.take_over(client_id, claim)

    async def give(self, sender: str, number: int, rest: Sequence[Any]) -> None:
        """Give a session to a node whose client may have it."""
        client_id, name, since, packed = rest[:4]
        outcome, given = "elsewhere", None
        session = self._server.session(client_id)
        if session is not None and not self._fence.is_up and not self._ownership.is_unsettled(client_id):
            transport = RelayTransport(name, _nowhere)
            transport.streaming = name == "websocket"
            if not self._server.may_speak_for(session, transport, read_context(self._server, packed)):
                outcome = "refused"
            else:
                given = await self._ownership.give_away(session, sender, since)
                outcome = "busy" if given is None else "yielded"
        self._messenger.post(sender, pack("reply", number, outcome, *(given or (0, b"", b"")), client_id))


def _may_wait(messages: Sequence[Fields]) -> bool:
    """None of them is a publish: what comes of them twice is what comes of them once."""
    return all(str(fields.get("channel", "")).startswith("/meta/") for fields in messages)


def _nowhere(*_: object) -> None:
    """What is asked for on behalf of a client that has not been let in is answered to nobody."""
