"""Two gateways on one Redis, in the test's own loop: what one knows, the other has to know."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketClientConnection, websocket_connect

from bayeux.backplane.redis import link
from bayeux.client.client import BayeuxClient
from bayeux.client.errors import RequestRefused
from bayeux.client.replay import ALL_RETAINED
from bayeux.protocol.errors import Unavailable
from gateway.auth.http_sessions import COOKIE
from gateway.http.internal import ask_gateway
from gateway.node import NodeOperations
from tests.gateway.conftest import TOKEN, Serve, Served
from tests.support.nodes_on_redis import TIMING
from tests.support.redis_server import RedisServer, has_redis, redis_server

pytestmark = [
    pytest.mark.skipif(not has_redis(), reason="redis-server is not installed: apt-get install redis-server"),
    # A lease is short, and a busy machine may be late to renew it: a moment later the node serves again.
    pytest.mark.expected_logs("this node was without its lease"),
]


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture(autouse=True)
def patient_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defaults are for machines that are not busy."""
    monkeypatch.setattr(link, "Timing", lambda: TIMING)


@pytest.fixture
async def pair(serve: Serve, redis: RedisServer) -> tuple[Served, Served]:
    redis.ask("FLUSHALL")
    settings = (f"redis={redis.url}", "acknowledge=true")
    nodes = await serve(settings), await serve(settings)
    async with asyncio.timeout(60):
        while not all(node.gateway.backplane and node.gateway.backplane.nodes for node in nodes):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return nodes


async def cookie_from(served: Served) -> dict[str, str]:
    """The header that an agent who signed in there sends from then on."""
    answer = await served.get("/api/v2/me", auth_username="Agent1", auth_password="Agent1")
    assert answer.code == 200
    value = answer.headers["Set-Cookie"].partition(";")[0]
    assert value.startswith(f"{COOKIE}=")
    return {"Cookie": value}


@pytest.mark.spec("AG-10", "AG-13", "AG-14", "OPS-42")
async def test_who_signed_in_at_one_node_is_known_at_the_other(pair: tuple[Served, Served]) -> None:
    here, there = pair
    cookie = await cookie_from(here)
    answers = [await node.get("/api/v2/me", headers=cookie) for node in (here, there, there)]
    assert [answer.code for answer in answers] == [200, 200, 200]
    assert len({answer.headers["X-CSRF-TOKEN"] for answer in answers}) == 1
    assert not any("Set-Cookie" in answer.headers for answer in answers)
    assert (await there.get("/api/v2/me", headers={"Cookie": f"{COOKIE}=0123"})).code == 403


@pytest.mark.spec("AG-100", "OPS-42")
async def test_a_cookie_of_another_node_signs_in_to_bayeux(pair: tuple[Served, Served]) -> None:
    here, there = pair
    cookie = await cookie_from(here)
    client = BayeuxClient(f"{there.origin}/api/v2/notifications", headers=cookie)
    async with client, await client.subscribe("/v2/me") as own:
        assert (await here.publish_to("Agent1", "/v2/me", "across")).code == 200
        assert (await anext(own)).data == "across"


