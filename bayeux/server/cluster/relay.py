"""A request for a session that lives on another node: it goes there, and its answer comes back.

The owner has it processed like any other, by a transport whose bytes go to the node that the client asked; that node
writes them as they are. A held connect is held by the owner. If the client hangs up, the owner is told; if one of the
two nodes dies, the other lets go. Who asks travels along, so that the owner alone decides whose session it is (SEC-42).

Source: OPS-42, SES-8, SEC-42, SEC-80; docs/decisions/nobody-delivers-locally-first.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from bayeux.protocol.encoded import NOTHING, Batch, EncodedMessage
from bayeux.protocol.errors import Unavailable
from bayeux.protocol.message import Fields
from bayeux.protocol.options import Options
from bayeux.server.cluster.records import options_key, options_of
from bayeux.server.cluster.wire import Unreadable, fit, pack, string_map, strings
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer
    from bayeux.server.sessions import ServerSession

log: logging.Logger = logging.getLogger(__name__)

MAX_ASKED: Final = 20_000
"""Requests of this node that wait for others; above it they are refused with 503."""
MAX_NODES: Final = 1000
"""Nodes of which it is remembered how many requests they have sent, those that did last."""

Send = Callable[[str, bytes], Awaitable[None]]
"""Sends a message to a node. Raises Unavailable."""
Post = Callable[[str, bytes], None]
"""Sends one soon, and again where that fails."""


class Outcome(StrEnum):
    """What became of a request at the node it was sent to."""

    SENT = "sent"
    DISMISSED = "dismissed"
    ELSEWHERE = "elsewhere"
    """The session does not live there."""
    LEAVING = "leaving"
    """It does, but that node is going: whoever asks may have it."""
    BUSY = "busy"
    """Nothing was done; it may be tried again."""
    LOST = "lost"
    """The node has gone, and nobody knows what it did."""


class RelayTransport:
    """At the owner: the request of another node (``Transport``)."""

    connect_only: bool = False
    streaming = False
    writable = True

    def __init__(self, name: str, answer: Callable[[Outcome, Any, Any], None]) -> None:
        self.name = name
        self.connect_only = name == "callback-polling"
        self.closed: bool = False
        self.session: ServerSession | None = None
        self._answer = answer

    def send(self, events: Batch, replies: Sequence[bytes]) -> None:
        """See ``Transport``."""
        self.closed = True
        self._answer(Outcome.SENT, [each.json for each in events.messages], list(replies))

    def dismiss(self, status: int) -> None:
        """See ``Transport``."""
        self.closed = True
        self._answer(Outcome.DISMISSED, status, None)

    def close(self, code: int, reason: str) -> None:
        """A request is over once it is answered."""


class Asked:
    """At the node that the client asked: a request that waits for the owner's answer."""

    __slots__ = ("done", "node", "outcome", "transport")

    def __init__(self, node: str, transport: Transport, done: asyncio.Future[Outcome]) -> None:
        self.node: str = node
        self.transport: Transport = transport
        self.done: asyncio.Future[Outcome] = done


