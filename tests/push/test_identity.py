"""Who a customer is at the Bayeux endpoint, and what that gives him."""

from __future__ import annotations

import time
from typing import Any

import argon2
import jwt
import pytest

from bayeux.client.client import BayeuxClient
from bayeux.client.errors import HandshakeRefused, PublishRefused, SubscribeRefused
from bayeux.client.subscription import Subscription
from gateway.push.notice import Notice, new_notice_id
from gateway.store.turn import Turn, decided
from tests.gateway.conftest import Serve, Served, serve

__all__ = ["serve"]

PATH = "/genesys/cometd"
ENABLED = "server.enabled=true"
KEY = "k" * 32
BOTH = pytest.mark.parametrize("transport", ["long-polling", "websocket"])


def customer(served: Served, user: str | None = None, **more: Any) -> BayeuxClient:
    if user is not None:
        more.setdefault("headers", {"gms_user": user})
    return BayeuxClient(served.origin + PATH, **more)


def proof(user: str, *, lifetime: float = 60.0, key: str = KEY) -> str:
    return jwt.encode({"sub": user, "exp": time.time() + lifetime}, key, algorithm="HS256")


async def tell(served: Served, user: str, message: Any) -> None:
    side = served.gateway.customers
    assert side is not None
    await waiting(served, user, message)
    side.pushing.push.nudge(user)


async def waiting(served: Served, user: str, message: Any) -> None:
    side = served.gateway.customers
    assert side is not None
    part = side.pushing
    notice = Notice(id=new_notice_id(), tag="service.message.1", message=message, user=user)
    await decided(part.room, lambda turn: part.mailboxes.put(turn, user, notice), lambda: Turn(part.room, time.time()))


async def next_of(subscription: Subscription) -> Any:
    async for event in subscription:
        return event.data
    raise AssertionError("nothing came")


@pytest.mark.spec("CM-5", "PN-1")
@BOTH
async def test_a_customer_hears_what_is_for_him(serve: Serve, transport: str) -> None:
    served = await serve([ENABLED], dev=False)
    async with customer(served, "alice", transports=(transport,)) as alice:
        mine = await alice.subscribe("/_genesys")
        await tell(served, "bob", "not for alice")
        await tell(served, "alice", {"n": 1})
        assert (await next_of(mine))["message"] == {"n": 1}


@pytest.mark.spec("CM-6")
@BOTH
async def test_a_page_that_cannot_set_headers_names_its_user_in_the_handshake(serve: Serve, transport: str) -> None:
    served = await serve([ENABLED], dev=False)
    async with customer(served, ext={"gms_user": "alice"}, transports=(transport,)) as alice:
        mine = await alice.subscribe("/_genesys")
        await tell(served, "alice", 1)
        assert (await next_of(mine))["message"] == 1


@pytest.mark.spec("CM-6")
@pytest.mark.parametrize("is_allowed", [True, False])
async def test_a_user_in_the_query_counts_only_where_that_is_allowed(serve: Serve, is_allowed: bool) -> None:
    served = await serve([ENABLED, f"server.allow_query_user={str(is_allowed).lower()}"], dev=False)
    client = BayeuxClient(f"{served.origin}{PATH}?gms_user=alice", transports=("websocket",))
    async with client:
        if is_allowed:
            await client.subscribe("/_genesys")
        else:
            with pytest.raises(SubscribeRefused, match="403::gms_user required"):
                await client.subscribe("/_genesys")


@pytest.mark.spec("CM-8")
async def test_who_names_no_user_has_a_session_and_no_notices(serve: Serve) -> None:
    served = await serve([ENABLED], dev=False)
    async with customer(served) as guest:
        with pytest.raises(SubscribeRefused, match="403::gms_user required"):
            await guest.subscribe("/_genesys")


@pytest.mark.spec("CM-8", "SEC-45")
async def test_where_customers_are_not_served_guests_are_refused(serve: Serve) -> None:
    served = await serve(dev=False)
    with pytest.raises(HandshakeRefused):
        await customer(served, "alice").open()


@pytest.mark.spec("CM-5", "CM-7")
@pytest.mark.parametrize("others", [{"ext": {"gms_user": "bob"}}, {"ext": {"gms_user": 5}}])
async def test_a_handshake_names_one_user(serve: Serve, others: dict[str, Any]) -> None:
    served = await serve([ENABLED], dev=False)
    with pytest.raises(HandshakeRefused):
        await customer(served, "alice", **others).open()


