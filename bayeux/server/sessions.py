"""The sessions of a server, by clientId, by user, by address and by browser.

Rules: SES-2, SES-5, DSC-7, COOK-10, SEC-44, SEC-L15.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from bayeux.protocol.options import Options
from bayeux.protocol.session import NEVER, BayeuxSession, State
from bayeux.server.listeners import Delivered, SessionRemoved
from bayeux.server.rates import TokenBucket
from bayeux.server.transport import Context, Transport

if TYPE_CHECKING:
    from bayeux.server.extension import Extension
    from bayeux.server.server import BayeuxServer


class Hooks:
    """What an application hung on one session; most sessions have none."""

    __slots__ = ("extensions", "message", "removed")

    def __init__(self) -> None:
        self.extensions: list[Extension] = []
        self.message: list[Delivered] = []
        """Asked for each event of this session; False drops it for this session alone (SN-6)."""
        self.removed: list[SessionRemoved] = []


class ServerSession(BayeuxSession):
    """A session at work: its life, and how to reach its client."""

    __slots__ = (
        "_attributes",
        "_user",
        "begun_at",
        "broadcast_to_publisher",
        "browser",
        "held_by",
        "hooks",
        "is_marked",
        "message_bucket",
        "next_look",
        "peer",
        "refused_in_a_row",
        "server",
        "transport",
        "user_agent",
    )

    def __init__(self, client_id: str, options: Options, server: BayeuxServer, context: Context, now: float) -> None:
        super().__init__(client_id, options)
        self.server = server
        self._user = context.user
        self.browser: str | None = context.browser
        """The browser cookie that proves it over HTTP (COOK-3)."""
        self.peer = context.peer
        self.user_agent = context.headers.get("user-agent", "")  # HS-15
        self.begun_at = now
        self.broadcast_to_publisher = True
        """Whether it gets its own events (PUB-11)."""
        self.transport: Transport | None = None
        """The socket its events are pushed to; None while it polls."""
        self.held_by: Transport | None = None
        """What carries the held connect."""
        self.hooks: Hooks | None = None
        self.is_marked = False
        """The flusher will look at it in this turn."""
        self.next_look = 0.0
        """For ``Deadlines``."""
        self.message_bucket = TokenBucket(options.session_message_burst, now)
        self.refused_in_a_row = 0
        self._attributes: dict[str, Any] | None = None

    @property
    def user(self) -> str | None:
        """Whose private messages it gets (SEC-44)."""
        return self._user

    @user.setter
    def user(self, user: str) -> None:
        """Only while the handshake is going on: a session never changes hands."""
        if self.state is not State.NEW:
            raise ValueError("the user of a session is settled by its handshake")
        self._user = user

    @property
    def attributes(self) -> dict[str, Any]:
        """Whatever the application wants to remember of this session (SN-8)."""
        if self._attributes is None:
            self._attributes = {}
        return self._attributes

    def add_hooks(self) -> Hooks:
        """Its hooks, made at the first asking."""
        if self.hooks is None:
            self.hooks = Hooks()
        return self.hooks

    def deliver(self, channel: str, data: Any, *, ext: dict[str, Any] | None = None) -> bool:
        """Send to this client, subscribed or not (DEL-6); False if it is gone (DEL-7) or did not take it.

        Raises ChannelInvalid; TypeError for data that JSON cannot say.
        """
        return self.server.deliver(self, channel, data, ext=ext)

    def disconnect(self) -> None:
        """Kick the client (DSC-6); does nothing if it is gone."""
        self.server.kick(self)

    def look(self, now: float) -> float:
        """Do what is due; when to look again, 0 for never (``Deadlines``)."""
        if self.next_deadline <= now:
            if self.held is not None:
                self.server.release(self)
            elif not self.is_over:
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
        self.held_by_browser: Counter[str] = Counter()
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

    def of_user(self, user: str) -> list[ServerSession]:
        """The live sessions of one user."""
        return list(self._by_user.get(user, ()))

    def add(self, session: ServerSession) -> None:
        """Enter a session that has just been handshaken."""
        self._by_id[session.client_id] = session
        self.by_address[session.peer] += 1
        if session.user is not None:
            self._by_user.setdefault(session.user, {})[session] = None

    def remove(self, session: ServerSession) -> None:
        """Take out a session that is over."""
        del self._by_id[session.client_id]
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
        return self.held_by_browser[session.browser] - own >= bound

    def hold_slot(self, session: ServerSession) -> None:
        """A connect of this session's browser is held from here on (COOK-10)."""
        if session.browser is not None:
            self.held_by_browser[session.browser] += 1

    def free_slot(self, session: ServerSession) -> None:
        """It no longer is."""
        if session.browser is not None:
            _decrement(self.held_by_browser, session.browser)


def _decrement(counter: Counter[str], key: str) -> None:
    counter[key] -= 1
    if counter[key] <= 0:
        del counter[key]
