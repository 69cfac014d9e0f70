"""How sessions end, and what that means for their sockets.

Source: section 9 of the Bayeux reference; LST-6.
"""

from __future__ import annotations

import hashlib
import logging
from typing import TYPE_CHECKING, Any

from bayeux.protocol import json
from bayeux.protocol.effects import EndReason
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.transitions import Happening, happen
from bayeux.server import answering, attachment, pushing
from bayeux.server.channels import ServerChannel
from bayeux.server.listeners import tell
from bayeux.server.sessions import ServerSession
from bayeux.server.steps import Steps
from bayeux.server.transport import Transport

if TYPE_CHECKING:
    from bayeux.server.server import BayeuxServer

log: logging.Logger = logging.getLogger(__name__)

CLOSE_NORMAL, CLOSE_GOING_AWAY, CLOSE_POLICY = 1000, 1001, 1008
LINGER = 2.0  # DSC-8: a client closes its socket itself when it is told that it is over
_FAREWELL = EncodedMessage("/meta/disconnect", b'{"channel":"/meta/disconnect","successful":true}')  # DSC-6
_AT_ONCE = {
    EndReason.TIMEOUT: (CLOSE_NORMAL, "Session expired"),  # DSC-9
    EndReason.SLOW: (CLOSE_POLICY, "slow"),
    EndReason.ERROR: (CLOSE_POLICY, "flooding"),  # SEC-L19
    EndReason.DRAIN: (CLOSE_GOING_AWAY, "Going away"),  # DSC-11
    EndReason.GAP: (CLOSE_GOING_AWAY, "Events were lost"),  # OPS-74
}
_TOLD = (EndReason.KICKED, EndReason.INACTIVE, EndReason.REVOKED)
"""What a client hears of with the rest of its events (DSC-6)."""


def let_happen(server: BayeuxServer, session: ServerSession, happening: Happening) -> None:
    """End a session because of something that was not its client's wish; nothing, if it is over already."""
    server.go(perform_happening(server, session, happening))


def perform_happening(server: BayeuxServer, session: ServerSession, happening: Happening) -> Steps[None]:
    """The same as steps."""
    for effect in happen(session, happening, server.clock()):
        yield from server.perform(session, effect)


def kick(server: BayeuxServer, session: ServerSession, reason: EndReason = EndReason.KICKED) -> Steps[None]:
    """End a session from here: its events, then the news, then no more (DSC-6).

    A client that cannot be told now is told with its next message (DSC-7).
    """
    if session.is_over:
        return
    session.end_reason = reason
    if session.hooks is not None and session.hooks.receive is not None:  # a local one is told at once
        yield from perform_happening(server, session, Happening.KICK)
        yield from session.hooks.receive(json.decode_own(_FAREWELL.json))
        return
    session.queue.put_beyond_bounds(_FAREWELL)
    yield from perform_happening(server, session, Happening.KICK)


def send_away(server: BayeuxServer, session: ServerSession) -> Steps[None]:
    """Have a client go to another node, with everything that waits for it (DSC-11)."""
    socket = session.transport
    if session.held is not None:
        yield from answering.release(server, session)
    else:
        pushing.write(server, session)
    if socket is not None and not socket.closed:
        socket.close(*_AT_ONCE[EndReason.DRAIN])


def end_at_last(server: BayeuxServer, session: ServerSession) -> Steps[None]:
    """End a session because the server stops, also one whose end was broken off (LST-6)."""
    if session.is_over:
        yield from end(server, session, session.end_reason or EndReason.DRAIN)
    else:
        yield from perform_happening(server, session, Happening.STOP)


def end(server: BayeuxServer, session: ServerSession, reason: EndReason) -> Steps[None]:
    """Remove a session that is over, all of it at once; then tell of it in the order of DSC-5 (LST-6)."""
    if session.client_id not in server.sessions:
        return  # its end was broken off by the server's, and made up for
    if reason is EndReason.KICKED:
        reason = session.end_reason or reason
    left = _remove(server, session, reason)
    yield from tell(server.listeners.session_removed, session, reason)
    for channel in left:
        yield from server.channels.tell_left(session, channel, None)
    session.leave(*session.subscriptions)
    if session.hooks is not None:
        yield from tell(session.hooks.listeners.removed, session, reason)


def _remove(server: BayeuxServer, session: ServerSession, reason: EndReason) -> list[ServerChannel]:
    """Take a session out of everything; the channels that it was a subscriber of."""
    server.sessions.remove(session)
    if server.cluster is not None:
        server.cluster.session_ends(session, reason)
    server.deadlines.forget(session)
    server.counters.session_ends[reason.value] += 1
    if log.isEnabledFor(logging.INFO):
        lasted_ms = round((server.clock() - session.begun_at) * 1000)
        fields = {"event": "session_ends", "reason": reason.value, "duration_ms": lasted_ms, **log_fields(session)}
        log.info("session ends", extra=fields)
    left = []
    for name in session.subscriptions:
        channel = server.channels.get(name)
        if channel is not None and channel.dismiss(session):
            left.append(channel)
    # A session that is over has no way to a socket that may soon be somebody else's.
    socket, session.transport = session.transport, None
    if reason in _TOLD:
        _tell_client(server, session, socket)
    else:
        session.queue.clear()
        session.acknowledgement = None  # ACK-20
    attachment.note_reachability(server, session)
    if socket is None or socket.closed:
        return left
    if reason in _AT_ONCE:
        socket.close(*_AT_ONCE[reason])
    else:
        close_soon(server, socket)
    return left


def _tell_client(server: BayeuxServer, session: ServerSession, socket: Transport | None) -> None:
    """Push what waits, the news of its end being the last of it; what cannot leave waits for its client (DSC-7)."""
    if socket is not None and socket.writable and not socket.closed and session.may_push:  # WS-13
        pushing.push(server, session, socket)
    if session.queue.messages:
        session.expires_at = server.clock() + session.options.max_interval
        server.sessions.remember_kicked(session)


def close_soon(server: BayeuxServer, socket: Transport) -> None:
    """Close a socket whose client was told that it is over, unless the client does so first (DSC-8)."""
    server.call_later(LINGER, lambda: _close_unless_used(socket))


def log_fields(session: ServerSession) -> dict[str, Any]:
    """What a log line tells of a session: never its clientId, which is a credential."""
    digest = hashlib.sha256(session.client_id.encode()).hexdigest()
    return {"session": digest[:12], "user": session.user, "peer": session.peer}


def _close_unless_used(socket: Transport) -> None:
    is_used = socket.session is not None and not socket.session.is_over
    if not socket.closed and not is_used:
        socket.close(CLOSE_NORMAL, "Disconnect")
