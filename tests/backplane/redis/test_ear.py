"""How channels are asked for, and what counts as confirmed: by a server that is played."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest
from redis import exceptions
from redis.crc import key_slot

from bayeux.backplane.redis.ear import Ear
from tests.backplane.redis.linked import until


class PlayedWire:
    """A connection whose other end is the test."""

    _writer = _reader = None

    def __init__(self) -> None:
        self.commands: list[list[bytes]] = []
        self.replies: asyncio.Queue[Any] = asyncio.Queue()
        self._parser = self

    async def connect(self) -> None: ...

    async def send_packed_command(self, command: Iterable[bytes], check_health: bool = True) -> None:
        for packed in command:
            self.commands.append(packed.split(b"\r\n")[2::2])

    async def read_response(self, *words: object, **options: object) -> Any:
        reply = await self.replies.get()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def on_disconnect(self) -> None: ...

    def reply(self, kind: str, channel: str, last: object = 1) -> None:
        self.replies.put_nowait([kind.encode(), channel.encode(), last])


class Played:
    """An ear, its wire, and what it told."""

    def __init__(self, *, is_sharded: bool) -> None:
        self.wire = PlayedWire()
        self.log: list[object] = []
        self.ear = Ear(
            self.wire,
            "redis://here",
            reply=0.2,
            is_sharded=is_sharded,
            heard=lambda channel, message: self.log.append((channel, message)),
            confirmed=lambda channels: self.log.append(list(channels)),
            taken=lambda channels: self.log.append(("taken", *channels)),
        )
        self.running = asyncio.create_task(self.ear.run())


@pytest.fixture(params=[False, True], ids=["plain", "sharded"])
async def played(request: pytest.FixtureRequest) -> AsyncIterator[Played]:
    made = Played(is_sharded=request.param)
    yield made
    made.ear.drop("test is over")
    await made.running


@pytest.fixture
async def sharded() -> AsyncIterator[Played]:
    made = Played(is_sharded=True)
    yield made
    made.ear.drop("test is over")
    await made.running


def names(commands: Sequence[Sequence[bytes]]) -> list[bytes]:
    return [channel for command in commands for channel in command[1:]]


@pytest.mark.spec("OPS-73")
async def test_many_channels_are_asked_for_in_batches(played: Played) -> None:
    """512 in a command, at most; of one slot each where channels are bound to slots."""
    channels = [f"{number}:{{{number % 3}}}" for number in range(3000)]
    played.ear.subscribe(channels)
    await until(lambda: len(names(played.wire.commands)) == 3000)
    assert {name.decode() for name in names(played.wire.commands)} == set(channels)
    assert max(len(command) for command in played.wire.commands) == 513
    if played.wire.commands[0][0] == b"SSUBSCRIBE":
        assert all(len({key_slot(name) for name in command[1:]}) == 1 for command in played.wire.commands)


async def test_confirmation_is_told_before_the_first_message(played: Played) -> None:
    """Also when others are still to be confirmed."""
    played.ear.subscribe(["a", "b"])
    played.wire.reply("subscribe", "a")
    played.wire.reply("message", "a", b"1")
    played.wire.reply("subscribe", "b")
    await until(lambda: len(played.log) == 3)
    assert played.log == [["a"], ("a", b"1"), ["b"]]


async def test_channel_given_up_and_asked_for_again_counts_when_the_last_is_confirmed(played: Played) -> None:
    """What came between the two was not heard."""
    played.ear.subscribe(["a"])
    played.ear.unsubscribe(["a"])
    played.ear.subscribe(["a"])
    played.wire.reply("subscribe", "a")
    played.wire.reply("unsubscribe", "a")
    await asyncio.sleep(0)
    assert not played.log
    played.wire.reply("subscribe", "a")
    await until(lambda: played.log == [["a"]])


async def test_server_that_does_not_confirm_is_left(played: Played) -> None:
    """A connection whose one way is silent."""
    played.ear.subscribe(["a"])
    assert "does not confirm" in await played.running


async def test_channel_whose_slot_moves_is_given_back(sharded: Played) -> None:
    """As the server says unasked, or refuses it from the beginning; others stay."""
    sharded.ear.subscribe(["{1}a", "{1}b", "{2}"])
    sharded.wire.reply("ssubscribe", "{2}")
    sharded.wire.replies.put_nowait(exceptions.MovedError(f"{key_slot(b'{1}')} other:1"))
    sharded.wire.reply("sunsubscribe", "{2}")
    await until(lambda: len(sharded.log) == 3)
    assert sharded.log == [["{2}"], ("taken", "{1}a", "{1}b"), ("taken", "{2}")]
    assert not sharded.running.done()


@pytest.mark.parametrize("reply", [[b"odd"], 7, exceptions.NoPermissionError("no right"), exceptions.ConnectionError()])
async def test_strange_reply_ends_the_connection(played: Played, reply: object) -> None:
    """It says why; the keeper makes another."""
    played.wire.replies.put_nowait(reply)
    assert "redis://here" in await played.running
