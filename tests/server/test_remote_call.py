"""Remote calls: a publish to a service channel, answered by an event with its id."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.protocol.errors import ChannelInvalid
from bayeux.protocol.message import Message
from bayeux.protocol.options import Options
from bayeux.server.extension import Extension
from bayeux.server.marks import ServiceInvalid
from bayeux.server.remote_call import Caller
from bayeux.server.security import SecurityPolicy
from bayeux.server.server import BayeuxServer
from bayeux.testing import ManualClock, Peer, pass_time, still_server, turn

Fields = dict[str, Any]


@pytest.fixture
async def server(options: Options) -> AsyncIterator[BayeuxServer]:
    async with still_server(ManualClock(), options) as server:
        yield server


@pytest.fixture
def options(request: pytest.FixtureRequest) -> Options:
    """The defaults, unless a test is parametrized with others."""
    return Options(**getattr(request, "param", {}))


@pytest.fixture
def alice(server: BayeuxServer) -> Peer:
    return Peer(server, "websocket").handshake()


def answers(peer: Peer) -> list[Fields]:
    """What its calls were answered with, not the replies to their publishes."""
    return [message for message in peer.heard if "data" in message]


@pytest.mark.spec("RPC-1", "RPC-2", "RPC-4", "RPC-5", "PUB-14", "MSG-16", "BAT-5")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_an_answer_inside_the_method_stands_before_the_reply(server: BayeuxServer, transport: str) -> None:
    def contacts(caller: Caller, data: Any) -> None:
        assert caller.session is alice.session
        assert caller.message["extra"] == "seen"
        assert caller.result({"asked": data})

    server.remote_call("contacts", contacts)
    alice = Peer(server, transport).handshake()
    bob = Peer(server, "websocket").handshake()
    call = alice.message("/service/contacts", data="a", extra="seen")
    alice.send(call)
    assert alice.heard[-2:] == [
        {"channel": "/service/contacts", "id": call["id"], "successful": True, "data": {"asked": "a"}},
        {"channel": "/service/contacts", "id": call["id"], "successful": True},
    ]
    await turn()
    assert answers(bob) == []


@pytest.mark.spec("RPC-4")
@pytest.mark.parametrize("transport", ["websocket", "long-polling"])
async def test_null_is_an_answer(server: BayeuxServer, transport: str) -> None:
    server.remote_call("nothing", lambda caller, data: caller.failure())
    alice = Peer(server, transport).handshake()
    answer, reply = alice.publish("/service/nothing", None) if transport == "long-polling" else alice_hears(alice)
    assert (answer["data"], answer["successful"]) == (None, False)
    assert "data" not in reply
    assert reply["successful"]


def alice_hears(alice: Peer) -> list[Fields]:
    alice.publish("/service/nothing", None)
    return alice.heard[-2:]


@pytest.mark.spec("RPC-2")
async def test_what_a_coroutine_returns_is_the_result(server: BayeuxServer, alice: Peer) -> None:
    async def add(caller: Caller, data: list[int]) -> int:
        await turn()
        return sum(data)

    async def forget(caller: Caller, data: Any) -> None:
        await turn()

    async def refuse(caller: Caller, data: Any) -> str:
        caller.failure("refused")
        return "the first answer counts"

    server.remote_call("add", add)
    server.remote_call("forget", forget)
    server.remote_call("refuse", refuse)
    for target in ("add", "forget", "refuse"):
        alice.publish(f"/service/{target}", [1, 2])
        await alice
    assert [(answer["data"], answer["successful"]) for answer in answers(alice)] == [
        (3, True), (None, True), ("refused", False),
    ]  # fmt: skip


@pytest.mark.spec("RPC-2")
async def test_a_plain_function_answers_now_or_later_and_once(server: BayeuxServer, alice: Peer) -> None:
    waiting: list[Caller] = []

    @server.remote_call("later")
    def later(caller: Caller, data: Any) -> None:
        waiting.append(caller)

    @server.remote_call("now")
    def now(caller: Caller, data: Any) -> bool:
        return False

    alice.publish("/service/later", 1)
    alice.publish("/service/now", 2)
    await turn()
    assert [answer["data"] for answer in answers(alice)] == [False]
    (caller,) = waiting
    assert (caller.result("first"), caller.result("second"), caller.failure("third")) == (True, False, False)
    await turn()
    assert [answer["data"] for answer in answers(alice)[1:]] == ["first"]
    assert answers(alice)[1]["id"] == caller.message.id


@pytest.mark.spec("RPC-1", "RPC-8", "CHN-8")
async def test_targets_have_slashes_and_parameters(server: BayeuxServer, alice: Peer) -> None:
    @server.remote_call("/room/{room}/seat/{seat}")
    async def sit(caller: Caller, data: Any, seat: str, room: str) -> str:
        return f"{room}: {seat}"

    @server.remote_call("room/list")
    async def rooms(caller: Caller, data: Any) -> list[str]:
        return ["blue"]

    for target in ("room/blue/seat/7", "room/list", "room/blue/seat", "room/blue/seat/7/8"):
        alice.publish(f"/service/{target}", None)
        await alice
        assert alice.heard[-1]["successful"]
    assert [answer["data"] for answer in answers(alice)] == ["blue: 7", ["blue"]]


@pytest.mark.spec("RPC-1")
@pytest.mark.parametrize("target", ["room/*", "**", "", "/", "a//b", "room/{x}/{x}"])
async def test_what_is_no_target_is_refused(server: BayeuxServer, target: str) -> None:
    with pytest.raises(ChannelInvalid):
        server.remote_call(target, print)


@pytest.mark.spec("RPC-8", "SVC-8")
async def test_a_method_that_cannot_be_called_is_an_error_where_it_is_registered(server: BayeuxServer) -> None:
    for target in ("contacts", "room/{room}"):
        with pytest.raises(ServiceInvalid, match=r"is called with \(caller, data"):
            server.remote_call(target, lambda caller: 1)


@pytest.mark.spec("GEN-4", "RPC-1")
async def test_a_remote_call_is_taken_back(server: BayeuxServer, alice: Peer) -> None:
    stop = server.remote_call("contacts", lambda caller, data: 1)
    stop()
    alice.publish("/service/contacts", 1)
    await turn()
    assert answers(alice) == []


@pytest.mark.spec("RPC-3", "GEN-2")
@pytest.mark.expected_logs("a remote call raised")
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"class": "Error", "message": "internal error"}),
        ({"rpc_hide_errors": False}, {"class": "LookupError", "message": "no such table"}),
    ],
    indirect=["options"],
)
async def test_an_exception_is_a_failure_that_tells_nothing_unless_told_to(
    server: BayeuxServer, alice: Peer, expected: Fields
) -> None:
    async def fails(caller: Caller, data: Any) -> None:
        raise LookupError("no such table")

    def fails_behind_its_answer(caller: Caller, data: Any) -> None:
        caller.result("before")
        raise LookupError

    server.remote_call("fails", fails)
    server.remote_call("late", fails_behind_its_answer)
    for target in ("fails", "late"):
        alice.publish(f"/service/{target}", None)
        await alice
    await turn()
    assert [(answer["data"], answer["successful"]) for answer in answers(alice)] == [
        (expected, False),
        ("before", True),
    ]


@pytest.mark.spec("RPC-3", "MSGX-6")
@pytest.mark.expected_logs("a remote call raised")
async def test_a_result_that_json_cannot_say_is_the_methods_fault(server: BayeuxServer, alice: Peer) -> None:
    async def unsayable(caller: Caller, data: Any) -> object:
        return object()

    def corrects_itself(caller: Caller, data: Any) -> None:
        with pytest.raises(TypeError):
            caller.result(object())
        assert caller.result("sayable")

    server.remote_call("a", unsayable)
    server.remote_call("b", corrects_itself)
    for target in ("a", "b"):
        alice.publish(f"/service/{target}", None)
        await alice
    await turn()
    assert [answer["successful"] for answer in answers(alice)] == [False, True]


@pytest.mark.spec("RPC-3", "GEN-3")
@pytest.mark.expected_logs("a remote call raised")
@pytest.mark.parametrize("options", [{"hook_timeout": 0.01, "rpc_hide_errors": False}], indirect=True)
@pytest.mark.parametrize("concurrent", [False, True])
async def test_a_method_that_never_returns_has_failed(server: BayeuxServer, alice: Peer, concurrent: bool) -> None:
    async def never(caller: Caller, data: Any) -> None:
        await asyncio.Event().wait()

    server.remote_call("never", never, concurrent=concurrent)
    alice.publish("/service/never", None)
    answered = asyncio.Event()
    alice.on_heard = lambda message: answered.set() if "data" in message else None
    await answered.wait()
    assert answers(alice)[0]["data"] == {"class": "TimeoutError", "message": ""}


@pytest.mark.spec("RPC-6")
async def test_what_is_refused_is_a_failed_reply_and_no_answer(server: BayeuxServer, alice: Peer) -> None:
    class Policy(SecurityPolicy):
        def can_publish(self, server: Any, session: Any, channel: Any, message: Any) -> bool:
            return channel.text != "/service/refused"

    server.policy = Policy()
    server.remote_call("refused", lambda caller, data: 1)
    server.remote_call("vetoed", lambda caller, data: 1)
    server.on("/service/*", lambda session, message: message.channel.text != "/service/vetoed")
    for target, error in (
        ("refused", "403:denied_by_security_policy:publish_denied"),
        ("vetoed", "404::message_deleted"),
    ):
        alice.publish(f"/service/{target}", None)
        assert alice.heard[-1]["error"] == error
    assert answers(alice) == []


@pytest.mark.spec("RPC-6")
@pytest.mark.parametrize("options", [{"rpc_strict": True}, {}], indirect=True)
async def test_a_target_that_nobody_answers_is_an_error_if_strict(
    server: BayeuxServer, alice: Peer, options: Options
) -> None:
    server.remote_call("room/{room}/list", lambda caller, data, room: 1)
    server.on("/service/heard", lambda *_: None)
    bob = Peer(server).handshake()
    news: list[Any] = []
    server.on("/a", news.append)
    for target in ("unknown", "room/blue", "room/blue/seats"):
        (reply,) = bob.publish(f"/service/{target}", None)
        assert reply.get("error") == ("404::unknown_target" if options.rpc_strict else None)
    for target in ("room/blue/list", "heard"):
        assert bob.publish(f"/service/{target}", None)[-1]["successful"]
    assert bob.publish("/nobody/subscribed", 1)[-1]["successful"]
    server.publish("/service/unknown", "the application knows what it does")


@pytest.mark.spec("RPC-7")
async def test_nobody_is_answered_whose_session_is_gone() -> None:
    clock = ManualClock()
    async with still_server(clock, Options(timeout=5, max_interval=5)) as server:
        waiting: list[Caller] = []
        server.remote_call("later", lambda caller, data: waiting.append(caller))
        alice = Peer(server).handshake()
        alice.publish("/service/later", 1)
        (caller,) = waiting
        assert not caller.cancelled
        await pass_time(server, clock, 20)
        assert caller.cancelled
        assert not caller.result("too late")


@pytest.mark.spec("RPC-4", "DEL-6", "EXN-3")
async def test_extensions_see_the_answer_as_what_is_delivered_to_one(server: BayeuxServer, alice: Peer) -> None:
    seen: list[Fields] = []

    class Sees(Extension):
        def outgoing(self, sender: Any, session: Any, event: Fields) -> None:
            seen.append(dict(event))

    server.extensions.append(Sees())
    alice.session.extensions.append(Sees())
    server.remote_call("contacts", lambda caller, data: 1)
    alice.publish("/service/contacts", None)
    await turn()
    assert seen == [answers(alice)[0]] * 2


@pytest.mark.spec("RPC-1", "PUB-2", "SRV-1")
@pytest.mark.parametrize("options", [{"allow_anonymous_publish": True}], indirect=True)
async def test_a_message_without_a_session_is_no_call(server: BayeuxServer) -> None:
    called: list[Caller] = []
    server.remote_call("contacts", lambda caller, data: called.append(caller))
    server.publish("/service/contacts", 1)
    assert Peer(server).publish("/service/contacts", 1)[-1]["successful"]
    assert called == []


@pytest.mark.spec("RPC-4", "LOC-7")
async def test_a_local_session_calls_too(server: BayeuxServer) -> None:
    server.remote_call("contacts", lambda caller, data: data * 2)
    bot, heard = server.new_local_session("bot"), list[Message]()
    await bot.handshake()
    bot.on("/service/contacts", heard.append)
    reply = await bot.publish("/service/contacts", 21)
    assert [message.fields for message in heard] == [
        {"channel": "/service/contacts", "id": reply["id"], "successful": True, "data": 42}, reply,
    ]  # fmt: skip


@pytest.mark.spec("RPC-2", "SVC-10", "BAT-1")
async def test_a_concurrent_method_answers_behind_its_reply(server: BayeuxServer, alice: Peer) -> None:
    gate = asyncio.Event()

    @server.remote_call("slow", concurrent=True)
    async def slow(caller: Caller, data: Any) -> str:
        await gate.wait()
        return "done"

    alice.publish("/service/slow", None)
    assert alice.is_answered
    gate.set()
    await turn()
    await turn()
    assert [message.get("data") for message in alice.heard[-2:]] == [None, "done"]
