"""The flusher: once a turn, shared batches, bounded slices."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import pytest

from bayeux.protocol.encoded import Batch, EncodedMessage
from bayeux.protocol.options import Options
from bayeux.server.flusher import CONNECTS_A_TURN, SESSIONS_A_TURN, Flusher
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from bayeux.testing import Peer, turn


class Loop:
    """Runs what was asked for soon when told."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def call_soon(self, function: Callable[[], None]) -> None:
        self.soon.append(function)

    def turn(self) -> None:
        due, self.soon = self.soon, []
        for function in due:
            function()


def new_sessions(count: int) -> list[ServerSession]:
    server, options = BayeuxServer(), Options()
    context = Context(transport="websocket", options=options)
    return [ServerSession(str(n), options, server, context, 0.0) for n in range(count)]


def writing(
    write: Callable[[ServerSession], object], *, are_held: bool = False
) -> Callable[..., Sequence[ServerSession]]:
    """Writes sessions by a function; ``are_held``: each time that answers a held connect."""

    def write_all(due: Sequence[ServerSession], most_answers: int) -> Sequence[ServerSession]:
        most = most_answers if are_held else len(due)
        for session in due[:most]:
            session.is_marked = False
            write(session)
        return due[most:]

    return write_all


def flusher_into(written: list[Batch], batches: list[Batch]) -> tuple[Flusher, Loop]:
    loop = Loop()
    flusher = Flusher(loop.call_soon, writing(lambda session: written.append(flusher.take(session))), batches.extend)
    return flusher, loop


@pytest.mark.spec("WS-11", "DEL-8")
def test_sessions_that_wait_for_the_same_share_one_batch() -> None:
    written: list[Batch] = []
    batches: list[Batch] = []
    flusher, loop = flusher_into(written, batches)
    one, two, three = new_sessions(3)
    first, second = EncodedMessage("/a", b"{}"), EncodedMessage("/a", b"{}")
    for session, messages in ((one, [first, second]), (two, [first, second]), (three, [second])):
        for message in messages:
            session.queue.put(message)
            flusher.mark(session)
    loop.turn()
    assert written[0] is written[1]
    assert [len(batch) for batch in written] == [2, 2, 1]
    assert len(batches) == 2
    assert not any(session.queue.messages for session in (one, two, three))


@pytest.mark.spec("SEC-92", "PUB-16")
def test_a_long_fan_out_is_written_in_slices_and_in_order() -> None:
    written: list[ServerSession] = []
    loop = Loop()
    flusher = Flusher(loop.call_soon, writing(written.append), lambda _: None)
    sessions = new_sessions(SESSIONS_A_TURN + 1)
    for session in sessions:
        flusher.mark(session)
        flusher.mark(session)
    loop.turn()
    assert len(written) == SESSIONS_A_TURN
    loop.turn()
    assert written == sessions
    assert loop.soon == []


@pytest.mark.spec("SEC-92")
def test_held_connects_are_answered_in_smaller_slices() -> None:
    """What is published between two of them is in the answers that follow."""
    written: list[ServerSession] = []
    loop = Loop()
    flusher = Flusher(loop.call_soon, writing(written.append, are_held=True), lambda _: None)
    sessions = new_sessions(CONNECTS_A_TURN + 1)
    for session in sessions:
        flusher.mark(session)
    loop.turn()
    assert len(written) == CONNECTS_A_TURN
    flusher.mark(sessions[0])
    loop.turn()
    assert written == [*sessions, sessions[0]]
    assert loop.soon == []


def test_what_is_written_for_the_last_time_is_all_written() -> None:
    written: list[ServerSession] = []
    flusher = Flusher(Loop().call_soon, writing(written.append, are_held=True), lambda _: None)
    sessions = new_sessions(2 * CONNECTS_A_TURN + 1)
    for session in sessions:
        flusher.mark(session)
    flusher.finish()
    assert written == sessions


