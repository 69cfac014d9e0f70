"""What is put right in the words of the peers, and that there is something to put right."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.conversation import UNKNOWN, LongPolling, event, success
from tests.conformance.peers.amends import PeerAmends, Word
from tests.conformance.peers.peer import PEERS, Peer
from tests.conformance.peers.server import PeerServer
from tests.interop import foreign

CHANNEL = "/conformance/amends"


async def converse(url: str, peer: Peer, made: set[str]) -> None:
    """A conversation that meets every amend of the peers."""
    alice, bob = LongPolling(url), LongPolling(url)
    for client in (alice, bob):
        client.amends = peer.amends(made)
        await client.ready()
    await alice.subscribe(CHANNEL)
    held = await alice.hold()
    await bob.publish(CHANNEL, 1)
    assert await held.messages() == [event(CHANNEL, 1), success(held.request)]
    assert (await alice.connect(clientId="gone"))["error"] == UNKNOWN
    await bob.publish("/unwritable/x", 1)
    await alice.close()
    await bob.close()


@pytest.mark.parametrize("name", PEERS)
def test_peer_needs_the_amends_of_its_table(name: str) -> None:
    """All of them; one that is not needed would hide nothing but our not looking."""
    foreign.node()
    peer = Peer.load(name)
    profile = "hooks" if "hooks" in peer.profiles else "default"
    made: set[str] = set()
    with PeerServer(peer, [profile]) as server:
        asyncio.run(converse(server.urls[profile], peer, made))
    assert made == peer.amended


def amends(*rules: str) -> PeerAmends:
    return PeerAmends(rules, [Word(theirs="401:(.*):Unknown", ours=r"402:\1:unknown", channel="/meta/connect")], set())


def test_error_is_put_into_our_words_on_its_channel() -> None:
    theirs = {"channel": "/meta/connect", "successful": False, "error": "401:a:b:Unknown"}
    elsewhere = {**theirs, "channel": "/meta/subscribe"}
    assert amends("BER-1").messages([theirs, elsewhere]) == [{**theirs, "error": "402:a:b:unknown"}, elsewhere]
    assert amends().messages([theirs]) == [theirs]


def test_amends_there_are_none_of_are_refused() -> None:
    with pytest.raises(AssertionError, match="CH-1"):
        amends("CH-1")
