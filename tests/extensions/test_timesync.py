"""Time sync: what a client asks, and what it is told."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.extensions.timesync import TimeSync
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server

NOW = 1700000000.142
NOW_MS = 1700000000142


def synced(server: BayeuxServer, wall: ManualClock | None = None, **options: Any) -> Peer:
    """A peer of a server with the extension, handshaken."""
    server.extensions.add(TimeSync(clock=wall or ManualClock(NOW), **options))
    return Peer(server).handshake()


def asked(**timesync: Any) -> dict[str, Any]:
    return {"timesync": timesync}


@pytest.mark.spec("TSY-1", "TSY-3", "TSY-4")
async def test_a_client_hears_the_time_of_the_server_and_how_far_it_is_off() -> None:
    async with still_server(ManualClock()) as server:
        alice = synced(server)
        reply = alice.connect(ext=asked(tc=1700000000000, l=0, o=0)).sent[0][0]
        assert reply["ext"] == {"timesync": {"tc": 1700000000000, "ts": NOW_MS, "p": 0, "a": -142}}


@pytest.mark.spec("TSY-2", "TSY-3")
async def test_the_time_of_receipt_is_that_of_the_request_and_p_the_time_it_was_held() -> None:
    clock = ManualClock(NOW)
    async with still_server(clock) as server:
        alice = synced(server, clock)
        alice.connect()
        held = alice.connect(ext=asked(tc=0))
        await pass_time(server, clock, 31)
        timesync = held.sent[0][0]["ext"]["timesync"]
        assert timesync["ts"] == NOW_MS
        assert 30000 <= timesync["p"] <= 31000


@pytest.mark.spec("TSY-4")
@pytest.mark.parametrize(
    ("lag", "offset", "is_told"),
    [
        (0, 142, True),
        (10, 0, True),
        (20, 142, False),
        (20, 100, False),
        (20, 97, True),
        (45, 142, True),
        (46, 142, True),
    ],
)
async def test_a_client_in_sync_is_not_told_again(lag: int, offset: int, is_told: bool) -> None:
    async with still_server(ManualClock()) as server:
        reply = synced(server).connect(ext=asked(tc=1700000000000, l=lag, o=offset)).sent[0][0]
        assert ("ext" in reply) is is_told


@pytest.mark.spec("TSY-4")
async def test_what_counts_as_in_sync_can_be_chosen() -> None:
    async with still_server(ManualClock()) as server:
        alice = synced(server, accuracy_ms=200)
        assert "ext" not in alice.connect(ext=asked(tc=1700000000000, l=1, o=0)).sent[0][0]


@pytest.mark.spec("TSY-4")
async def test_a_client_that_tells_no_lag_is_always_told_and_not_how_far_it_is_off() -> None:
    async with still_server(ManualClock()) as server:
        reply = synced(server).connect(ext=asked(tc=1.5)).sent[0][0]
        assert reply["ext"] == {"timesync": {"tc": 1.5, "ts": NOW_MS, "p": 0}}


@pytest.mark.spec("TSY-2")
async def test_the_lag_is_kept_with_the_session() -> None:
    async with still_server(ManualClock()) as server:
        alice = synced(server)
        alice.connect(ext=asked(tc=0))
        assert "lag" not in alice.session.attributes
        alice.connect(ext=asked(tc=0, l=12.5), advice={"timeout": 0})
        assert alice.session.attributes["lag"] == 12.5


@pytest.mark.spec("TSY-6", "XT-1")
@pytest.mark.parametrize(
    "timesync",
    [
        None, True, 5, [], {}, {"tc": None}, {"tc": "0"}, {"tc": True}, {"tc": 0, "l": "x"}, {"tc": 0, "o": []},
        {"tc": 1e300}, {"tc": 2**63, "l": 0, "o": 2**63}, {"tc": 0, "l": False},
    ],
)  # fmt: skip
async def test_what_is_not_a_number_is_ignored(timesync: Any) -> None:
    async with still_server(ManualClock()) as server:
        reply = synced(server).connect(ext={"timesync": timesync}).sent[0][0]
        assert reply["successful"]
        assert "ext" not in reply


@pytest.mark.spec("TSY-6", "TSY-4")
async def test_null_counts_as_missing() -> None:
    async with still_server(ManualClock()) as server:
        reply = synced(server).connect(ext=asked(tc=0, l=None, o=None)).sent[0][0]
        assert set(reply["ext"]["timesync"]) == {"tc", "ts", "p"}


@pytest.mark.spec("TSY-5", "XT-2", "XT-3")
async def test_a_publish_asks_for_nothing_and_its_subscribers_do_not_see_it() -> None:
    async with still_server(ManualClock()) as server:
        alice = synced(server)
        alice.subscribe("/n")
        assert alice.publish("/n", 1, ext={**asked(tc=0), "own": 2}) == [
            {"channel": "/n", "data": 1, "ext": {"own": 2}},
            {"id": "3", "channel": "/n", "successful": True},
        ]
        assert "ext" not in alice.publish("/n", 1, ext=asked(tc=0))[0]


@pytest.mark.spec("TSY-3")
async def test_refused_requests_and_handshakes_are_answered_too() -> None:
    async with still_server(ManualClock()) as server:
        server.extensions.add(TimeSync())
        stranger = Peer(server)
        stranger.client_id = "unknown"
        assert "timesync" in stranger.connect(ext=asked(tc=0, l=1)).sent[0][0]["ext"]
        assert "timesync" in stranger.handshake(ext=asked(tc=0)).replies[-1]["ext"]


@pytest.mark.spec("TSY-3")
async def test_a_clock_set_back_takes_no_negative_time() -> None:
    clock, wall = ManualClock(), ManualClock(NOW)
    async with still_server(clock) as server:
        alice = synced(server, wall)
        alice.connect()
        held = alice.connect(ext=asked(tc=0))
        wall.now -= 3600
        server.publish("/n", 1)
        alice.session.deliver("/n", 1)
        await pass_time(server, clock, 1)
        assert held.sent[0][-1]["ext"]["timesync"]["p"] == 0