def test_who_is_told_of_a_write_may_have_the_rest_written() -> None:
    """A listener closed the door in the middle of a slice: as many again counted as written, and waited for ever."""
    written: list[ServerSession] = []
    loop = Loop()
    sessions = new_sessions(2 * CONNECTS_A_TURN)

    def write(session: ServerSession) -> None:
        written.append(session)
        if session is sessions[1]:
            flusher.mark(sessions[0])
            flusher.finish()

    flusher = Flusher(loop.call_soon, writing(write, are_held=True), lambda _: None)
    for session in sessions:
        flusher.mark(session)
    for _ in range(3):
        loop.turn()
    assert sorted(written, key=id) == sorted([*sessions, sessions[0]], key=id)
    assert not any(session.is_marked for session in sessions)


async def test_a_publish_without_a_loop_does_not_stop_those_on_one() -> None:
    """The end of the turn was taken for asked for, and nothing was ever pushed once the server had started."""
    server = BayeuxServer()
    alice = Peer(server, "websocket").handshake()
    alice.subscribe("/a")
    for n in range(2):
        with pytest.raises(RuntimeError, match="not started"):
            server.publish("/a", n)
    async with server:
        server.publish("/a", 2)
        await turn()
        assert [event["data"] for event in alice.events] == [0, 1, 2]


def test_what_a_closed_loop_did_not_write_the_next_one_does() -> None:
    server = BayeuxServer()

    async def begin() -> Peer:
        await server.start()
        peer = Peer(server, "websocket").handshake()
        peer.subscribe("/a")
        return peer

    async def go_on() -> None:
        async with server:
            await turn()
            assert [event["data"] for event in alice.events] == [1]
            assert alice.session.next_look, "it expires there, too"

    former = asyncio.new_event_loop()
    alice = former.run_until_complete(begin())
    server.publish("/a", 1)
    former.close()
    asyncio.run(go_on())


def test_a_batch_taken_between_two_turns_is_not_remembered_beyond_the_next() -> None:
    written: list[Batch] = []
    flusher, loop = flusher_into(written, [])
    [session] = new_sessions(1)
    session.queue.put(EncodedMessage("/a", b"{}"))
    assert len(flusher.take(session)) == 1
    assert len(loop.soon) == 1, "the turn's end forgets it"
    assert len(flusher.take(session)) == 0


@pytest.mark.spec("WS-11")
@pytest.mark.parametrize("other", [{"ws_messages_per_frame": 1}, {"ws_max_frame_bytes": 4}])
def test_sessions_with_frames_of_another_size_share_no_batch(other: dict[str, int]) -> None:
    """Two mounts, one of which allows few events a frame: it was given the batch of the other."""
    written: list[Batch] = []
    flusher, loop = flusher_into(written, [])
    many, one = new_sessions(2)
    one.options = one.options.replaced(other)
    messages = [EncodedMessage("/a", b"{}"), EncodedMessage("/a", b"{}")]
    for session in (many, one):
        for message in messages:
            session.queue.put(message)
        flusher.mark(session)
    loop.turn()
    assert [len(batch.arrays) for batch in written] == [1, 2]


class Corked:
    """A socket that holds something back."""

    def __init__(self, written: list[str], *, is_broken: bool = False) -> None:
        self.written, self.is_broken = written, is_broken

    def write_held_back(self) -> None:
        self.written.append("replies")
        if self.is_broken:
            raise OSError("it went while it was written")


@pytest.mark.spec("WS-11")
@pytest.mark.expected_logs("writing to a socket failed")
def test_what_sockets_hold_back_is_written_once_a_turn_behind_the_events() -> None:
    """Also where one of them fails, and where one begins to hold something back while others are written."""
    written: list[str] = []
    loop = Loop()
    flusher = Flusher(loop.call_soon, writing(lambda _: written.append("events")), lambda _: None)
    flusher.wait_for_end(Corked(written, is_broken=True))
    flusher.wait_for_end(Corked(written))
    flusher.mark(new_sessions(1)[0])
    loop.turn()
    assert written == ["events", "replies", "replies"]
    assert not loop.soon

    late = Corked(written)
    late.write_held_back = lambda: flusher.wait_for_end(Corked(written))  # type: ignore[method-assign]
    flusher.wait_for_end(late)
    loop.turn()
    assert len(loop.soon) == 1, "it is written in the next turn"
