"""Section 6: what clients are told about their next connect, and what they may ask for."""

from __future__ import annotations

import pytest

from tests.conformance.conftest import Guests
from tests.conformance.conversation import RETRY, Browser, Client, LongPolling, failure, success

spec = pytest.mark.spec


@spec("ADV-4", "CN-20")
async def test_advice_is_left_out_when_there_is_nothing_to_say(alice: Client) -> None:
    """A connect without advice, answered because another followed in its body."""
    connect = alice.connect_message()
    (reply, _) = await alice.exchange(connect, alice.message("/service/conformance/x"))
    assert reply == success(connect)


@spec("ADV-4", "ADV-2")
@pytest.mark.profile("hooks")
async def test_change_of_the_sessions_timeout_is_advised_once(alice: Client) -> None:
    await alice.publish("/service/set", {"timeout": 20_000})
    connect, other = alice.connect_message(), alice.message("/service/conformance/x")
    (reply, _) = await alice.exchange(connect, other)
    assert reply == success(connect, advice={**RETRY, "timeout": 20_000})
    connect = alice.connect_message()
    (reply, _) = await alice.exchange(connect, alice.message("/service/conformance/x"))
    assert reply == success(connect)


@spec("ADV-3", "ADV-4", "CN-1")
@pytest.mark.profile("hooks")
async def test_change_of_the_sessions_interval_is_advised_once(alice: Client) -> None:
    await alice.publish("/service/set", {"interval": 250})
    connect = alice.connect_message()
    (reply, _) = await alice.exchange(connect, alice.message("/service/conformance/x"))
    assert reply == success(connect, advice={**RETRY, "interval": 250})
    connect = alice.connect_message()
    (reply, _) = await alice.exchange(connect, alice.message("/service/conformance/x"))
    assert reply == success(connect)


@spec("ADV-4", "SES-3")
async def test_change_of_transport_is_advised(guests: Guests) -> None:
    browser = Browser()
    post = guests.long_polling(browser)
    await post.ready()
    socket = await guests.websocket(browser)
    socket.client_id = post.client_id
    connect = socket.connect_message()
    (reply, _) = await socket.exchange(connect, socket.message("/service/conformance/x"))
    assert reply == success(connect, advice=RETRY)


@spec("ADV-3", "ADV-6")
async def test_interval_of_the_client_is_repeated_for_this_connect_only(alice: Client) -> None:
    first = alice.connect_message(advice={"timeout": 0, "interval": 500})
    assert await alice.exchange(first) == [success(first, advice={**RETRY, "interval": 500})]
    second = alice.connect_message(advice={"timeout": 0})
    assert await alice.exchange(second) == [success(second, advice=RETRY)]


@spec("ADV-6")
async def test_negative_interval_counts_as_not_given(alice: Client) -> None:
    request = alice.connect_message(advice={"timeout": 0, "interval": -5})
    assert await alice.exchange(request) == [success(request, advice=RETRY)]


@spec("ADV-7")
@pytest.mark.parametrize("interval", [3_600_001, 10**12, 1e300])
async def test_interval_of_the_client_is_capped(alice: Client, interval: float) -> None:
    """Otherwise a client keeps a session alive for years."""
    request = alice.connect_message(advice={"timeout": 0, "interval": interval})
    assert await alice.exchange(request) == [success(request, advice={**RETRY, "interval": 3_600_000})]


@spec("ADV-7")
async def test_fractions_are_numbers(alice: Client) -> None:
    reply = await alice.connect(advice={"timeout": 0.5, "interval": 1.5})
    assert reply["successful"]


@spec("ADV-7", "MSG-20")
async def test_advice_that_is_not_a_number_fails_the_connect(alice: Client) -> None:
    request = alice.connect_message(advice={"timeout": "0"})
    assert await alice.exchange(request) == [failure(request, "400:advice:field_invalid")]
    assert await alice.is_known()


@spec("ADV-5")
@pytest.mark.profile("self-rehandshake")
async def test_max_interval_is_advised_where_clients_may_rehandshake_by_themselves(newcomer: Client) -> None:
    advice = {**RETRY, "maxInterval": 10_000}
    assert (await newcomer.handshake())["advice"] == advice
    assert (await newcomer.connect(advice={"timeout": 0}))["advice"] == advice


@spec("ADV-9")
async def test_hosts_are_not_advised(newcomer: Client) -> None:
    assert "hosts" not in (await newcomer.handshake())["advice"]


@spec("ADV-10", "PUB-9", "WSEC-1")
async def test_advice_comes_only_from_the_server(alice: Client, bob: Client, channel: str) -> None:
    """One publish with advice would otherwise stop every JavaScript subscriber of the channel."""
    await alice.subscribe(channel)
    held = await alice.hold()
    await bob.publish(channel, 1, advice={"reconnect": "none"})
    came = await held.messages() if isinstance(alice, LongPolling) else await alice.events()
    assert [message for message in came if "advice" in message] == []
    assert came[0] == {"channel": channel, "data": 1}