@pytest.mark.spec("AG-14", "OPS-72")
@pytest.mark.parametrize("path", ["/api/v2/me", "/api/v2/notifications"])
async def test_without_redis_an_unknown_cookie_is_refused_for_now_and_not_for_good(
    pair: tuple[Served, Served], path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """403 would have the agent sign in again."""
    here, there = pair
    cookie = await cookie_from(here)

    async def away(key: str) -> None:
        raise Unavailable

    assert there.gateway.backplane is not None
    monkeypatch.setattr(there.gateway.backplane.sessions, "find", away)
    body = b'[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]'
    how = {"method": "POST", "body": body} if "notifications" in path else {}
    answer = await there.get(path, headers=cookie, **how)
    assert answer.code == 503 or b'"503::unavailable"' in answer.body
    assert (await here.get("/api/v2/me", headers=cookie)).code == 200


class Socket:
    """A WebSocket of Agent1, as a browser has one."""

    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self.events: list[Any] = []
        """What was told besides replies."""

    async def ask(self, message: dict[str, Any]) -> Any:
        """Send it; its reply."""
        await self._connection.write_message(json.dumps([{"id": "1", **message}]))
        while True:
            text = await self._connection.read_message()
            assert text is not None, self._connection.close_code
            replies = []
            for each in json.loads(text):
                (replies if "successful" in each else self.events).append(each)
            if replies:
                return replies[-1]

    async def until(self, data: Any) -> list[Any]:
        """The data of everything that is told up to this."""
        while not self.events or self.events[-1]["data"] != data:
            self.events += [each for each in json.loads(await self._connection.read_message() or "") if "data" in each]
        return [event["data"] for event in self.events]


@asynccontextmanager
async def socket_to(served: Served) -> AsyncIterator[Socket]:
    url = f"ws{served.origin.removeprefix('http')}/api/v2/notifications"
    authorization = base64.b64encode(b"Agent1:Agent1").decode()
    request = HTTPRequest(url, headers={"Authorization": f"Basic {authorization}"})
    connection = await websocket_connect(request)
    yield Socket(connection)
    connection.close()
    while await connection.read_message() is not None:
        pass


@pytest.mark.spec("SEC-44", "AG-104", "CLU-3")
async def test_a_wildcard_shows_only_what_is_granted_wherever_the_session_lives(pair: tuple[Served, Served]) -> None:
    """A session that moved must not see more than before: the guard of its wildcard comes along."""
    here, there = pair
    async with socket_to(here) as first, socket_to(there) as second:
        shaken = await first.ask(
            {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["websocket"]}
        )
        me = {"clientId": shaken["clientId"]}
        assert (await first.ask({"channel": "/meta/subscribe", "subscription": "/**", **me}))["successful"]
        assert (await second.ask({"channel": "/meta/connect", "connectionType": "websocket", **me}))["successful"]
        assert (len(here.gateway.server.sessions), len(there.gateway.server.sessions)) == (0, 1)
        for node in pair:
            node.gateway.server.publish("/v2/secret", "not granted")
            await node.publish_to("Agent2", "/v2/me", "for Agent2")
            await node.publish_to("Agent1", "/v2/me", "for Agent1")
        here.gateway.server.publish("/demo/open", "the end")
        assert await second.until("the end") == ["for Agent1", "for Agent1", "the end"]


@pytest.mark.spec("OPS-72")
async def test_publishing_without_redis_is_refused_for_now(
    pair: tuple[Served, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, _ = pair

    async def away(*_: object, **more: object) -> None:
        raise Unavailable

    monkeypatch.setattr(here.gateway.backplane, "publish", away)
    answer = await here.publish_to("Agent1", "/v2/me")
    assert answer.code == 503
    assert answer.headers["Retry-After"] == "2"
    async with here.client(user="Agent1") as client:
        with pytest.raises(RequestRefused, match="503"):
            await client.publish("/demo/hello", 1)


@pytest.mark.spec("RPL-1", "RPL-12", "OPS-42")
async def test_what_one_node_kept_is_replayed_by_the_other(serve: Serve, redis: RedisServer) -> None:
    redis.ask("FLUSHALL")
    kept = {"GATEWAY_RETENTION": '[{"channel": "/demo/**", "events": 2}]'}
    here, there = [await serve((f"redis={redis.url}",), environment=kept) for _ in range(2)]
    async with here.client(user="Agent1") as publisher:
        for number in range(4):
            await publisher.publish("/demo/news", number)
    reader = there.client(user="Agent2")
    async with reader, await reader.subscribe("/demo/news", replay=ALL_RETAINED) as news:
        assert [(await anext(news)).data for _ in range(2)] == [2, 3]


@pytest.mark.spec("OPS-46")
@pytest.mark.expected_logs("another node is called twin, too: give each gateway its own backplane.name")
async def test_two_gateways_of_one_name_are_told(
    serve: Serve, redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    redis.ask("FLUSHALL")
    for _ in range(2):
        await serve((f"redis={redis.url}", "backplane.name=twin"))
    async with asyncio.timeout(60):
        while "another node is called twin" not in caplog.text:  # noqa: ASYNC110 (they find each other by themselves)
            await asyncio.sleep(0.02)


async def kick(served: Served, token: str = TOKEN) -> Any:
    answer = await served.get(
        "/internal/kick",
        internal=True,
        method="POST",
        headers={"Authorization": f"Bearer {token}"},
        body='{"user": "Agent1"}',
    )
    assert answer.code == 200
    return json.loads(answer.body)


@pytest.mark.spec("OPS-10", "DSC-6")
async def test_kick_reaches_the_sessions_of_other_gateways(pair: tuple[Served, Served]) -> None:
    here, there = pair
    async with here.client(user="Agent1"), there.client(user="Agent1"), there.client(user="Agent2"):
        assert await kick(here) == {"statusCode": 0, "sessions": 2, "notAsked": []}
        assert [session.user for session in there.gateway.server.sessions] == ["Agent2"]


@pytest.mark.spec("OPS-10", "SEC-97")
@pytest.mark.expected_logs("another gateway could not be asked")
async def test_kick_tells_which_gateways_did_not_take_the_order(
    pair: tuple[Served, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = pair

    async def somewhere_else(operations: NodeOperations) -> list[str]:
        return [f"http://{there.run.public}"]  # where no orders are taken

    monkeypatch.setattr(NodeOperations, "other_gateways", somewhere_else)
    answer = await kick(here)
    assert (answer["sessions"], answer["notAsked"]) == (0, [f"http://{there.run.public}"])


@pytest.mark.expected_logs("another gateway could not be asked")
async def test_an_order_does_not_follow_redirects() -> None:
    shown: list[str] = []

    class Elsewhere(RequestHandler):
        def post(self) -> None:
            shown.append(self.request.headers.get("Authorization", ""))
            self.finish("{}")

    listening, port = bind_unused_port()

    class Away(RequestHandler):
        def post(self) -> None:
            self.redirect("/elsewhere", status=307)

    server = HTTPServer(Application([(r"/internal/kick", Away), (r"/elsewhere", Elsewhere)]))
    server.add_socket(listening)
    assert await ask_gateway(f"http://127.0.0.1:{port}", "/internal/kick", {}, TOKEN) is None
    assert shown == []
    server.stop()