class Relay:
    """Both ends of all requests between this node and others."""

    def __init__(self, server: BayeuxServer, send: Send, post: Post) -> None:
        self._server = server
        self._send = send
        self._post = post
        self._last = 0
        self._asked: dict[int, Asked] = {}
        self._numbers: dict[Transport, int] = {}
        self._serving: dict[tuple[str, int], RelayTransport] = {}
        self._heard_of: dict[str, int] = {}
        """By node: the number of its last request; who asked last is last."""
        self.relayed: int = 0
        """Requests that were sent to their owners."""

    # The node that the client asked -------------------------------------------------------------------

    async def ask(
        self, node: str, messages: Sequence[Fields], transport: Transport, context: Context, *, is_certain: bool
    ) -> Outcome:
        """Have the owner process them, and answer ``transport`` as it says; what else comes of it is the caller's.

        Args:
            is_certain: the store says that it is the owner.
        """
        if len(self._asked) >= MAX_ASKED:
            return Outcome.BUSY
        self._last = number = self._last + 1
        asked = Asked(node, transport, asyncio.get_running_loop().create_future())
        self._asked[number] = asked
        self._numbers[transport] = number
        self.relayed += 1
        who = packed_context(self._server, context)
        try:
            await self._send(node, pack("request", number, list(messages), who, transport.name, is_certain))
            return await asked.done
        except Unavailable:
            return Outcome.LOST
        except asyncio.CancelledError:
            self._post(node, pack("cancel", number))
            raise
        finally:
            self._asked.pop(number, None)
            self._numbers.pop(transport, None)

    def connection_lost(self, transport: Transport) -> None:
        """The client has hung up: the owner lets go of its connect (SES-8)."""
        number = self._numbers.get(transport)
        asked = None if number is None else self._asked.get(number)
        if asked is not None:
            self._post(asked.node, pack("cancel", number))
            _settle(asked.done, Outcome.SENT)

    def take_answer(self, sender: str, number: int, rest: Sequence[Any]) -> None:
        """What the owner says. Raises Unreadable."""
        asked = self._asked.get(number)
        if asked is None or asked.node != sender:
            return  # the client has hung up meanwhile
        outcome, first, second = rest[:3]
        if outcome not in tuple(Outcome):
            raise Unreadable("an answer of another kind")
        outcome = Outcome(outcome)
        if not asked.transport.closed:
            if outcome is Outcome.SENT:
                if not all(isinstance(each, bytes) for each in [*first, *second]):
                    raise Unreadable("an answer that is none")
                asked.transport.send(Batch([EncodedMessage("", each) for each in first]) if first else NOTHING, second)
            elif outcome is Outcome.DISMISSED:
                asked.transport.dismiss(int(first))
        _settle(asked.done, outcome)

    # The owner ----------------------------------------------------------------------------------------

    def take_request(
        self, sender: str, number: int, rest: Sequence[Any]
    ) -> tuple[list[Fields], Context, RelayTransport, bool]:
        """What is to be processed, and where its answer goes; whether the store was asked. Raises Unreadable."""
        messages, packed, name, is_certain = rest[:4]
        if not isinstance(messages, list) or not messages or not isinstance(name, str):
            raise Unreadable("a request without messages")
        fields = [dict(string_map(each)) for each in messages]
        transport = RelayTransport(name, lambda *answer: self._answer(sender, number, *answer))
        self._serving[sender, number] = transport
        self._heard_of[sender] = max(number, self._heard_of.pop(sender, 0))
        if len(self._heard_of) > MAX_NODES:
            del self._heard_of[next(iter(self._heard_of))]
        return fields, read_context(self._server, packed), transport, is_certain is True

    def refuse(self, sender: str, number: int, outcome: Outcome) -> None:
        """It was not processed."""
        transport = self._serving.get((sender, number))
        if transport is not None:
            transport.closed = True
        self._answer(sender, number, outcome, None, None)

    def take_cancel(self, sender: str, number: int) -> None:
        """The client has hung up there."""
        transport = self._serving.pop((sender, number), None)
        if transport is not None and not transport.closed:
            transport.closed = True
            self._server.connection_lost(transport)

    # Both -------------------------------------------------------------------------------------------------

    def accounts(self, node: str) -> tuple[int, list[int], int, list[int]]:
        """What there is between this node and another: its last request and those of it that are served here; the last
        number of this node, and those that wait for an answer from there.
        """
        served = [number for sender, number in self._serving if sender == node]
        waiting = [number for number, asked in self._asked.items() if asked.node == node]
        return self._heard_of.get(node, 0), served, self._last, waiting

    def settle_accounts(self, sender: str, accounts: Sequence[Any]) -> None:
        """Let go of what that node has let go of, because it had taken this one for dead. Raises Unreadable."""
        if not fit(accounts, (int, list, int, list)):
            raise Unreadable("accounts that are none")
        heard_of, served, last, waiting = accounts[:4]
        for number, asked in list(self._asked.items()):
            if asked.node == sender and number <= heard_of and number not in served:
                _settle(asked.done, Outcome.LOST)
        for _, number in [key for key in self._serving if key[0] == sender]:
            if number <= last and number not in waiting:
                self.take_cancel(sender, number)

    def give_up(self) -> None:
        """No answer can be waited for."""
        for asked in list(self._asked.values()):
            _settle(asked.done, Outcome.LOST)

    def node_left(self, node: str) -> None:
        """What was sent there is not answered any more, and what came from there needs no answer."""
        for asked in list(self._asked.values()):
            if asked.node == node:
                _settle(asked.done, Outcome.LOST)
        for sender, number in [key for key in self._serving if key[0] == node]:
            self.take_cancel(sender, number)

    def _answer(self, sender: str, number: int, outcome: Outcome, first: Any, second: Any) -> None:
        if self._serving.pop((sender, number), None) is not None:
            self._post(sender, pack("answer", number, outcome.value, first, second))


def _settle(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)


# Who asks ---------------------------------------------------------------------------------------------


def packed_context(server: BayeuxServer, context: Context) -> list[Any]:
    """What an owner needs to know of a request."""
    mount, transport = options_key(server, context.options)
    return [
        mount,
        transport,
        context.transport,
        dict(context.headers),
        dict(context.cookies),
        server.clock() - context.arrived_at,
        [context.peer, context.local, context.path, context.query, context.http_version],
        [context.secure, context.http2],
        context.browser,
        context.user,
        sorted(context.roles),
    ]


def read_context(server: BayeuxServer, packed: Sequence[Any]) -> Context:
    """The request as it was there, with the options that it would have gone by here. Raises Unreadable."""
    values = list(packed)
    if len(values) < len(_CONTEXT) or not fit(values, _CONTEXT):
        raise Unreadable("a request of nobody")
    mount, key, transport, headers, cookies, age, texts, flags, browser, user, roles = values[: len(_CONTEXT)]
    if len(texts) != 5 or len(flags) != 2:
        raise Unreadable("a request of nobody")
    peer, local, path, query, http_version = strings(texts)
    secure, http2 = map(bool, flags)
    options: Options = options_of(server, mount, key)
    return Context(
        transport=transport, options=options, headers=string_map(headers), cookies=string_map(cookies),
        arrived_at=server.clock() - age, peer=peer, local=local, path=path, query=query, http_version=http_version,
        secure=secure, http2=http2, browser=browser, user=user, roles=frozenset(strings(roles)),
    )  # fmt: skip


_TEXT = (str, type(None))
_CONTEXT = (str, str, str, dict, dict, (float, int), list, list, _TEXT, _TEXT, list)
