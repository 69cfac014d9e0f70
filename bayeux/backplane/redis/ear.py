"""What is heard of one server's channels, over one connection.

Owns which channels the server has confirmed. A channel that is asked for again before the server has confirmed that it
was given up counts when the last of the two is confirmed.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, islice

from redis import exceptions
from redis.crc import key_slot

from bayeux.backplane.redis.command import pack
from bayeux.backplane.redis.connecting import Wire, read
from bayeux.backplane.redis.duplex import Duplex

BATCH = 512
"""Channels in one command, at most, and of one report (OPS-73)."""

_MESSAGES = (b"message", b"smessage")
_CONFIRMED = (b"subscribe", b"ssubscribe")
_GIVEN_UP = (b"unsubscribe", b"sunsubscribe")


class Ear:
    """One connection for subscriptions; use ``subscribe`` from the beginning, and ``run`` it.

    Args:
        place: the server, for operators.
        reply: seconds within which something that was asked for is confirmed, or the connection is dropped.
        is_sharded: SSUBSCRIBE is used, one command a slot.
        heard: given channel and message.
        confirmed: given channels that are heard from here on.
        taken: given channels that the server does not have any more, as their slot has moved.
    """

    def __init__(
        self,
        wire: Wire,
        place: str,
        *,
        reply: float,
        is_sharded: bool,
        heard: Callable[[str, bytes], None],
        confirmed: Callable[[Sequence[str]], None],
        taken: Callable[[Sequence[str]], None],
    ) -> None:
        self.place = place
        self._duplex = Duplex(wire, place)
        self._reply = reply
        self._is_sharded = is_sharded
        self._heard, self._confirmed, self._taken = heard, confirmed, taken
        self._asked: Counter[bytes] = Counter()
        self._given_up: Counter[bytes] = Counter()
        self._news: list[str] = []
        self._names: dict[bytes, str] = {}
        self._loop = asyncio.get_running_loop()
        self._last_answer = 0.0
        self._alarm: asyncio.TimerHandle | None = None

    def subscribe(self, channels: Iterable[str]) -> None:
        """Ask for these; ``confirmed`` tells when."""
        for batch in self._batches(channels):
            self._command("SSUBSCRIBE" if self._is_sharded else "SUBSCRIBE", batch, self._asked)
        if self._alarm is None and self._asked:
            self._last_answer = self._loop.time()
            self._alarm = self._loop.call_later(self._reply, self._check)

    def unsubscribe(self, channels: Iterable[str]) -> None:
        """Give these up."""
        for batch in self._batches(channels):
            self._command("SUNSUBSCRIBE" if self._is_sharded else "UNSUBSCRIBE", batch, self._given_up)

    def drop(self, why: str) -> None:
        """Close the connection."""
        self._duplex.drop(why)

    async def run(self) -> str:
        """Listen until the connection is lost or dropped; says why."""
        try:
            return await self._duplex.run(self._listen)
        finally:
            if self._alarm is not None:
                self._alarm.cancel()

    def _batches(self, channels: Iterable[str]) -> Iterable[Sequence[bytes]]:
        names = {channel.encode(): channel for channel in channels}
        self._names.update(names)
        encoded = list(names)
        if not self._is_sharded:
            yield from _slices(encoded)
            return
        # The server refuses channels of several slots in one command.
        for _, same_slot in groupby(sorted(encoded, key=key_slot), key_slot):
            yield from _slices(same_slot)

    def _command(self, command: str, channels: Sequence[bytes], counter: Counter[bytes]) -> None:
        counter.update(channels)
        self._duplex.write(pack(command, *channels))

    async def _listen(self) -> None:
        while self._duplex.is_open:
            try:
                kind, channel, message = await read(self._duplex.wire)
            except exceptions.MovedError as error:
                self._refused(error.slot_id)
            except exceptions.ResponseError as error:
                self.drop(f"{self.place} refuses a subscription ({error}): must its account have more rights?")
            except (TypeError, ValueError):
                self.drop(f"{self.place} answers what was not asked")
            else:
                self._take(kind, channel, message)

    def _take(self, kind: bytes, channel: bytes, message: bytes) -> None:
        if kind in _MESSAGES:
            self._tell()
            self._heard(self._names.get(channel, ""), message)
        elif kind in _CONFIRMED:
            self._confirm(channel)
        elif kind in _GIVEN_UP:
            self._give_up(channel)

    def _refused(self, slot: int) -> None:
        """Of a slot that the server does not have."""
        refused = [channel for channel in self._asked if key_slot(channel) == slot]
        for channel in refused:
            del self._asked[channel]
        self._give_back(refused)

    def _give_back(self, channels: Sequence[bytes]) -> None:
        """After what was confirmed before, which may have been the same."""
        self._tell()
        self._taken([self._names.pop(channel, "") for channel in channels])

    def _confirm(self, channel: bytes) -> None:
        self._last_answer = self._loop.time()
        self._asked[channel] -= 1
        if self._asked[channel] <= 0:
            del self._asked[channel]
            self._news.append(self._names.get(channel, ""))
        if not self._asked or len(self._news) >= BATCH:
            self._tell()

    def _check(self) -> None:
        """Does the server confirm what it was asked for?"""
        self._alarm = None
        if not self._asked:
            return
        rest = self._last_answer + self._reply - self._loop.time()
        if rest > 0:
            self._alarm = self._loop.call_later(rest, self._check)
        else:
            self.drop(f"{self.place} does not confirm a subscription within {self._reply:g} s")

    def _give_up(self, channel: bytes) -> None:
        if not self._given_up[channel]:
            self._give_back([channel])
            return
        self._given_up[channel] -= 1
        if not self._given_up[channel]:
            del self._given_up[channel]
            if not self._asked[channel]:
                self._names.pop(channel, None)

    def _tell(self) -> None:
        if self._news:
            news, self._news = self._news, []
            self._confirmed(news)


def _slices(channels: Iterable[bytes]) -> Iterable[Sequence[bytes]]:
    channels = iter(channels)
    while batch := list(islice(channels, BATCH)):
        yield batch