@pytest.mark.spec("G-14")
async def test_a_user_has_a_bounded_name(serve: Serve) -> None:
    served = await serve([ENABLED], dev=False)
    with pytest.raises(HandshakeRefused, match="400::gms_user"):
        await customer(served, "a" * 513).open()
    async with customer(served, "a" * 512):
        pass


@pytest.mark.spec("CM-13")
@pytest.mark.parametrize("channel", ["/*", "/**", "/_genesys/**", "/_genesys/*", "/_genesys/nudge", "/news"])
@pytest.mark.parametrize("user", ["alice", None])
async def test_customers_subscribe_to_nothing_else(serve: Serve, channel: str, user: str | None) -> None:
    served = await serve([ENABLED], dev=False)
    async with customer(served, user) as client:
        await client.subscribe("/service/anything")
        with pytest.raises(SubscribeRefused, match=r"^403:"):
            await client.subscribe(channel)


@pytest.mark.spec("CM-13", "SEC-44")
@pytest.mark.parametrize("channel", ["/v2/me", "/v2/me/interactions", "/v2/me/**", "/v2/**", "/notifications/services"])
async def test_what_is_an_agents_is_refused_to_a_customer(serve: Serve, channel: str) -> None:
    """Also in development, where he may listen to much; and whatever he calls himself."""
    served = await serve([ENABLED])
    async with customer(served, "Agent1") as client:
        with pytest.raises(SubscribeRefused, match=r"^403:"):
            await client.subscribe(channel)


@pytest.mark.spec("SEC-44", "CM-4")
async def test_what_is_an_agents_does_not_reach_a_customer_of_his_name(serve: Serve) -> None:
    served = await serve([ENABLED])
    async with customer(served, "Agent1") as client:
        mine = await client.subscribe("/_genesys")
        answer = await served.publish_to("Agent1", "/_genesys", "for the agent")
        assert b'"sessions":0' in answer.body.replace(b" ", b"")
        await tell(served, "Agent1", "for the customer")
        assert (await next_of(mine))["message"] == "for the customer"


@pytest.mark.spec("SEC-44")
async def test_an_agent_does_not_listen_to_customers(serve: Serve) -> None:
    served = await serve([ENABLED])
    async with served.client(user="Agent1", path=PATH) as agent:
        await agent.subscribe("/v2/me")
        with pytest.raises(SubscribeRefused, match="403::gms_user required"):
            await agent.subscribe("/_genesys")


@pytest.mark.spec("SEC-44")
async def test_no_token_makes_an_agent_of_a_customer(serve: Serve) -> None:
    served = await serve([ENABLED])
    token = served.gateway.agents.tokens.make("gms:alice", now=time.time(), lifetime=60)
    with pytest.raises(HandshakeRefused):
        await BayeuxClient(served.origin + "/cometd", ext={"token": token}).open()


@pytest.mark.spec("CM-14")
async def test_customers_publish_nothing_to_their_own_channel(serve: Serve) -> None:
    served = await serve([ENABLED], dev=False)
    async with customer(served, "alice") as alice:
        with pytest.raises(PublishRefused, match=r"^403:"):
            await alice.publish("/_genesys", {})


@pytest.mark.spec("CM-23")
async def test_where_proofs_are_demanded_a_user_is_proven(serve: Serve) -> None:
    served = await serve([ENABLED, f"server.user_token_key={KEY}"], dev=False)
    refused: list[dict[str, Any]] = [
        {},
        {"ext": {"token": proof("bob")}},
        {"ext": {"token": proof("alice", lifetime=-120)}},
        {"ext": {"token": proof("alice", key="x" * 32)}},
        {"ext": {"token": 1}},
    ]
    for shown in refused:
        with pytest.raises(HandshakeRefused, match="403::"):
            await customer(served, "alice", **shown).open()
    async with customer(served, "alice", ext={"token": proof("alice")}) as alice:
        await alice.subscribe("/_genesys")
    headers = {"gms_user": "alice", "Authorization": f"Bearer {proof('alice')}"}
    async with customer(served, headers=headers) as alice:
        await alice.subscribe("/_genesys")


@pytest.mark.spec("CM-22")
async def test_where_that_is_wanted_customers_show_the_account_here_too(serve: Serve) -> None:
    password_hash = argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("secret")
    account = ["server.username=gms", f"server.password_hash={password_hash}"]
    served = await serve([ENABLED, *account, "server.comet_needs_account=true"], dev=False)
    for shown in ({}, {"auth": ("gms", "wrong")}):
        with pytest.raises(HandshakeRefused, match="401::account required"):
            await customer(served, "alice", **shown).open()
    async with customer(served, "alice", auth=("gms", "secret")) as alice:
        await alice.subscribe("/_genesys")
