"""The notification API, as apps and servers ask it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import jwt
import pytest

from gateway.customers.side import CustomerSide
from gateway.store.turn import Turn, decided
from tests.customers.conftest import ALICE, BOB, FORM, JSON, Api, Clock

KEY = {"X-Api-Key": "s3cret"}
with_key = pytest.mark.parametrize("settings", [{"api_key": "s3cret"}])


def subscription(**more: Any) -> dict[str, Any]:
    return {"subscriberId": "me", "notificationDetails": {"type": "comet"}, "filter": "*", **more}


async def subscribe(api: Api, headers: Mapping[str, str], **more: Any) -> tuple[int, Any]:
    return await api.ask(
        "/notification/subscription", "POST", headers={**JSON, **headers}, body=json.dumps(subscription(**more))
    )


async def publish(api: Api, headers: Mapping[str, str] = {}, **sent: Any) -> tuple[int, str | None]:
    answer = await api.fetch(
        "/genesys/1/notification/publish", "POST", headers={**JSON, **headers}, body=json.dumps(sent)
    )
    return answer.code, answer.headers.get("X-Delivered")


async def instance(side: CustomerSide, clock: Clock, user: str) -> str:
    made, _ = await decided(
        side.pushing.room,
        lambda turn: side.instances.create(
            turn, service="chat", name="chat", kind="callback", user=user, ttl=3600.0, values={}
        ),
        lambda: Turn(side.pushing.room, clock()),
    )
    return made.id


async def mailbox(side: CustomerSide, user: str) -> list[Any]:
    mailboxes = side.pushing.mailboxes
    (found,) = await mailboxes.look([user])
    notices = await mailboxes.notices([(user, slot.id) for slot in found.slots])
    return [each.body for each in notices.values()]


@pytest.mark.spec("NT-1", "NT-7", "NT-10")
async def test_an_app_hears_of_what_is_about_its_user(api: Api, side: CustomerSide, clock: Clock) -> None:
    for user in (ALICE, BOB):
        status, answer = await subscribe(api, user)
        assert status == 200
        assert len(answer["id"]) == 32
    id = await instance(side, clock, "alice")
    message = json.dumps({"_id": id, "_action": "get-dialog"})
    assert await publish(api, message=message, tag=f"service.agentavailable.{id}") == (200, "1")
    [told] = await mailbox(side, "alice")
    assert told["message"] == {"_id": id, "_action": "get-dialog"}
    assert told["tag"] == f"service.agentavailable.{id}"
    assert await mailbox(side, "bob") == []


@with_key
@pytest.mark.spec("NT-7", "AUTH-7")
async def test_a_server_hears_of_everything(api: Api, side: CustomerSide, clock: Clock) -> None:
    details = {"type": "comet", "deviceId": "wallboard"}
    assert (await subscribe(api, KEY, notificationDetails=details))[0] == 200
    id = await instance(side, clock, "alice")
    assert await publish(api, KEY, message="hello", tag=f"service.message.{id}") == (200, "1")
    assert [each["message"] for each in await mailbox(side, "wallboard")] == ["hello"]


@with_key
@pytest.mark.spec("NT-7", "AUTH-7")
async def test_who_is_no_server_has_to_name_a_user(api: Api) -> None:
    assert (await subscribe(api, {}))[0] == 403


@pytest.mark.spec("NT-7", "AUTH-7")
async def test_where_servers_are_not_known_nobody_hears_of_everything(api: Api) -> None:
    assert (await subscribe(api, {}, notificationDetails={"type": "comet", "deviceId": "x"}))[0] == 403


@pytest.mark.spec("NT-6")
async def test_a_filter_chooses(api: Api, side: CustomerSide, clock: Clock) -> None:
    await subscribe(api, ALICE, filter="service.agentavailable.*")
    id = await instance(side, clock, "alice")
    assert await publish(api, message="1", tag=f"service.message.{id}") == (200, "0")
    assert await publish(api, message="2", tag=f"service.agentavailable.{id}") == (200, "1")


@pytest.mark.spec("NT-11")
async def test_where_nobody_subscribed_nobody_is_told(api: Api) -> None:
    assert await publish(api, message="1", tag="service.message.nobody") == (200, "0")


@pytest.mark.spec("NT-11", "NT-9")
@pytest.mark.parametrize(
    "sent",
    [
        {"message": "1"},
        {"tag": "a"},
        {"message": "", "tag": "a"},
        {"message": "1", "tag": 5},
        {"message": 1, "tag": "a"},
        {"message": "1", "tag": "a", "mediaType": "text"},
        {"message": "1", "tag": "a" * 300},
        {"message": "1", "tag": "a", "notificationDetails": []},
    ],
)
async def test_what_tells_nothing_is_refused(api: Api, sent: dict[str, Any]) -> None:
    assert (await publish(api, **sent))[0] == 400


@pytest.mark.spec("NT-9")
async def test_a_message_has_a_bounded_size(api: Api) -> None:
    assert (await publish(api, message="x" * 70_000, tag="a"))[0] == 413


@pytest.mark.spec("NT-9")
async def test_what_an_orchestrators_page_wraps_is_understood(api: Api, side: CustomerSide, clock: Clock) -> None:
    await subscribe(api, ALICE)
    id = await instance(side, clock, "alice")
    assert await publish(api, data={"content": {"message": "1", "tag": f"service.message.{id}"}}) == (200, "1")


@with_key
@pytest.mark.spec("AUTH-7", "NT-9")
async def test_an_app_does_not_publish(api: Api) -> None:
    assert (await publish(api, message="1", tag="a"))[0] == 403


@pytest.mark.spec("NT-2")
@pytest.mark.parametrize("path", ["/notification/subscription", "/notification/publish"])
async def test_json_alone_is_taken(api: Api, path: str) -> None:
    refused = await api.refused(path, "POST", headers=FORM | ALICE, body="subscriberId=1&filter=*")
    assert refused == (415, "MediaTypeException")


@pytest.mark.spec("NT-1", "NT-3")
@pytest.mark.parametrize(
    "wrong",
    [
        {"subscriberId": None},
        {"filter": ""},
        {"filter": "x" * 300},
        {"notificationDetails": None},
        {"notificationDetails": {"type": "palm"}},
        {"notificationDetails": {"type": "ios", "deviceId": "1"}},
        {"notificationDetails": {"type": "comet", "properties": {"a": []}}},
        {"expire": "soon"},
        {"expire": True},
    ],
    ids=str,
)
async def test_what_is_no_subscription_is_refused(api: Api, wrong: dict[str, Any]) -> None:
    assert (await subscribe(api, ALICE, **wrong))[0] == 400


@pytest.mark.spec("NT-4")
@pytest.mark.parametrize(("expire", "lives"), [(None, 30), (5, 30), (60, 60), ("90", 90)])
async def test_it_lives_for_thirty_seconds_or_longer(
    api: Api, side: CustomerSide, clock: Clock, expire: Any, lives: int
) -> None:
    await subscribe(api, ALICE, expire=expire)
    tag = f"service.message.{await instance(side, clock, 'alice')}"
    clock.now += lives - 1
    assert await publish(api, message="1", tag=tag) == (200, "1")
    clock.now += 2
    assert await publish(api, message="2", tag=tag) == (200, "0")


@pytest.mark.spec("NT-5")
async def test_it_ends_when_its_owner_says_so(api: Api, side: CustomerSide, clock: Clock) -> None:
    _, answer = await subscribe(api, ALICE)
    path = f"/genesys/1/notification/subscription/{answer['id']}"
    assert (await api.fetch(path, "DELETE", headers=BOB)).code == 404
    assert (await api.fetch(path, "DELETE")).code == 404
    done = await api.fetch(path, "DELETE", headers=ALICE)
    assert (done.code, done.body) == (200, b"")
    assert (await api.fetch(path, "DELETE", headers=ALICE)).code == 404
    tag = f"service.message.{await instance(side, clock, 'alice')}"
    assert await publish(api, message="1", tag=tag) == (200, "0")


@pytest.mark.spec("NT-5")
async def test_there_are_bounded_many(api: Api) -> None:
    answers = [(await subscribe(api, ALICE))[0] for _ in range(101)]
    assert answers == [200] * 100 + [503]
    assert (await subscribe(api, BOB))[0] == 200


KEY_OF_USERS = "k" * 32


@pytest.mark.spec("AUTH-8", "CM-23")
@pytest.mark.parametrize("settings", [{"user_token_key": KEY_OF_USERS}])
async def test_where_proofs_are_demanded_an_app_proves_its_user(api: Api, side: CustomerSide, clock: Clock) -> None:
    """Also for what it has begun: who names no user has nobody's."""
    claims = {"sub": "alice", "exp": time.time() + 60}
    shown = {"Authorization": f"Bearer {jwt.encode(claims, KEY_OF_USERS, algorithm='HS256')}"}
    assert (await subscribe(api, ALICE))[0] == 401
    assert (await subscribe(api, BOB | shown))[0] == 401
    assert (await subscribe(api, ALICE | shown))[0] == 200
    path = f"/service/{await instance(side, clock, 'alice')}/retrieve-notifications"
    assert (await api.ask(path))[0] == 404
    assert (await api.ask(path, headers=ALICE | shown))[0] == 200
