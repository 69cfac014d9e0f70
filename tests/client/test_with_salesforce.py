"""The client with a server that has the habits of Salesforce: replay ids, tokens that expire, its error texts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.client import (
    ALL_RETAINED,
    BayeuxClient,
    HandshakeRefused,
    Replay,
    ReplayGap,
    State,
    Subscription,
    TokenAuth,
)
from tests.client.salesforce import Salesforce

ORDERS = "/event/Order__e"


@pytest.fixture
async def salesforce() -> AsyncIterator[Salesforce]:
    async with Salesforce() as running:
        yield running


class Tokens:
    """What a client gets from the authorization server, one after the other."""

    def __init__(self, *tokens: str) -> None:
        self.left = list(tokens)

    async def __call__(self) -> str:
        return self.left.pop(0) if len(self.left) > 1 else self.left[0]


def client_of(salesforce: Salesforce, *tokens: str, **replay: Any) -> BayeuxClient:
    return BayeuxClient(
        salesforce.url,
        transports=("long-polling",),
        extensions=[TokenAuth.in_header(Tokens(*(tokens or ("first",))))],
        replay=Replay(style="salesforce", **replay),
    )


async def payloads(events: Subscription, count: int) -> list[Any]:
    return [(await anext(events)).data["payload"] for _ in range(count)]


@pytest.mark.spec("CLI-4", "RPL-12", "RPL-13")
async def test_events_are_replayed_and_then_come_live(salesforce: Salesforce) -> None:
    first = salesforce.publish(ORDERS, 1)
    salesforce.publish(ORDERS, 2)
    async with client_of(salesforce) as client:
        everything = await client.subscribe(ORDERS, replay=ALL_RETAINED)
        assert await payloads(everything, 2) == [1, 2]
        salesforce.publish(ORDERS, 3)
        assert await payloads(everything, 1) == [3]
    async with client_of(salesforce) as client:
        later = await client.subscribe(ORDERS, replay=first)
        assert await payloads(later, 2) == [2, 3]


@pytest.mark.spec("CLI-3", "CLI-4", "RPL-23")
async def test_a_forgotten_session_begins_again_after_its_last_event(salesforce: Salesforce) -> None:
    async with client_of(salesforce) as client:
        orders = await client.subscribe(ORDERS)
        last = salesforce.publish(ORDERS, 1)
        assert await payloads(orders, 1) == [1]
        session = client.client_id
        salesforce.forget_sessions()
        salesforce.publish(ORDERS, "while away")
        assert await payloads(orders, 1) == ["while away"]
        assert client.client_id != session
        assert [each["ext"]["replay"] for each in salesforce.subscribes] == [{ORDERS: -1}, {ORDERS: last}]


@pytest.mark.spec("RPL-23")
async def test_a_program_goes_on_where_it_ended(salesforce: Salesforce) -> None:
    kept: dict[str, Any] = {}
    numbers = [salesforce.publish(ORDERS, number) for number in (1, 2, 3)]
    async with (
        client_of(salesforce, positions=kept) as client,
        await client.subscribe(ORDERS, replay=ALL_RETAINED) as orders,
    ):
        assert await payloads(orders, 2) == [1, 2]
    assert kept == {ORDERS: numbers[1]}
    async with client_of(salesforce, positions=kept, otherwise=ALL_RETAINED) as client:
        assert await payloads(await client.subscribe(ORDERS), 1) == [3]


GAP = (
    "400::The replayId {7} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
    "or -1 to replay only new events."
)


@pytest.mark.spec("RPL-20")
async def test_an_id_that_is_gone_is_raised_or_answered_by_the_policy(salesforce: Salesforce) -> None:
    salesforce.publish(ORDERS, "retained")
    async with client_of(salesforce) as client:
        with pytest.raises(ReplayGap) as gap:
            await client.subscribe(ORDERS, replay=7)
        assert gap.value.error == GAP
        assert gap.value.code == 400
    async with client_of(salesforce, on_gap="all") as client:
        assert await payloads(await client.subscribe(ORDERS, replay=7), 1) == ["retained"]
    async with client_of(salesforce, on_gap="new") as client:
        orders = await client.subscribe(ORDERS, replay=7)
        salesforce.publish(ORDERS, "new")
        assert await payloads(orders, 1) == ["new"]


@pytest.mark.spec("CLI-3", "RPL-20")
async def test_a_stored_id_that_has_left_the_window_does_not_fail_for_ever(salesforce: Salesforce) -> None:
    """What most of its clients are reported for."""
    async with client_of(salesforce, on_gap="all") as client:
        orders = await client.subscribe(ORDERS)
        salesforce.publish(ORDERS, 1)
        assert await payloads(orders, 1) == [1]
        salesforce.drop_history(ORDERS)
        salesforce.publish(ORDERS, 2)
        assert await payloads(orders, 1) == [2]
        salesforce.drop_history(ORDERS)
        salesforce.forget_sessions()
        await client.wait_for_state(State.BROKEN)
        await client.wait_for_state(State.CONNECTED)
        salesforce.publish(ORDERS, 3)
        assert await payloads(orders, 1) == [3]
        assert [each["ext"]["replay"][ORDERS] for each in salesforce.subscribes[1:]] == [106, -2]


@pytest.mark.spec("RPL-20")
async def test_a_map_without_the_channel_is_refused(salesforce: Salesforce) -> None:
    """Not by way of this client, which puts every channel into the map; so it is asked by hand."""
    error = salesforce._replay_error("/event/C", {"/event/c": -2})
    assert error == (
        "400::The replayId for channel {/event/C} wasn't found using the provided replay ID map {{/event/c=-2}}. "
        "Ensure that the channel name provided in the replay map matches the channel name used for subscribing."
    )


@pytest.mark.spec("CLI-1", "CLI-4")
async def test_an_expired_token_is_replaced_and_nothing_is_missing(salesforce: Salesforce) -> None:
    async with client_of(salesforce, "first", "second") as client:
        orders = await client.subscribe(ORDERS)
        salesforce.publish(ORDERS, 1)
        assert await payloads(orders, 1) == [1]
        salesforce.tokens = {"second"}
        salesforce.publish(ORDERS, 2)  # the answer of the held connect; the next one is refused
        assert await payloads(orders, 1) == [2]
        await client.wait_for_state(State.BROKEN)
        salesforce.publish(ORDERS, 3)
        await client.wait_for_state(State.CONNECTED)
        assert await payloads(orders, 1) == [3]


@pytest.mark.spec("CLI-1", "CLI-4")
async def test_a_stale_token_at_the_handshake_is_replaced_once(salesforce: Salesforce) -> None:
    async with client_of(salesforce, "stale", "first"):
        pass
    with pytest.raises(HandshakeRefused, match="403::Handshake denied"):
        await client_of(salesforce, "stale").open()
