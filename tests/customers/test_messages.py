"""Messages between an agent and an app, as both ask for them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bayeux.server.server import BayeuxServer
from bayeux.testing import Peer, turn
from channels.private import CUSTOMER, PRIVATE_PREFIXES
from gateway.auth.customers import bayeux_user
from gateway.customers.side import CustomerSide
from gateway.push.messages import LARGEST
from gateway.push.provider import Device
from gateway.push.push import MOST_KEPT
from gateway.store.turn import Turn, decided
from tests.customers.conftest import ALICE, BOB, FORM, JSON, Api, Clock

DISPLAYED = "Message to be displayed to user"
FOR_APPS = "MESSAGE_FOR_MOBILE_APP_INTERNAL_USE"


class Line:
    """An instance, its agent and its app."""

    def __init__(self, api: Api, side: CustomerSide, clock: Clock, id: str) -> None:
        self.api = api
        self.side = side
        self.clock = clock
        self.id = id

    async def ask(self, method: str, verb: str = "POST", query: str = "", **values: Any) -> tuple[int, Any]:
        body = {} if verb == "GET" else {"body": json.dumps(values)}
        return await self.api.ask(f"/service/{self.id}/{method}{query}", verb, headers=JSON | ALICE, **body)

    async def notify(self, **values: Any) -> tuple[int, Any]:
        return await self.ask("internal-notification", **values)

    async def retrieve(self, **more: Any) -> Any:
        status, answer = await self.ask("retrieve-notifications", **more)
        assert status == 200
        return answer

    async def enable_push(self) -> None:
        part, device, until = self.side.pushing, Device(type="comet", id="alice"), self.clock() + 86400
        await decided(
            part.room,
            lambda turn: part.push.subscribe(turn, instance=self.id, user="alice", device=device, until=until),
            self._turn,
        )

    def _turn(self) -> Turn:
        return Turn(self.side.pushing.room, self.clock())


@pytest.fixture
async def line(api: Api, side: CustomerSide, clock: Clock) -> Line:
    def begin() -> Turn:
        return Turn(side.pushing.room, clock())

    instance, _ = await decided(
        side.pushing.room,
        lambda turn: side.instances.create(
            turn, service="chat", name="chat", kind="callback", user="alice", ttl=3600.0, values={}
        ),
        begin,
    )
    return Line(api, side, clock, instance.id)


@pytest.mark.spec("IN-1", "IN-2", "IN-5")
@pytest.mark.parametrize("method", ["internal-notification", "poke"])
async def test_what_cannot_be_pushed_waits_for_who_asks_for_it(line: Line, method: str) -> None:
    sent = await line.ask(method, _display_message=DISPLAYED, _application_message=FOR_APPS)
    assert sent == (200, {"message": "Notification Sent"})
    await line.notify(_display_message="second")
    expected = [
        {"_internal_message": FOR_APPS, "_id": line.id, "_display_message": DISPLAYED},
        {"_id": line.id, "_display_message": "second"},
    ]
    assert await line.retrieve() == expected
    assert await line.retrieve() == []


@pytest.mark.spec("IN-10")
async def test_a_look_leaves_them(line: Line) -> None:
    await line.notify(_display_message="1")
    assert len(await line.retrieve(query="?peek=true")) == 1
    assert len(await line.retrieve()) == 1
    assert await line.retrieve() == []


@pytest.mark.spec("IN-10")
async def test_they_are_to_be_had_by_get_too(line: Line) -> None:
    await line.notify(_display_message="1")
    assert len(await line.retrieve(verb="GET", query="?peek=true")) == 1
    assert len(await line.retrieve(verb="GET")) == 1
    assert await line.retrieve(verb="GET") == []


@pytest.mark.spec("IN-3")
async def test_other_parameters_are_passed_on_but_for_reserved_ones(line: Line) -> None:
    await line.notify(_display_message="1", order="7", _secret="x")
    assert await line.retrieve() == [{"_id": line.id, "_display_message": "1", "order": "7"}]


@pytest.mark.spec("IN-1")
@pytest.mark.parametrize("method", ["internal-notification", "agent-notification"])
async def test_an_empty_message_is_refused(line: Line, method: str) -> None:
    assert (await line.ask(method, other="1"))[0] == 400


@pytest.mark.spec("IN-12")
@pytest.mark.parametrize("method", ["internal-notification", "agent-notification"])
async def test_a_message_has_a_bounded_size(line: Line, method: str) -> None:
    assert (await line.ask(method, _display_message="x" * LARGEST))[0] == 413
    assert (await line.ask(method, _display_message="x" * (LARGEST - 200)))[0] == 200


@pytest.mark.spec("IN-12")
async def test_of_too_many_the_oldest_go(line: Line) -> None:
    for number in range(MOST_KEPT + 3):
        await line.notify(_display_message=str(number))
    kept = [each["_display_message"] for each in await line.retrieve()]
    assert kept == [str(number) for number in range(3, MOST_KEPT + 3)]
    assert line.side.pushing.push.polled.dropped == 3


@pytest.mark.spec("IN-7", "IN-8", "IN-9")
async def test_what_is_for_the_agent_waits_for_his_desktop(line: Line) -> None:
    sent = await line.ask("agent-notification", _display_message="hello", _application_message="APP")
    assert sent == (200, {"message": "Notification Sent"})
    status, [kept] = await line.ask("retrieve-agent-notifications")
    assert status == 200
    assert kept["tag"] == f"agent.message.{line.id}"
    assert isinstance(kept["message"], str)
    assert json.loads(kept["message"]) == {"_id": line.id, "_internal_message": "APP", "_display_message": "hello"}
    assert await line.ask("retrieve-agent-notifications") == (200, [])
    assert await line.retrieve() == []


@pytest.mark.spec("IN-13")
@pytest.mark.parametrize(
    "method",
    ["internal-notification", "poke", "retrieve-notifications", "agent-notification", "retrieve-agent-notifications"],
)
async def test_of_an_instance_that_there_is_not_nothing_is_said(line: Line, method: str) -> None:
    line.id = "1-nobody"
    assert (await line.ask(method, _display_message="1"))[0] == 404


@pytest.mark.spec("IN-13", "AUTH-6")
async def test_of_an_instance_that_is_over_nothing_is_left(line: Line) -> None:
    await line.notify(_display_message="1")
    line.clock.now += 3601
    assert (await line.ask("retrieve-notifications"))[0] == 404


@pytest.mark.spec("AUTH-6")
async def test_another_user_retrieves_nothing(line: Line) -> None:
    await line.notify(_display_message="1")
    path = f"/service/{line.id}/retrieve-notifications"
    assert (await line.api.ask(path, "POST", headers=FORM | BOB, body=""))[0] == 404


@pytest.mark.spec("AUTH-7")
@pytest.mark.parametrize("settings", [{"api_key": "s3cret"}])
async def test_agents_requests_show_the_key_where_there_is_one(line: Line) -> None:
    assert (await line.notify(_display_message="1"))[0] == 403
    assert (await line.ask("retrieve-agent-notifications"))[0] == 403
    assert (await line.ask("agent-notification", _display_message="1"))[0] == 200
    path = f"/service/{line.id}/internal-notification"
    shown = FORM | {"X-Api-Key": "s3cret"}
    assert (await line.api.ask(path, "POST", headers=shown, body="_display_message=1"))[0] == 200


@pytest.fixture
async def server(side: CustomerSide) -> AsyncIterator[BayeuxServer]:
    """That of the side, at work."""
    server = side.pushing.reader.server
    await server.start()
    yield server
    await server.stop(timeout=0.2)


def device(server: BayeuxServer) -> Peer:
    peer = Peer(server, user=bayeux_user("alice")).handshake()
    peer.connect()
    peer.subscribe(CUSTOMER)
    peer.connect()
    return peer


async def until_idle(side: CustomerSide) -> None:
    """What there is to give is given."""
    for _ in range(3):
        await side.pushing.reader.look(everywhere=True)
        await side.pushing.reader.serve()
        await turn()


private = pytest.mark.parametrize("options", [{"private_prefixes": PRIVATE_PREFIXES}], ids=[""])


@private
@pytest.mark.spec("IN-4", "PN-5")
async def test_what_is_pushed_is_not_kept(line: Line, side: CustomerSide, server: BayeuxServer) -> None:
    await line.enable_push()
    app = device(server)
    await until_idle(side)
    await line.notify(_display_message=DISPLAYED, _application_message=FOR_APPS)
    await until_idle(side)
    [event] = app.events
    assert event["data"]["tag"] == f"service.message.{line.id}"
    assert event["data"]["message"] == {
        "_internal_message": FOR_APPS, "_id": line.id, "_display_message": DISPLAYED
    }  # fmt: skip
    assert await line.retrieve() == []


@private
@pytest.mark.spec("IN-6")
@pytest.mark.parametrize("asks_first", [False, True])
async def test_what_reached_no_device_is_delivered_in_one_way_once(
    line: Line, side: CustomerSide, server: BayeuxServer, asks_first: bool
) -> None:
    await line.enable_push()
    await line.notify(_display_message="1")
    if asks_first:
        assert len(await line.retrieve()) == 1
    app = device(server)
    await until_idle(side)
    assert len(app.events) == (0 if asks_first else 1)
    assert await line.retrieve() == []
