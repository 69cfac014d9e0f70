"""The extensions that come with the client, without a network: what they say, and what they learn."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.client import Acknowledge, Binary, BinaryData, TimeSync
from bayeux.client.event import Message
from bayeux.client.extension import Extension
from bayeux.protocol.errors import BinaryInvalid
from bayeux.testing import ManualClock


def sent(extension: Extension, channel: str, **fields: Any) -> Message:
    """The message as it leaves."""
    message = {"id": "1", "channel": channel, **fields}
    extension.outgoing(message)
    return message


def hear(extension: Extension, channel: str, **fields: Any) -> Message:
    """A successful reply comes in."""
    message = {"id": "1", "channel": channel, "successful": True, **fields}
    extension.incoming(message)
    return message


# -- acknowledged messages -----------------------------------------------------------------


@pytest.mark.spec("ACK-1", "ACK-11", "ACK-14")
def test_each_connect_acknowledges_the_batch_before() -> None:
    ack = Acknowledge()
    assert sent(ack, "/meta/handshake", ext={"token": "t"})["ext"] == {"token": "t", "ack": True}
    hear(ack, "/meta/handshake", ext={"ack": True})
    assert sent(ack, "/meta/connect")["ext"] == {"ack": 0}
    hear(ack, "/meta/connect", ext={"ack": 1})
    hear(ack, "/meta/connect", ext={"ack": 4})
    assert sent(ack, "/meta/connect")["ext"] == {"ack": 4}
    assert (ack.is_agreed, ack.batch) == (True, 4)
    assert "ext" not in sent(ack, "/x", data=1)


@pytest.mark.spec("ACK-1")
@pytest.mark.parametrize("ext", [None, {}, {"ack": False}, {"ack": 1}, {"ack": {"enabled": "yes", "batch": 2}}])
def test_a_server_that_does_not_know_it_hears_no_more_of_it(ext: Any) -> None:
    ack = Acknowledge()
    hear(ack, "/meta/handshake", ext=ext)
    hear(ack, "/meta/connect", ext={"ack": 3})
    assert not ack.is_agreed
    assert "ext" not in sent(ack, "/meta/connect")


@pytest.mark.spec("ACK-2", "HS-14")
def test_events_of_the_handshake_are_a_batch() -> None:
    ack = Acknowledge()
    hear(ack, "/meta/handshake", ext={"ack": {"enabled": True, "batch": 3}})
    assert sent(ack, "/meta/connect")["ext"] == {"ack": 3}


@pytest.mark.spec("ACK-14", "ACK-20")
def test_a_new_session_counts_from_the_beginning() -> None:
    ack = Acknowledge()
    hear(ack, "/meta/handshake", ext={"ack": True})
    hear(ack, "/meta/connect", ext={"ack": 7})
    sent(ack, "/meta/handshake")
    assert not ack.is_agreed
    hear(ack, "/meta/handshake", ext={"ack": True})
    assert sent(ack, "/meta/connect")["ext"] == {"ack": 0}


@pytest.mark.spec("ACK-14", "XT-1")
@pytest.mark.parametrize("reply", [{"successful": False}, {"ext": {"ack": "9"}}, {"ext": {"ack": True}}, {"ext": 9}])
def test_only_the_number_of_a_successful_connect_counts(reply: dict[str, Any]) -> None:
    ack = Acknowledge()
    hear(ack, "/meta/handshake", ext={"ack": True})
    hear(ack, "/meta/connect", **{"ext": {"ack": 9}, **reply})
    hear(ack, "/meta/subscribe", ext={"ack": 9})
    assert ack.batch == 0


# -- time sync -----------------------------------------------------------------------------


@pytest.mark.spec("TSY-1", "TSY-5", "TSY-7")
def test_the_clock_of_the_server_is_learnt_from_meta_replies() -> None:
    """The server is 10 s ahead; a message takes 100 ms each way and 3 ms there."""
    clock = ManualClock(1_700_000_000.0)
    sync = TimeSync(clock=clock)
    first = sent(sync, "/meta/handshake")["ext"]["timesync"]
    assert first == {"tc": 1_700_000_000_000, "l": 0, "o": 0}
    clock.advance(0.203)
    hear(
        sync, "/meta/handshake", ext={"timesync": {"tc": first["tc"], "ts": first["tc"] + 10_100, "p": 3, "a": -10_100}}
    )
    assert (sync.lag, sync.offset, sync.samples) == (0.1, 10.0, 1)
    assert sync.server_time() == pytest.approx(clock() + 10.0)
    assert sync.server_datetime().isoformat() == "2023-11-14T22:13:30.203000+00:00"
    assert sent(sync, "/meta/connect")["ext"]["timesync"] == {"tc": first["tc"] + 203, "l": 100, "o": 10_000}
    assert "ext" not in sent(sync, "/x", data=1)


@pytest.mark.spec("TSY-7")
def test_the_last_ten_samples_count() -> None:
    clock = ManualClock(1000.0)
    sync = TimeSync(clock=clock)
    for offset in [9999] + [20, 40] * 5:
        hear(sync, "/meta/connect", ext={"timesync": {"tc": 1_000_000, "ts": 1_000_000 + offset, "p": 0}})
    assert (sync.samples, sync.offset) == (10, 0.03)


@pytest.mark.spec("TSY-6", "XT-1")
@pytest.mark.parametrize(
    "times", [None, 1, {}, {"tc": "1", "ts": 1, "p": 1}, {"tc": 1, "ts": True, "p": 1}, {"tc": 1, "ts": 1}]
)
def test_a_sample_without_sense_is_none(times: Any) -> None:
    sync = TimeSync()
    hear(sync, "/meta/connect", ext={"timesync": times})
    hear(sync, "/x", ext={"timesync": {"tc": 1, "ts": 1, "p": 1}})
    assert sync.samples == 0
    with pytest.raises(ValueError, match="sample"):
        TimeSync(max_samples=0)


# -- binary --------------------------------------------------------------------------------


@pytest.mark.spec("BIN-1", "BIN-3", "BIN-8")
def test_bytes_travel_as_text() -> None:
    data = BinaryData(bytes.fromhex("deadbeef01"), meta={"name": "a.bin"})
    message = sent(Binary(), "/files", data=data, ext={"e": 1})
    assert message["data"] == {"data": "?MsJX0r", "last": True, "meta": {"name": "a.bin"}}
    assert message["ext"] == {"e": 1, "binary": {}}
    assert hear(Binary(), "/files", data=message["data"], ext={"binary": {}, "e": 1})["data"] == data
    assert sent(Binary(), "/files", data={"data": "text"}) == {"id": "1", "channel": "/files", "data": {"data": "text"}}


@pytest.mark.spec("BIN-4", "BIN-5")
def test_what_is_not_binary_or_does_not_decode_is_left() -> None:
    plain = hear(Binary(), "/files", data={"data": "00"})
    assert plain["data"] == {"data": "00"}
    message = {"channel": "/files", "data": {"data": "~"}, "ext": {"binary": {}}}
    with pytest.raises(BinaryInvalid):
        Binary().incoming(message)
    assert message["data"] == {"data": "~"}
    assert hear(Binary(), "/meta/connect", ext={"binary": {}})["ext"] == {"binary": {}}
