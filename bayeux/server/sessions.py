"""The sessions of a server, by clientId, by user, by address and by browser.

Rules: SES-2, SES-5, DSC-7, COOK-10, SEC-44, SEC-L15, SN-1…10.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from bayeux.protocol.effects import EndReason
from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER, BayeuxSession, State
from bayeux.server.extension import Extension, Extensions
from bayeux.server.lane import Lane
from bayeux.server.listeners import SessionListeners
from bayeux.server.rates import FULL, take_token
from bayeux.server.steps import Steps
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.fanout import Waiting
    from bayeux.server.flow import Samples
    from bayeux.server.local import Sender
    from bayeux.server.recovery import Cursor
    from bayeux.server.server import BayeuxServer


class Hooks:
    """What an application hung on one session; most sessions have none."""

    __slots__ = ("extensions", "is_handed_out", "lane", "listeners", "receive", "waiting", "waiting_bytes")

    def __init__(self, session: ServerSession) -> None:
        self.extensions: Extensions[Extension] = Extensions(session)
        self.listeners: SessionListeners = SessionListeners()
        self.receive: Callable[[dict[str, Any]], Steps[None]] | None = None
        """Takes the events of a local session, in place of a queue (LOC-2)."""
        self.lane: Lane = Lane(session.server)
        """The way of each event, so that none overtakes one whose hook is awaited (GEN-1)."""
        self.waiting: dict[Waiting, None] = {}
        """The events on it, oldest first."""
        self.waiting_bytes: int = 0
        self.is_handed_out: bool = False
        """The application has seen them, and may add to what it has at hand."""

    @property
    def are_empty(self) -> bool:
        """Nobody would miss them."""
        return not (self.is_handed_out or self.receive is not None or self.waiting)


class ServerSession(BayeuxSession):
    """A session at work: its life, and how to reach its client."""

    __slots__ = (
        "_attributes",
        "_carried",
        "_left_at",
        "_roles",
        "_tokens_full_at",
        "_told_reachable",
        "_user",
        "allow_message_delivery_during_handshake",
        "begun_at",
        "broadcast_to_publisher",
        "browser",
        "end_reason",
        "held_by",
        "hooks",
        "is_local",
        "is_marked",
        "is_reading_history",
        "is_taken_over",
        "is_traced",
        "last_seen_at",
        "news",
        "next_look",
        "peer",
        "recovering",
        "refused_in_a_row",
        "samples",
        "server",
        "transport",
        "user_agent",
    )

    is_batching: int

    def __init__(self, client_id: str, options: Options, server: BayeuxServer, context: Context, now: float) -> None:
        super().__init__(client_id, options)
        self.server: BayeuxServer = server
        self._user = context.user
        self._roles = context.roles
        self.browser: str | None = context.browser
        """The browser cookie that proves it over HTTP (COOK-3)."""
        self.peer: str = context.peer
        """The client's address."""
        self.user_agent: str = context.headers.get("user-agent", "")  # HS-15
        self.begun_at: float = now
        """When its handshake was accepted, on the server's clock."""
        self.end_reason: EndReason | None = None
        """Why the server ended it, where that says more than ``kicked``."""
        self.last_seen_at: float = now
        """When its client's last message arrived."""
        self.is_local: bool = False
        """It is a client inside the server (LOC-1)."""
        self.is_taken_over: bool = False
        """Its handshake was with a node that has gone; when is not known here."""
        self.is_traced: bool = False
        """Its messages are logged (MON-3)."""
        self.broadcast_to_publisher: bool = True
        """Whether it gets its own events (PUB-11)."""
        self.allow_message_delivery_during_handshake: bool = options.allow_message_delivery_during_handshake
        """Whether events follow the handshake reply (HS-14)."""
        self.transport: Transport | None = None
        """The socket its events are pushed to; None while it polls."""
        self.held_by: Transport | None = None
        """What carries the held connect."""
        self.hooks: Hooks | None = None
        self.is_marked: bool = False
        """The flusher will look at it in this turn."""
        self.next_look: float = 0.0
        """For ``Deadlines``."""
        self._tokens_full_at = FULL
        self.refused_in_a_row: int = 0
        self.news: Lane | None = None
        """What listeners are told of it, in order, where they were awaited (SN-9)."""
        self.recovering: dict[str, Cursor] | None = None
        """The channels whose history it is being sent (RPL-16)."""
        self.is_reading_history: bool = False
        self.samples: Samples | None = None
        """What it gets of channels that are sampled (QUE-5)."""
        self._left_at = now
        self._told_reachable = False
        self._attributes: dict[str, Any] | None = None
        self._carried: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The clientId: a credential, for nobody's eyes but the client's."""
        return self.client_id

    @property
    def user(self) -> str | None:
        """Whose private messages it gets (SEC-44): the name of the principal, as the policy settled it."""
        return self._user

    @user.setter
    def user(self, user: str) -> None:
        """Only while the handshake is going on: a session never changes hands."""
        if self.state is not State.NEW:
            raise ValueError("the user of a session is settled by its handshake")
        self._user = user

    @property
    def roles(self) -> frozenset[str]:
        """What its user may be taken for; from the policy, else from the embedding application."""
        return self._roles

    @roles.setter
    def roles(self, roles: frozenset[str]) -> None:
        self._roles = roles

    @property
    def next_deadline(self) -> float:
        """When something must happen to it if nothing else does."""
        deadline = super().next_deadline
        return deadline if self.samples is None else min(deadline, self.samples.due_at)

    @property
    def is_connected(self) -> bool:
        """From its first connect to its end (SN-10)."""
        return self.state is State.CONNECTED

    @property
    def is_reachable(self) -> bool:
        """A connect is held or a socket is open: its client is there at this moment (SN-10)."""
        return self.held_by is not None or self.transport is not None or (self.is_local and not self.is_over)

    @property
    def reached_by(self) -> str:
        """What its events leave by, for lists and metrics: a transport's name, or ``local``."""
        if self.is_local:
            return "local"
        return "long-polling" if self.transport is None else self.transport.name

    @property
    def away_since(self) -> float | None:
        """When its client was last reachable, on the server's clock; None while it is (SN-10)."""
        return None if self.is_reachable else self._left_at

    def note_reachability(self, now: float) -> bool:
        """To be called whenever a way to its client came or went; True if that is news."""
        is_reachable = self.is_reachable
        if is_reachable is self._told_reachable:
            return False
        self._told_reachable = is_reachable
        if not is_reachable:
            self._left_at = now
        return True

    def take_token(self, options: Options, now: float) -> bool:
        """Charge its client for a message; False if that is one too many (SEC-L19)."""
        if not options.session_message_rate:
            return True
        full_at = take_token(self._tokens_full_at, options.session_message_rate, options.session_message_burst, now)
        if full_at is None:
            return False
        self._tokens_full_at = full_at
        return True

    def return_token(self) -> None:
        """Our events make the client come back, not its own haste (SEC-L19)."""
        if self.options.session_message_rate:
            self._tokens_full_at -= 1 / self.options.session_message_rate

    @property
    def attributes(self) -> dict[str, Any]:
        """Whatever the application wants to remember of this session (SN-8)."""
        if self._attributes is None:
            self._attributes = {}
        return self._attributes

    @property
    def carried(self) -> dict[str, Any]:
        """The same, for JSON values that it takes along when another node goes on with it (OPS-42).

        A node that dies leaves them as they were when the session last subscribed: keep little there that changes.
        """
        if self._carried is None:
            self._carried = {}
        return self._carried

    @property
    def carries(self) -> bool:
        """There is something that it takes along."""
        return bool(self._carried)

    @property
    def listeners(self) -> SessionListeners:
        """Who is told of this session (SN-6); asking for them makes each of its events a little dearer."""
        hooks = self.add_hooks()
        hooks.is_handed_out = True
        return hooks.listeners

    @property
    def extensions(self) -> Extensions[Extension]:
        """Its own extensions, in order of registration (SN-7); asking for them likewise."""
        hooks = self.add_hooks()
        hooks.is_handed_out = True
        return hooks.extensions

    def add_hooks(self) -> Hooks:
        """Its hooks, made at the first asking."""
        if self.hooks is None:
            self.hooks = Hooks(self)
        return self.hooks

    def drop_empty_hooks(self) -> None:
        """Let its events take the short way again if nothing hangs on it."""
        hooks = self.hooks
        if hooks is not None and hooks.are_empty:
            self.hooks = None

    def deliver(
        self,
        channel: str,
        data: Any,
        *,
        sender: Sender | None = None,
        ext: dict[str, Any] | None = None,
        lazy: bool = False,
    ) -> bool:
        """Send to this client, subscribed or not (DEL-6); False if it is gone (DEL-7) or did not take it.

        Where an extension has to be waited for, True says only that nobody refused so far.

        Raises ChannelInvalid; TypeError for data that JSON cannot say.
        """
        return self.server.deliver((self,), channel, data, sender=sender, ext=ext, lazy=lazy) > 0

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Events queued inside leave together, at the end (SN-3); may be nested, and may hold an ``await``."""
        self.is_batching += 1
        try:
            yield
        finally:
            self.is_batching -= 1
            if not self.is_batching and self.queue.is_pressing and not self.is_over:
                self.server.flusher.mark(self)

    def disconnect(self, reason: EndReason = EndReason.KICKED) -> None:
        """Kick the client (DSC-6); does nothing if it is gone.

        Args:
            reason: what the log, the metric and the listeners are told: kicked, inactive or revoked.
        """
        self.server.kick(self, reason)

    def look(self, now: float) -> float:
        """Do what is due; when to look again, 0 for never (``Deadlines``)."""
        if self.queue.lazy_until <= now:
            self.queue.stop_waiting()
            self.server.flusher.mark(self)
        if self.samples is not None and self.samples.due_at <= now:
            self.server.deliver_samples(self, now)
        if self.held is not None:
            if self.held.until <= now:
                self.server.release(self, is_timeout=True)
        elif self.expires_at <= now and not self.is_over:
            self.server.expire(self)
        if self.is_over or self.next_deadline == NEVER:
            return 0.0
        return self.next_deadline


class Sessions:
    """Every live session, and for a while the kicked ones (DSC-7)."""

    def __init__(self) -> None:
        self._by_id: dict[str, ServerSession] = {}
        self._by_user: dict[str, dict[ServerSession, None]] = {}
        self._kicked: dict[str, ServerSession] = {}
        self.by_address: Counter[str] = Counter()
        """How many sessions an address has (SEC-L2)."""
        self.held_by_browser: dict[str, int] = {}
        """How many connects of a browser are held (COOK-10)."""

    def __len__(self) -> int:
        return len(self._by_id)

    def __iter__(self) -> Iterator[ServerSession]:
        return iter(tuple(self._by_id.values()))

    def find(self, client_id: str | None) -> ServerSession | None:
        """The session of that id, also one that was kicked and has not heard of it.

        One dictionary look-up each, whose time does not tell how much of an id is right (WSEC-3).
        """
        if client_id is None:
            return None
        return self._by_id.get(client_id) or self._kicked.get(client_id)

    def __contains__(self, client_id: str) -> bool:
        return client_id in self._by_id

    def of_user(self, user: str) -> list[ServerSession]:
        """The live sessions of one user."""
        return list(self._by_user.get(user, ()))

    def add(self, session: ServerSession) -> None:
        """Enter a session that has just been handshaken."""
        self._by_id[session.client_id] = session
        if not session.is_local:
            self.by_address[session.peer] += 1
        if session.user is not None:
            self._by_user.setdefault(session.user, {})[session] = None

    def remove(self, session: ServerSession) -> None:
        """Take out a session that is over."""
        del self._by_id[session.client_id]
        if not session.is_local:
            _decrement(self.by_address, session.peer)
        if session.user is not None:
            of_user = self._by_user[session.user]
            del of_user[session]
            if not of_user:
                del self._by_user[session.user]

    def remember_kicked(self, session: ServerSession) -> None:
        """Keep a kicked session for its client's next message (DSC-7)."""
        self._kicked[session.client_id] = session

    def was_kicked(self, session: ServerSession) -> bool:
        """It is over, and its client does not know yet."""
        return session.client_id in self._kicked

    def forget_kicked(self, session: ServerSession) -> None:
        """Its client has heard of it, or stayed away too long."""
        self._kicked.pop(session.client_id, None)

    def forget_kicked_before(self, now: float) -> None:
        """Forget those whose time is up; the oldest come first."""
        for session in list(self._kicked.values()):
            if session.expires_at > now:
                break
            self.forget_kicked(session)

    def is_crowded(self, session: ServerSession, context: Context) -> bool:
        """The browser holds all the connects it may, not counting this session's own (COOK-10, COOK-13)."""
        options = context.options
        bound = options.http2_max_sessions_per_browser if context.http2 else options.max_sessions_per_browser
        if bound < 0 or session.browser is None:
            return False
        own = session.held_by is not None and not session.held_by.streaming
        return self.held_by_browser.get(session.browser, 0) - own >= bound

    def hold_slot(self, session: ServerSession) -> None:
        """A connect of this session's browser is held from here on (COOK-10)."""
        if session.browser is not None:
            self.held_by_browser[session.browser] = self.held_by_browser.get(session.browser, 0) + 1

    def free_slot(self, session: ServerSession) -> None:
        """It no longer is."""
        if session.browser is not None and (others := self.held_by_browser.pop(session.browser) - 1) > 0:
            self.held_by_browser[session.browser] = others


def _decrement(counts: dict[str, int], key: str) -> None:
    counts[key] -= 1
    if counts[key] <= 0:
        del counts[key]
