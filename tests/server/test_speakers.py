"""The application decides what it means that a request of one user names the session of another."""

from __future__ import annotations

import pytest

from bayeux.server.security import Denied, SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from bayeux.testing import ManualClock, Peer, still_server

UNKNOWN = "402::session_unknown"


class Says(SecurityPolicy):
    def __init__(self, verdict: bool | Denied | Exception) -> None:
        self.verdict = verdict

    def can_speak_for(self, server: BayeuxServer, session: ServerSession, context: Context) -> bool | Denied:
        if isinstance(self.verdict, Exception):
            raise self.verdict
        return self.verdict


@pytest.mark.spec("AG-103")
@pytest.mark.expected_logs("named the session of another")
@pytest.mark.parametrize(
    ("verdict", "error"),
    [
        (True, None),
        (False, UNKNOWN),
        (Denied(error="403::other"), "403::other"),
        (Denied(reason="other"), "403:other:speaker_denied"),
    ],
)
async def test_what_the_policy_says_is_answered(verdict: bool | Denied, error: str | None) -> None:
    async with still_server(ManualClock(), policy=Says(verdict)) as server:
        peer = Peer(server, user="alice").handshake()
        peer.context["user"] = "bob"
        assert peer.ask("/meta/connect")[0].get("error") == error
        assert peer.publish("/a", 1)[-1].get("error") == error
        peer.context["user"] = "alice"
        assert "error" not in peer.publish("/a", 1)[-1], "the session is left alone"


@pytest.mark.spec("AG-103")
@pytest.mark.expected_logs("named the session of another", "it sent no BAYEUX_BROWSER cookie")
async def test_that_the_user_does_not_matter_is_no_proof_of_the_session() -> None:
    async with still_server(ManualClock(), policy=Says(True)) as server:
        peer = Peer(server, user="alice").handshake()
        peer.context["user"], peer.browser = "bob", None
        assert peer.ask("/meta/connect")[0]["error"] == UNKNOWN


@pytest.mark.spec("BER-2", "AG-103")
@pytest.mark.expected_logs("named the session of another", "the security policy raised")
async def test_a_policy_that_raises_refuses() -> None:
    async with still_server(ManualClock(), policy=Says(RuntimeError())) as server:
        peer = Peer(server, user="alice").handshake()
        peer.context["user"] = "bob"
        assert peer.ask("/meta/connect")[0]["error"] == UNKNOWN
