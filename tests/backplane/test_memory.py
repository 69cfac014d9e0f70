"""The history in memory: its bounds, what it forgets, and that it never lies about a loss."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayeux.backplane import memory
from bayeux.backplane.interface import Retention
from bayeux.backplane.memory import MemoryHistory
from bayeux.protocol.errors import ReplayGap
from bayeux.protocol.replay import OnGap, Style, Wanted, decide
from bayeux.testing.clock import ManualClock

FEW = Retention(events=3, ttl=60.0, bytes=0)


def made(clock: ManualClock | None = None, **bounds: int) -> MemoryHistory:
    epochs = iter(range(100))
    return MemoryHistory(clock=clock or ManualClock(), random_bytes=lambda n: next(epochs).to_bytes(n, "big"), **bounds)


@pytest.mark.expected_logs("the history is full")
@pytest.mark.spec("RPL-1", "RPL-2")
def test_above_so_many_channels_the_one_unused_for_longest_is_forgotten() -> None:
    history = made(max_channels=2)
    history.append("/a", b"1", FEW)
    lost = history.append("/b", b"2", FEW)
    history.since("/a", 0, 1)
    history.append("/c", b"3", FEW)
    assert (len(history), history.crowded_out) == (2, 1)
    assert len(history.since("/a", 0, 9).events) == 1
    assert history.since("/b", 0, 9).events == ()
    assert history.append("/b", b"4", FEW).offset > lost.offset


@pytest.mark.expected_logs("the history is full")
@pytest.mark.spec("RPL-1")
def test_above_so_many_bytes_together_channels_are_forgotten() -> None:
    history = made(max_bytes=100)
    for channel in ("/a", "/b"):
        history.append(channel, b"x" * 40, FEW)
    history.append("/c", b"x" * 40, FEW)
    assert (len(history), history.bytes) == (2, 80)
    history.append("/c", b"x" * 200, FEW)
    assert history.bytes <= 100
    assert len(history.since("/c", 0, 9).events) == 0


@pytest.mark.spec("RPL-1")
def test_a_single_channel_stays_within_the_bytes_of_all() -> None:
    history = made(max_bytes=100)
    for _ in range(3):
        history.append("/a", b"x" * 40, FEW)
    assert (history.bytes, history.crowded_out) == (80, 0)


@pytest.mark.expected_logs("the history is full")
def test_being_full_is_told_once_and_its_end_too(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "bayeux.backplane.memory")
    history = made(max_channels=1)
    for n in range(5):
        history.append(f"/{n}", b"", FEW)
    history.sweep()
    history.sweep()
    history.sweep()
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


@pytest.mark.spec("RPL-1", "RPL-2")
def test_a_sweep_forgets_channels_that_are_empty_and_were_not_used_for_their_time() -> None:
    clock = ManualClock()
    history = made(clock)
    history.append("/a", b"xx", FEW)
    last = history.append("/b", b"yy", FEW)
    clock.advance(61)
    history.sweep()
    assert (len(history), history.bytes) == (0, 0)
    assert history.since("/a", 0, 9).extent.floor == last.offset


@pytest.mark.spec("RPL-14")
def test_a_channel_that_is_asked_about_is_remembered() -> None:
    """A reader that comes back within the time of the channel hears that it missed nothing."""
    clock = ManualClock()
    history = made(clock)
    last = history.append("/a", b"xx", FEW)
    history.append("/b", b"yy", FEW)
    for _ in range(5):
        clock.advance(40)
        extent = history.since("/a", last.offset, 9).extent
        assert decide(Wanted(last.offset, last.epoch), extent, "/a", Style.EXT, OnGap.ERROR).recovered
        history.sweep()
    assert len(history) == 1


@pytest.mark.spec("RPL-14")
def test_the_position_of_a_quiet_channel_stays_good_while_others_are_busy() -> None:
    history = made()
    quiet = history.since("/quiet", 0, 0).extent
    for _ in range(50):
        history.append("/busy", b"", FEW)
    extent = history.since("/quiet", 0, 0).extent
    assert decide(Wanted(quiet.newest), extent, "/quiet", Style.EXT, OnGap.ERROR).recovered
    history.append("/quiet", b"", FEW)
    stretch = history.since("/quiet", quiet.newest, 9)
    assert decide(Wanted(quiet.newest), stretch.extent, "/quiet", Style.EXT, OnGap.ERROR).recovered
    assert len(stretch.events) == 1


@pytest.mark.spec("RPL-2")
def test_when_the_ids_are_used_up_they_start_over_in_another_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "MAX_ID", 3)
    history = made()
    positions = [history.append("/n", b"%d" % n, FEW) for n in range(5)]
    assert [position.offset for position in positions] == [1, 2, 3, 1, 2]
    assert len({position.epoch for position in positions[:3]}) == 1
    assert positions[3].epoch == positions[4].epoch != positions[0].epoch
    assert [event.payload for event in history.since("/n", 0, 9).events] == [b"3", b"4"]
    assert history.bytes == 2


CHANNELS = ("/a", "/b", "/c")
STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "append", "come back", "pass"]), st.sampled_from(CHANNELS), st.integers(0, 6)),
    min_size=4,
    max_size=40,
)


class Readers:
    """One reader a channel that comes back now and then with the last id it has, beside all that was published."""

    def __init__(self, history: MemoryHistory) -> None:
        self.history = history
        self.published: dict[str, list[int]] = {channel: [] for channel in CHANNELS}
        self.read: dict[str, list[int]] = {channel: [] for channel in CHANNELS}
        self.last = dict.fromkeys(CHANNELS, 0)

    def publish(self, channel: str, size: int) -> None:
        self.published[channel].append(self.history.append(channel, b"x" * size, FEW).offset)

    def come_back(self, channel: str) -> None:
        extent = self.history.since(channel, 0, 0).extent
        try:
            after = decide(Wanted(self.last[channel]), extent, channel, Style.EXT, OnGap.ERROR).after
        except ReplayGap:
            self.read[channel] = list(self.published[channel])  # it was told, and asks somebody else
        else:
            self.read[channel] += [event.id for event in self.history.since(channel, after, 999).events]
        self.last[channel] = extent.newest


@pytest.mark.expected_logs("the history is full")
@pytest.mark.spec("RPL-2", "RPL-14", "RPL-16")
@given(STEPS, st.integers(1, 3), st.sampled_from([1, 10, 1000]))
def test_who_is_told_that_it_missed_nothing_has_missed_nothing(
    steps: list[tuple[str, str, int]], max_channels: int, max_bytes: int
) -> None:
    clock = ManualClock()
    history = made(clock, max_channels=max_channels, max_bytes=max_bytes)
    readers = Readers(history)
    for step, channel, size in steps:
        if step == "append":
            readers.publish(channel, size)
        elif step == "come back":
            readers.come_back(channel)
        else:
            clock.advance(10.0 * size)
            history.sweep()
        assert len(history) <= max_channels
        assert 0 <= history.bytes <= max_bytes
    for channel in CHANNELS:
        readers.come_back(channel)
    assert readers.read == readers.published
