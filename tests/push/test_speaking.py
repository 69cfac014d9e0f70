"""Which requests may speak for a customer's session."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, still_server
from gateway.auth.customers import Customers, bayeux_user
from gateway.auth.policy import GatewayPolicy
from gateway.auth.tokens import Tokens
from gateway.config.customers import Server
from gateway.config.model import Tokens as TokenConfig
from tests.push.customers import OPTIONS

PATH = "/genesys/cometd"


@pytest.fixture
async def server() -> AsyncIterator[BayeuxServer]:
    customers = Customers(PATH, Server(enabled=True), lambda context: None)
    policy = GatewayPolicy(Tokens(TokenConfig()), {}, [], customers=customers)
    async with still_server(ManualClock(), OPTIONS, policy) as server:
        yield server


def device(server: BayeuxServer, user: str | None) -> Peer:
    return Peer(server, user=bayeux_user(user) if user else None, path=PATH)


@pytest.mark.spec("CM-9", "COOK-3")
async def test_the_same_user_is_proof_in_place_of_the_cookie(server: BayeuxServer) -> None:
    alice = device(server, "alice").handshake()
    alice.browser = None
    assert alice.ask("/meta/connect", connectionType="long-polling")[0]["successful"]


@pytest.mark.spec("CM-9", "COOK-4")
@pytest.mark.expected_logs("it sent no BAYEUX_BROWSER cookie")
async def test_without_both_the_session_is_unknown(server: BayeuxServer) -> None:
    alice = device(server, "alice").handshake()
    alice.browser, alice.context["user"] = None, None
    assert alice.ask("/meta/connect")[0]["error"].startswith("402:")


@pytest.mark.spec("CM-7")
async def test_the_cookie_proves_a_session_to_a_request_without_user(server: BayeuxServer) -> None:
    alice = device(server, "alice").handshake()
    alice.context["user"] = None
    assert alice.ask("/meta/connect", connectionType="long-polling")[0]["successful"]


@pytest.mark.spec("CM-7")
@pytest.mark.expected_logs("named the session of another")
async def test_another_user_is_refused_and_the_session_is_kept(server: BayeuxServer) -> None:
    alice = device(server, "alice").handshake()
    alice.context["user"] = bayeux_user("bob")
    refused = alice.ask("/meta/connect", connectionType="long-polling")[0]
    assert (refused["successful"], refused["error"]) == (False, "403::user mismatch")
    assert "advice" not in refused
    alice.context["user"] = bayeux_user("alice")
    assert alice.ask("/meta/connect", connectionType="long-polling")[0]["successful"]


@pytest.mark.spec("CM-7", "CM-6")
@pytest.mark.expected_logs("it sent no BAYEUX_BROWSER cookie")
async def test_an_agent_in_the_same_browser_is_no_contradiction(server: BayeuxServer) -> None:
    """A page that names its customer in the handshake, beside a desktop: requests carry the desktop's cookie, too."""
    page = Peer(server, user="Agent1", path=PATH).handshake(ext={"gms_user": "alice"})
    assert page.session.user == bayeux_user("alice")
    assert page.ask("/meta/connect", connectionType="long-polling")[0]["successful"]
    page.browser = None
    assert page.ask("/meta/connect")[0]["error"].startswith("402:"), "the agent proves nothing"


@pytest.mark.spec("AG-103", "CM-7")
@pytest.mark.expected_logs("named the session of another")
async def test_a_customer_does_not_speak_for_an_agent_in_his_browser(server: BayeuxServer) -> None:
    agent = Peer(server, user="Agent1", path=PATH).handshake()
    agent.context["user"] = bayeux_user("alice")
    assert agent.ask("/meta/connect")[0]["error"].startswith("402:")
