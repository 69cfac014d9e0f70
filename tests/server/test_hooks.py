"""Extensions, listeners, policy and authorizers: their order, their vetoes, their faults."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bayeux.protocol.channel import ChannelName
from bayeux.server import publication
from bayeux.server.extension import STOP, Extension
from bayeux.server.security import Denied, SecurityPolicy, Verdict
from bayeux.testing import ManualClock, Peer, still_server, turn


class Told(Extension):
    """Writes down what it sees."""

    def __init__(self, name: str, news: list[str]) -> None:
        self.name = name
        self.news = news

    def incoming(self, session: Any, message: Any) -> None:
        self.news.append(f"{self.name} in")

    def outgoing(self, sender: Any, session: Any, event: Any) -> None:
        self.news.append(f"{self.name} out")

    def outgoing_meta(self, session: Any, reply: Any) -> None:
        self.news.append(f"{self.name} reply")


@pytest.mark.spec("PUB-10", "LST-1", "EXN-2", "EXN-3", "BAT-7")
async def test_a_publish_passes_its_hooks_in_order() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        bob.subscribe("/w/x")
        server.extensions += [Told("server1", news), Told("server2", news)]
        alice.session.extensions.append(Told("sender", news))
        bob.session.extensions.append(Told("receiver", news))
        bob.session.listeners.message.append(lambda *_: news.append("delivered"))

        class Policy(SecurityPolicy):
            def can_publish(self, *_: Any) -> bool:
                news.append("policy")
                return True

        server.policy = Policy()
        server.on("/w/x", lambda *_: news.append("/w/x"))
        server.on("/**", lambda *_: news.append("/**"))
        server.on("/w/*", lambda *_: news.append("/w/*"))
        alice.publish("/w/x", 1)
        assert news == [
            "server1 in", "server2 in", "sender in", "policy", "/**", "/w/*", "/w/x", "server2 out", "server1 out",
            "receiver out", "delivered", "server2 reply", "server1 reply", "sender reply",
        ]  # fmt: skip


@pytest.mark.spec("PUB-7", "LST-8", "CH-12")
@pytest.mark.parametrize("channel", ["/w", "/service/w"])
async def test_a_listener_vetoes_with_false_and_nothing_else(channel: str) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        alice.subscribe("/w")
        server.on("/**", lambda _, message: {"no": False, "zero": 0, "none": None}[message.data])
        assert alice.publish(channel, "no")[-1]["error"] == "404::message_deleted"
        assert len(alice.session.queue) == 0
        assert alice.publish(channel, "zero")[-1]["successful"]
        assert alice.publish(channel, "none")[-1]["successful"]


@pytest.mark.spec("LST-8", "GEN-1")
@pytest.mark.parametrize("is_awaited", [False, True])
async def test_any_number_of_listeners_that_answer_something_are_asked_in_turn(is_awaited: bool) -> None:
    """Each of them was another level of the stack: hundreds filled it, and the publish was answered 500."""
    async with still_server(ManualClock()) as server:
        asked: list[int] = []

        async def later(n: int) -> str:
            asked.append(n)
            return "noted"

        def at_once(n: int) -> str:
            asked.append(n)
            return "noted"

        for n in range(1200):
            server.on("/w", lambda *_, n=n: later(n) if is_awaited else at_once(n))
        alice = await Peer(server).handshake()
        alice.publish("/w", 1)
        await alice
        assert asked == [*range(1200)]
        assert alice.replies[-1]["successful"]


@pytest.mark.spec("CN-24", "SES-7")
async def test_a_listener_may_veto_a_connect_and_the_session_stays_and_expires() -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        remove = server.on("/meta/connect", lambda *_: False)
        assert alice.connect().sent[0][0]["error"] == "404::message_deleted"
        assert alice.session.expires_at < float("inf")
        remove()
        assert alice.connect().sent[0][0]["successful"]


@pytest.mark.spec("HS-8", "LST-5", "EXN-4")
async def test_an_extension_that_stops_a_handshake_leaves_nothing_behind() -> None:
    class Stops(Extension):
        def incoming_meta(self, session: Any, message: Any) -> Any:
            return STOP

    async with still_server(ManualClock()) as server:
        server.extensions.append(Stops())
        [reply] = Peer(server).ask("/meta/handshake")
        assert reply["error"] == "404::message_deleted"
        assert reply["advice"] == {"reconnect": "none"}
        assert len(server.sessions) == 0


@pytest.mark.spec("MSG-3", "BAT-7")
async def test_a_body_whose_replies_were_all_stopped_is_answered_empty() -> None:
    class Mute(Extension):
        def outgoing_meta(self, session: Any, reply: Any) -> Any:
            return STOP

    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        server.extensions.append(Mute())
        assert alice.send(alice.message("/a", data=1)).sent == [[]]


@pytest.mark.spec("EXN-4", "EXN-8")
async def test_a_sessions_own_extension_changes_or_stops_only_its_copy() -> None:
    class Shouts(Extension):
        def outgoing(self, sender: Any, session: Any, event: Any) -> Any:
            event["data"] = event["data"].upper()
            return STOP if event["data"] == "SECRET" else None

    async with still_server(ManualClock()) as server:
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/w")
        alice.session.extensions.append(Shouts())
        server.publish("/w", "hello")
        server.publish("/w", "secret")
        assert [m.get("data") for m in alice.connect().sent[0]] == ["HELLO", None]
        assert [m.get("data") for m in bob.connect().sent[0]] == ["hello", "secret", None]


@pytest.mark.spec("BER-2", "GEN-2", "SEC-21")
@pytest.mark.expected_logs("raised")
async def test_hooks_that_raise_count_as_silence_and_a_raising_policy_as_no() -> None:
    def raises(*_: Any) -> None:
        raise RuntimeError("secret detail")

    class Broken(Extension):
        incoming = incoming_meta = outgoing = outgoing_meta = raises  # type: ignore[assignment]

    async with still_server(ManualClock()) as server:
        server.extensions.append(Broken())
        server.on("/w", raises)
        server.listeners.session_added.append(raises)
        server.listeners.subscribed.append(raises)
        server.on_channel_created("/**", raises)
        alice = Peer(server).handshake()
        alice.session.extensions.append(Broken())
        alice.session.listeners.message.append(raises)  # type: ignore[arg-type]
        alice.subscribe("/w")
        assert [m.get("data") for m in alice.publish("/w", 1)] == [1, None]

        class Raises(SecurityPolicy):
            can_handshake = can_create = can_subscribe = can_publish = raises  # type: ignore[assignment]

        server.policy = Raises()
        assert alice.publish("/w", 1)[-1]["error"] == "403:denied_by_security_policy:publish_denied"
        assert alice.publish("/x", 1)[-1]["error"] == "403:denied_by_security_policy:channel_create_denied"
        assert alice.subscribe("/w")["error"] == "403:denied_by_security_policy:subscribe_denied"
        assert alice.subscribe("/y")["error"] == "403:denied_by_security_policy:create_denied"
        assert Peer(server).ask("/meta/handshake")[0]["error"] == "403::handshake_denied"


@pytest.mark.interpreted("compiled modules call one another directly: nothing can be put between")
@pytest.mark.spec("BER-2", "SEC-21", "BAT-3")
@pytest.mark.expected_logs("processing a message failed")
async def test_a_fault_of_ours_is_one_messages_500_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()

        def explode(*_: Any) -> None:
            raise RuntimeError("secret detail")

        monkeypatch.setattr(publication, "publish", explode)
        answers = alice.send(alice.message("/w", data=1), alice.message("/meta/connect")).sent[0]
        assert [a.get("error") for a in answers] == ["500::internal_error", None]


@pytest.mark.spec("GEN-1", "BAT-1", "BAT-2", "CN-4", "BAT-4")
async def test_an_awaitable_hook_makes_its_message_wait_and_no_other_client() -> None:
    async with still_server(ManualClock()) as server:
        gate = asyncio.Event()

        async def waits(_: Any, message: Any) -> bool | None:
            await gate.wait()
            return None

        server.on("/slow", waits)
        alice, bob = Peer(server).handshake(), Peer(server).handshake()
        for peer in (alice, bob):
            peer.connect()
            peer.subscribe("/w")
        batch = alice.send(alice.message("/slow", data=1), alice.message("/w", data=2))
        assert bob.publish("/w", 3)[0]["data"] == 3
        assert batch.sent == []
        held = alice.connect()
        await turn()
        assert held.sent == [], "the batch will take what waits"
        gate.set()
        await turn()
        assert [m.get("data") for m in batch.sent[0]] == [3, 2, None, None]
        assert held.sent == []


@pytest.mark.spec("GEN-1")
async def test_hooks_run_in_a_task_once_they_are_awaited() -> None:
    async def needs_a_task(*_: Any) -> bool:
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        return True

    class Policy(SecurityPolicy):
        can_handshake = needs_a_task  # type: ignore[assignment]

    async with still_server(ManualClock()) as server:
        server.policy = Policy()
        alice = Peer(server)
        transport = alice.send(alice.message("/meta/handshake"))
        await turn()
        assert transport.sent[0][0]["successful"]


@pytest.mark.spec("SUB-3", "SUB-4", "SUB-5")
async def test_an_array_of_subscriptions_takes_effect_as_a_whole_or_not_at_all() -> None:
    class Policy(SecurityPolicy):
        def can_subscribe(self, server: Any, session: Any, channel: ChannelName, message: Any) -> Any:
            return Denied(reason="not_yours") if channel.text == "/secret" else True

    async with still_server(ManualClock(), policy=Policy()) as server:
        alice = Peer(server).handshake()
        assert alice.subscribe(["/a", "/secret", "/b"]) == {
            "id": "2",
            "channel": "/meta/subscribe",
            "subscription": ["/a", "/secret", "/b"],
            "successful": False,
            "error": "403:not_yours,/secret:subscribe_denied",
        }
        assert not alice.session.subscriptions
        assert server.channels.get("/a") is None
        assert alice.subscribe("/secret")["error"] == "403:not_yours:subscribe_denied"
        assert alice.subscribe("/meta/*")["error"] == "403:denied_by_security_policy:create_denied"
        assert alice.subscribe("/meta/connect")["error"] == "403:denied_by_security_policy:subscribe_denied"


@pytest.mark.spec("HS-7")
async def test_a_policy_may_choose_the_words_of_its_refusal() -> None:
    class Policy(SecurityPolicy):
        def can_handshake(self, server: Any, session: Any, message: Any) -> Any:
            return Denied(error="499:later:busy", advice={"interval": 9}, ext={"why": "x"})

    async with still_server(ManualClock(), policy=Policy()) as server:
        [reply] = Peer(server).ask("/meta/handshake")
        assert (reply["error"], reply["advice"], reply["ext"]) == (
            "499:later:busy",
            {"reconnect": "none", "interval": 9},
            {"why": "x"},
        )


class Says:
    """An authorizer with one answer."""

    def __init__(self, verdict: Any) -> None:
        self.verdict = verdict

    def authorize(self, *_: Any) -> Any:
        return self.verdict


@pytest.mark.spec("AUZ-4", "AUZ-5", "AUZ-6", "SUB-4", "PUB-6")
@pytest.mark.parametrize(
    ("verdicts", "reason"),
    [
        ([], None),
        ([Verdict.GRANT], None),
        ([Verdict.IGNORE, Verdict.GRANT], None),
        ([Verdict.IGNORE], "denied_by_not_granting"),
        ([Verdict.GRANT, Denied(reason="no_way")], "no_way"),
    ],
)
async def test_authorizers_decide_together(verdicts: list[Any], reason: str | None) -> None:
    async with still_server(ManualClock()) as server:
        alice = Peer(server).handshake()
        server.create_channel_if_absent("/w/x")[0]
        for verdict, channel in zip(verdicts, ("/w/x", "/w/*"), strict=False):
            server.guard(channel, Says(verdict))
        published, subscribed = alice.publish("/w/x", 1)[-1], alice.subscribe("/w/x")
        assert published.get("error") == (reason and f"403:{reason}:publish_denied")
        assert subscribed.get("error") == (reason and f"403:{reason}:subscribe_denied")


@pytest.mark.spec("CH-30", "CH-31", "CH-32", "SRV-3", "LST-7", "SEC-49")
async def test_channels_are_configured_once_and_swept_when_nobody_would_miss_them() -> None:
    async with still_server(ManualClock()) as server:
        news: list[str] = []
        server.listeners.channel_added.append(lambda channel: news.append(f"+{channel.name}"))
        server.listeners.channel_removed.append(lambda channel: news.append(f"-{channel.name}"))
        server.on_channel_created("/w/*", lambda channel: news.append(f"?{channel.name}"))
        alice = Peer(server).handshake()
        alice.subscribe("/w/kept")
        alice.publish("/w/gone", 1)
        alice.publish("/service/never", 1)
        server.create_channel_if_absent("/service/kept")[0]
        server.on("/listened", lambda *_: None)
        server.create_channel_if_absent("/weak")[0].add_listener(lambda *_: None, weak=True)
        for _ in range(2):
            server.channels.sweep()
        server.create_channel_if_absent("/w/gone")[0]
        for _ in range(2):
            server.channels.sweep()
        assert news[-1] == "-/weak"
        server.channels.sweep()
        assert news == [
            "?/w/kept", "+/w/kept", "?/w/gone", "+/w/gone", "+/service/kept", "+/listened", "+/weak",
            "-/weak", "-/w/gone",
        ]  # fmt: skip
        names = {channel.name.text for channel in server.channels}
        assert {"/w/kept", "/listened", "/service/kept"} < names


@pytest.mark.spec("WSEC-2", "SEC-1")
async def test_channels_are_bounded_where_asked() -> None:
    from bayeux.protocol.options import Options

    async with still_server(ManualClock(), Options(max_channels=1)) as server:
        alice = Peer(server).handshake()
        assert alice.publish("/one", 1)[-1]["successful"]
        assert alice.publish("/two", 1)[-1]["error"] == "403:limit:channel_create_denied"
        assert alice.subscribe("/two")["error"] == "403:limit:create_denied"
        assert alice.publish("/one", 1)[-1]["successful"]
