"""Which transports serve a session: the socket its events are pushed to, and whatever holds its connect.

Source: SES-3, SES-8, WS-14, WS-16, WS-31, CN-11, COOK-10.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayeux.protocol.message import Message
from bayeux.server.lane import Lane
from bayeux.server.listeners import tell
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps
from bayeux.server.transport import Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

MAX_NEWS = 100
"""So much of a session waits to be told in its turn; what is above it does not, for a listener that never returns."""


def attach_new(server: BayeuxServer, session: ServerSession, transport: Transport) -> None:
    """A session has just begun on this transport; a socket serves its sessions one after the other (WS-31)."""
    if transport.session is not None:
        lose(server, transport)
    transport.session = session
    if transport.streaming and not transport.closed:  # nobody will tell of its end again
        session.transport = transport
    note_reachability(server, session)


def attach(server: BayeuxServer, session: ServerSession, transport: Transport, *, is_poll: bool) -> None:
    """A message of this session came by this transport, which counts from here on (SES-3)."""
    if session.is_over:  # kicked, and about to hear of it: it has no way to be reached by
        transport.session = session
        return
    if transport.streaming:
        _move_to_socket(server, session, transport)
    elif session.transport is not None and is_poll:
        # A session that polls is not pushed to any more; its other requests by HTTP leave its socket alone.
        _leave_socket(server, session, session.transport)
    transport.session = session


def hold(server: BayeuxServer, session: ServerSession, transport: Transport, message: Message) -> None:
    """A connect is held from here on; it costs a place in a set (LP-12)."""
    transport.session = session
    session.held_by = transport
    note_reachability(server, session)
    if not transport.streaming:
        server.sessions.hold_slot(session)
    if server.listeners.suspended or session.hooks is not None:
        _tell_in_turn(server, session, _steps(server, session, "suspended", message))
    elif session.held is not None and not server.extensions:
        session.held.fold()


def let_go(server: BayeuxServer, session: ServerSession, *, is_timeout: bool = False) -> Transport | None:
    """The connect is not held any more; what held it, to be answered or dismissed.

    The one place where a hold ends, so every ``suspended`` is followed by one ``resumed`` (SN-9).
    """
    held_by, session.held_by = session.held_by, None
    if held_by is None:
        return None
    if not held_by.streaming:
        server.sessions.free_slot(session)
    note_reachability(server, session)
    if server.listeners.resumed or session.hooks is not None:
        _tell_in_turn(server, session, _steps(server, session, "resumed", is_timeout))
    return held_by


def dismiss_held(server: BayeuxServer, session: ServerSession) -> None:
    """End the request of a connect that another one replaced (CN-10)."""
    held_by = let_go(server, session)
    if held_by is not None and not held_by.closed:
        held_by.dismiss(session.options.duplicate_meta_connect_http_code)


def lose(server: BayeuxServer, transport: Transport) -> None:
    """The connection is gone; nothing that waits is lost (SES-8, WS-16)."""
    session, transport.session = transport.session, None
    if session is None:
        return
    if session.transport is transport:
        session.transport = None
        note_reachability(server, session)
    _drop_held(server, session, transport)


def _move_to_socket(server: BayeuxServer, session: ServerSession, socket: Transport) -> None:
    """WS-14: the newest socket is the session's, at once and before its message is processed."""
    former = session.transport
    if former is not socket:
        if former is not None:
            _leave_socket(server, session, former)
        elif session.held is not None:
            dismiss_held(server, session)
            session.lose_held_connect(server.clock())
            server.watch(session)
        session.transport = socket
        note_reachability(server, session)
    session.may_push = True


def _leave_socket(server: BayeuxServer, session: ServerSession, socket: Transport) -> None:
    _drop_held(server, session, socket)
    socket.session = None
    session.transport = None
    note_reachability(server, session)


def _drop_held(server: BayeuxServer, session: ServerSession, transport: Transport) -> None:
    """Its connect is not held by this transport any more; the events stay (SES-8, CN-11)."""
    if session.held_by is transport:
        let_go(server, session)
        session.lose_held_connect(server.clock())
        if not session.is_over:
            server.watch(session)


def note_reachability(server: BayeuxServer, session: ServerSession) -> None:
    """Tell where a client can be reached again, or no longer (SN-10, MON-2)."""
    if session.note_reachability(server.clock()):
        listeners = server.listeners
        if listeners.connection_opened or listeners.connection_closed:
            opened_or_closed = listeners.connection_opened if session.is_reachable else listeners.connection_closed
            if opened_or_closed:
                _tell_in_turn(server, session, tell(opened_or_closed, session))


def _tell_in_turn(server: BayeuxServer, session: ServerSession, steps: Steps[None]) -> None:
    """Tell of this when everybody was told of what came before it: nobody hears of an end first (SN-9)."""
    if session.news is None:
        session.news = Lane(server)
    if len(session.news) < MAX_NEWS:
        session.news.go(steps)
    else:
        server.go(steps)


def _steps(server: BayeuxServer, session: ServerSession, event: str, about: object) -> Steps[None]:
    yield from tell(getattr(server.listeners, event), session, about)
    if session.hooks is not None:
        yield from tell(getattr(session.hooks.listeners, event), session, about)
