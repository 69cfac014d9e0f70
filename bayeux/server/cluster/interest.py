"""Which partitions a node listens to: those in which somebody of its own may be addressed.

Owns the counts. A channel counts as long as it has subscribers, a user as long as he has sessions here; a pattern
counts for every partition. What nobody needs is ignored after a while: whoever left often comes back.

Source: CLU-3.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from bayeux.backplane.backplane import Backplane
from bayeux.protocol.channel import ChannelName
from bayeux.protocol.errors import Unavailable

LINGER = 60.0
"""Seconds for which a partition is listened to that nobody needs; a subscribe must be done with in less."""


def audience_of(user: str) -> str:
    """What stands for a user among the names of channels, none of which begins like this."""
    return f"user:{user}"


class Interest:
    """Counts who needs which partition, and has the backplane listen to those.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, backplane: Backplane, clock: Callable[[], float]) -> None:
        self._backplane = backplane
        self._clock = clock
        self._wanted: Counter[int] = Counter()
        self._until: dict[int, float] = {}
        """By partition that is listened to, or about to be: until when it is even if nobody needs it."""
        self._beginning: dict[int, asyncio.Task[None]] = {}
        self._all = tuple(range(backplane.partitions))

    def of_channel(self, name: ChannelName) -> Sequence[int]:
        """The partitions in which events come that a subscriber of a channel or pattern sees."""
        return self._all if name.is_wild else (self._backplane.partition_of(name.text),)

    def of_user(self, user: str) -> Sequence[int]:
        """The partitions in which he is addressed."""
        return (self._backplane.partition_of(audience_of(user)),)

    def add(self, partitions: Iterable[int]) -> None:
        """Somebody needs them from here on; those that are not listened to yet are, soon."""
        for each in partitions:
            self._wanted[each] += 1
            if each not in self._until:
                self._begin((each,))

    def remove(self, partitions: Iterable[int]) -> None:
        """He needs them no longer."""
        now = self._clock()
        for each in partitions:
            self._wanted[each] -= 1
            if self._wanted[each] <= 0:
                del self._wanted[each]
                if each in self._until:
                    self._until[each] = now + LINGER

    def is_missing(self, partitions: Iterable[int]) -> bool:
        """Whether events there might still pass this node by; if not, they will not for a while."""
        until, is_missing = self._clock() + LINGER, False
        for each in partitions:
            if each not in self._until or each in self._beginning:
                is_missing = True
            else:
                self._until[each] = until
        return is_missing

    async def listen(self, partitions: Iterable[int]) -> None:
        """See to it that no event there passes this node by, also if nobody needs them yet. Raises Unavailable."""
        missing = [each for each in partitions if each not in self._until]
        if missing:
            self._begin(missing)
        while beginning := {self._beginning[each] for each in partitions if each in self._beginning}:
            await asyncio.wait(beginning)
        if self.is_missing(partitions):
            raise Unavailable

    def look(self) -> None:
        """Let go of what nobody needs, and try again what could not be listened to."""
        now = self._clock()
        idle = [each for each, until in self._until.items() if until <= now and each not in self._wanted]
        idle = [each for each in idle if each not in self._beginning]
        for each in idle:
            del self._until[each]
        if idle:
            self._backplane.ignore(idle)
        missing = [each for each in self._wanted if each not in self._until]
        if missing:
            self._begin(missing)

    def forget(self) -> None:
        """The node leaves."""
        for task in set(self._beginning.values()):
            task.cancel()
        self._until.clear()
        self._wanted.clear()

    def _begin(self, partitions: Sequence[int]) -> None:
        until = self._clock() + LINGER
        task = asyncio.get_running_loop().create_task(self._listen(partitions))
        for each in partitions:
            self._until[each] = until
            self._beginning[each] = task

    async def _listen(self, partitions: Sequence[int]) -> None:
        try:
            await self._backplane.listen(partitions)
        except Unavailable:
            for each in partitions:
                self._until.pop(each, None)  # ``look`` tries again
        finally:
            for each in partitions:
                self._beginning.pop(each, None)
