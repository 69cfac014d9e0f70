"""Ready-made authorizers, and the patterns through which guarded channels can be seen."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from typing import Any

import pytest

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.message import Message
from bayeux.server.authorizers import (
    ALL,
    CREATE,
    NONE,
    PUBLISH,
    SUBSCRIBE,
    Deny,
    Grant,
    covers,
    open_patterns,
    warn_of_open_patterns,
)
from bayeux.server.security import Denied, Operation, Verdict
from bayeux.testing import ManualClock, Peer, still_server

ORDERS = parse_channel("/orders/7")
MESSAGE = Message.of_application(ORDERS, None)
GRANTED, IGNORED, DENIED = Verdict.GRANT, Verdict.IGNORE, Denied(reason="denied_by_authorizer")


@dataclass
class Session:
    """What an authorizer looks at."""

    user: str | None = None
    roles: frozenset[str] = frozenset()


ALICE, BOB, NOBODY = Session("alice", frozenset({"clerk", "boss"})), Session("bob", frozenset({"clerk"})), Session()


async def answer(authorizer: Any, operation: Operation = Operation.PUBLISH, session: Session | None = ALICE) -> Any:
    given = authorizer.authorize(operation, ORDERS, session, MESSAGE)
    return await given if inspect.isawaitable(given) else given


@pytest.mark.spec("AUZ-8")
@pytest.mark.parametrize(
    "operations", [CREATE, SUBSCRIBE, PUBLISH, CREATE | SUBSCRIBE, SUBSCRIBE | PUBLISH, ALL, NONE, [Operation.CREATE]]
)
@pytest.mark.parametrize(("kind", "verdict"), [(Grant, GRANTED), (Deny, DENIED)])
async def test_operations_that_are_not_named_are_ignored(operations: Any, kind: Any, verdict: Any) -> None:
    authorizer = kind(operations)
    answers = {operation: await answer(authorizer, operation) for operation in Operation}
    assert answers == {operation: verdict if operation in operations else IGNORED for operation in Operation}


@pytest.mark.spec("AUZ-8")
@pytest.mark.parametrize(
    ("conditions", "who"),
    [
        ({}, [ALICE, BOB, NOBODY, None]),
        ({"users": "alice"}, [ALICE]),
        ({"users": ["alice", "bob"]}, [ALICE, BOB]),
        ({"users": []}, []),
        ({"roles": "clerk"}, [ALICE, BOB]),
        ({"roles": {"boss", "owner"}}, [ALICE]),
        ({"roles": "cle"}, []),
        ({"users": "bob", "roles": "boss"}, []),
        ({"roles": "clerk", "when": lambda *_: False}, []),
        ({"when": lambda operation, channel, session, message: session is BOB}, [BOB]),
    ],
)
async def test_all_conditions_must_fit(conditions: Any, who: list[Session | None]) -> None:
    for session in (ALICE, BOB, NOBODY, None):
        assert await answer(Grant(ALL, **conditions), session=session) is (GRANTED if session in who else IGNORED)
        assert await answer(Deny(ALL, **conditions), session=session) == (DENIED if session in who else IGNORED)


@pytest.mark.spec("AUZ-8", "GEN-1")
async def test_a_predicate_may_be_awaited_and_is_asked_last() -> None:
    asked: list[Any] = []

    async def is_member(*arguments: Any) -> bool:
        await asyncio.sleep(0)
        asked.append(arguments)
        return True

    authorizer = Grant(PUBLISH, roles="boss", when=is_member)
    assert await answer(authorizer) is GRANTED
    assert await answer(authorizer, session=BOB) is IGNORED
    assert await answer(authorizer, Operation.CREATE) is IGNORED
    assert asked == [(Operation.PUBLISH, ORDERS, ALICE, MESSAGE)]


@pytest.mark.spec("AUZ-8")
async def test_a_denial_gives_its_reason() -> None:
    assert await answer(Deny(PUBLISH, reason="closed")) == Denied(reason="closed")


@pytest.mark.spec("AUZ-7")
def test_a_policy_can_ask_which_patterns_see_a_channel() -> None:
    secret = parse_channel("/a/secret")
    seen_by = ["/a/secret", "/a/*", "/a/**", "/**"]
    assert [covers(pattern, "/a/secret") for pattern in seen_by] == [True] * 4
    assert [covers(pattern, secret) for pattern in ("/*", "/a", "/a/secret/*", "/b/**")] == [False] * 4
    assert covers(parse_channel("/a/**"), "/a/b/*")


@dataclass
class Channel:
    """What the search looks at."""

    name: Any
    authorizers: list[Any]

    @property
    def is_guarded(self) -> bool:
        return bool(self.authorizers)


def channels(**guarded: Any) -> list[Any]:
    """Channels by name, ``_`` for ``/`` and ``any`` for ``*``, each with one authorizer; and one without."""
    names = {name.replace("_", "/").replace("any", "*"): each for name, each in guarded.items()}
    return [Channel(parse_channel("/free"), []), *(Channel(parse_channel(name), [a]) for name, a in names.items())]


@pytest.mark.spec("AUZ-7")
@pytest.mark.parametrize(
    ("guarded", "found"),
    [
        ({"_a_secret": Deny()}, {"/a/secret": ["/**", "/a/**", "/a/*"]}),
        ({"_a_secret": Grant(ALL, roles="boss")}, {"/a/secret": ["/**", "/a/**", "/a/*"]}),
        ({"_a_secret": Grant(PUBLISH)}, {"/a/secret": ["/**", "/a/**", "/a/*"]}),
        ({"_a_secret": Grant(SUBSCRIBE)}, {}),
        ({"_a_secret": Deny(), "_a_anyany": Deny()}, {"/a/secret": ["/**"], "/a/**": ["/**"]}),
        ({"_a_secret": Deny(), "_a_any": Deny()}, {"/a/secret": ["/**", "/a/**"], "/a/*": ["/**", "/a/**"]}),
        ({"_a_secret": Deny(), "_anyany": Grant(CREATE)}, {}),
        ({"_a_secret": Deny(), "_anyany": Grant(ALL)}, {"/a/secret": ["/**", "/a/**", "/a/*"]}),
        ({"_anyany": Deny()}, {}),
        ({"_service_secret": Deny()}, {}),
        ({}, {}),
    ],
)
def test_patterns_that_show_a_guarded_channel_and_are_not_guarded_are_found(guarded: Any, found: Any) -> None:
    assert open_patterns(channels(**guarded)) == found


@pytest.mark.spec("AUZ-7")
@pytest.mark.expected_logs(r"/a/secret through /\*\*, /a/\*\*, /a/\*. Guard these patterns")
def test_open_patterns_are_warned_of_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_open_patterns(channels(_a_secret=Deny()))
    warn_of_open_patterns(channels(_anyany=Deny()))
    assert len(caplog.records) == 1


@pytest.mark.expected_logs("and 15 more")
def test_the_warning_does_not_grow_with_the_channels(caplog: pytest.LogCaptureFixture) -> None:
    warn_of_open_patterns([Channel(parse_channel(f"/{n}"), [Deny()]) for n in range(25)])  # type: ignore[misc]
    assert len(caplog.records) == 1


@pytest.mark.spec("AUZ-5", "AUZ-8")
async def test_a_server_goes_by_them() -> None:
    async with still_server(ManualClock()) as server:
        server.guard("/orders/**", Grant(CREATE | SUBSCRIBE, roles="clerk"))
        server.guard("/orders/**", Grant(ALL, users="boss"))
        server.guard("/orders/closed", Deny(PUBLISH, reason="closed"))
        clerk = Peer(server, user="carl", roles=frozenset({"clerk"})).handshake()
        boss = Peer(server, user="boss").handshake()
        assert clerk.subscribe("/orders/7")["successful"]
        assert clerk.publish("/orders/7", 1)[-1]["error"] == "403:denied_by_not_granting:publish_denied"
        assert boss.publish("/orders/7", 1)[-1]["successful"]
        assert boss.publish("/orders/closed", 1)[-1]["error"] == "403:closed:publish_denied"
