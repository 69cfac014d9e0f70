"""The gateway's Bayeux endpoints: who may do what there, and who gets what."""

import asyncio
import base64
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from bayeux.client.client import BayeuxClient
from bayeux.client.errors import HandshakeRefused, PublishRefused, SubscribeRefused
from bayeux.client.subscription import Subscription
from gateway.development import SEND_TO_ME
from tests.gateway.conftest import Serve, Served

SAMPLES = {
    path.stem: json.loads(path.read_bytes())[0]["data"]
    for path in sorted((Path(__file__).parent.parent / "data" / "agent").glob("*.json"))
}
INTERACTIONS = "/v2/me/interactions"
TRANSPORTS = pytest.mark.parametrize("transport", ["websocket", "long-polling"])
USERS = (
    '[{"name": "Agent1", "password_hash": "$argon2id$v=19$m=8192,t=1,p=1$POgy2o5eP7c+jnCq1nM3fQ$gDo4LNnBVANvjBRKFR/YFpz'
    '0d90wCiJlL7GYXoODA8c", "roles": ["agent", "supervisor"]}, {"name": "Agent2", "password_hash": '
    '"$argon2id$v=19$m=8192,t=1,p=1$4giQKZOP1sr5ks99ZTd+HA$d74zpDSU6er1wVLlGsJXwAPaH1F2uXihLPruV7K4xiI"}]'
)
GRANTS = json.dumps(
    [
        {"roles": ["supervisor"], "operations": ["subscribe", "publish"], "channel": "/team/**"},
        {"users": ["Agent2"], "operations": ["publish"], "channel": "/team/notes"},
        {"users": ["*"], "operations": ["subscribe"], "channel": "/news/today"},
    ]
)


async def next_of(subscription: Subscription) -> Any:
    async with asyncio.timeout(30):
        return await anext(subscription)


async def serve_strictly(serve: Serve) -> Served:
    """A gateway as one would run it for real: two users, some grants, no development profile."""
    return await serve(dev=False, environment={"GATEWAY_AUTH__USERS": USERS, "GATEWAY_GRANTS": GRANTS})


@pytest.mark.spec("AG-100", "SEC-45", "HS-7")
@pytest.mark.parametrize("path", ["/cometd", "/genesys/cometd", "/api/v2/notifications"])
async def test_guests_are_refused_and_told_to_stay_away(serve: Serve, path: str) -> None:
    served = await serve_strictly(serve)
    answer = await served.get(
        path,
        method="POST",
        body='[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]',
        headers={"Content-Type": "application/json"},
    )
    assert json.loads(answer.body) == [
        {
            "channel": "/meta/handshake",
            "successful": False,
            "error": "403::handshake_denied",
            "advice": {"reconnect": "none"},
        }
    ]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.spec("SEC-45", "AG-100")
async def test_development_lets_guests_in_except_where_agents_are(serve: Serve) -> None:
    served = await serve()
    for path in ("/cometd", "/genesys/cometd"):
        async with served.client(path) as guest:
            async with await guest.subscribe("/demo/*") as demo:
                await guest.publish("/demo/hello", 1)
                assert (await next_of(demo)).data == 1
            with pytest.raises(SubscribeRefused):
                await guest.subscribe(INTERACTIONS)
    with pytest.raises(HandshakeRefused, match="403::handshake_denied"):
        await served.client("/api/v2/notifications").open()


@pytest.mark.spec("AG-10", "AG-12", "AG-100")
@TRANSPORTS
async def test_the_ways_to_sign_in(serve: Serve, transport: str) -> None:
    served = await serve(dev=True)
    token = served.gateway.agents.tokens.make("Agent1", now=time.time(), lifetime=60)
    cookie = f"JSESSIONID={(await served.gateway.agents.enter('Agent1'))[0]}"
    for shown in (
        {"auth": ("Agent1", "Agent1")},
        {"headers": {"Authorization": f"Bearer {token}"}},
        {"headers": {"Cookie": cookie}},
        {"ext": {"token": token}},
    ):
        client = BayeuxClient(served.origin + "/api/v2/notifications", transports=(transport,), **shown)
        async with client, await client.subscribe(INTERACTIONS) as own:
            await served.publish_to("Agent1", INTERACTIONS, "x")
            assert (await next_of(own)).data == "x"


@pytest.mark.spec("AG-100", "SEC-50")
@pytest.mark.parametrize("path", ["/cometd", "/api/v2/notifications"])
async def test_wrong_credentials_are_refused_also_where_guests_are_welcome(serve: Serve, path: str) -> None:
    served = await serve()
    mine = served.gateway.agents.tokens.make("Agent1", now=time.time(), lifetime=60)
    for shown in (
        {"ext": {"token": mine + "x"}},
        {"ext": {"token": 5}},
        {"ext": {"token": mine}, "auth": ("Agent2", "Agent2")},
    ):
        with pytest.raises(HandshakeRefused, match="403::handshake_denied"):
            await BayeuxClient(served.origin + path, **shown).open()


@pytest.mark.spec("AG-102", "AG-106", "SEC-44")
@TRANSPORTS
async def test_a_users_message_reaches_all_his_sessions_and_nobody_elses(serve: Serve, transport: str) -> None:
    served = await serve()
    names = ["Agent1", "Agent1", "Agent2", None]
    clients = [served.client(user=name, transports=(transport,)) for name in names]
    patterns = [INTERACTIONS, "/v2/me/*", "/**", "/**"]
    for client in clients:
        await client.open()
    first, second, other, guest = [
        await client.subscribe(pattern) for client, pattern in zip(clients, patterns, strict=True)
    ]
    answer = await served.publish_to("Agent1", INTERACTIONS, {"n": 1})
    assert json.loads(answer.body) == {"statusCode": 0, "sessions": 2}
    assert (await next_of(first)).data == (await next_of(second)).data == {"n": 1}
    # What comes after it shows that it was not sent to the others.
    await served.publish_to("Agent2", INTERACTIONS, {"n": 2})
    served.gateway.server.publish("/demo/end", "end")
    assert (await next_of(other)).data == {"n": 2}
    assert (await next_of(other)).data == "end"
    assert (await next_of(guest)).data == "end"
    for client in clients:
        await client.disconnect()


@pytest.mark.spec("AG-52", "AG-109", "AG-107")
@pytest.mark.parametrize("name", SAMPLES)
async def test_samples_arrive_as_they_were_sent(serve: Serve, name: str) -> None:
    served = await serve()
    data = SAMPLES[name]
    async with served.client(user="Agent1") as client, await client.subscribe(INTERACTIONS) as own:
        await served.publish_to("Agent1", INTERACTIONS, data)
        event = await next_of(own)
    assert json.dumps(event.data) == json.dumps(data)  # the order of the keys and their types, too
    assert (event.channel, event.fields, event.ext) == (INTERACTIONS, {}, {})


@pytest.mark.spec("AG-104", "SEC-45")
@pytest.mark.parametrize("pattern", [INTERACTIONS, "/v2/me/*", "/v2/me/**", "/v2/*", "/v2/**", "/*", "/**"])
async def test_an_agent_may_listen_to_his_own(serve: Serve, pattern: str) -> None:
    served = await serve_strictly(serve)
    async with served.client(user="Agent2") as client:
        await client.subscribe(pattern)


@pytest.mark.spec("AG-104", "SEC-45")
@pytest.mark.parametrize(
    "pattern", ["/v2/users/Agent1/interactions", "/v2/users/**", "/news/*", "/news", "/team/x", "/x", "/_genesys/x"]
)
async def test_and_to_nothing_else_that_was_not_granted(serve: Serve, pattern: str) -> None:
    served = await serve_strictly(serve)
    async with served.client(user="Agent2") as client:
        with pytest.raises(SubscribeRefused, match="403:denied_by_security_policy:subscribe_denied"):
            await client.subscribe(pattern)


@pytest.mark.spec("SEC-45")
async def test_grants_are_for_roles_users_or_everybody(serve: Serve) -> None:
    served = await serve_strictly(serve)
    async with served.client(user="Agent1") as supervisor, served.client(user="Agent2") as agent:
        await agent.subscribe("/news/today")
        await supervisor.subscribe("/news/today")
        team = await supervisor.subscribe("/team/**")
        await supervisor.publish("/team/plan", 1)
        await agent.publish("/team/notes", 2)
        assert [(await next_of(team)).data, (await next_of(team)).data] == [1, 2]
        with pytest.raises(PublishRefused):
            await agent.publish("/team/plan", 3)
        with pytest.raises(PublishRefused):
            await supervisor.publish("/news/today", 4)


@pytest.mark.spec("AG-104", "SEC-44", "SEC-45")
async def test_a_wildcard_shows_only_what_its_session_may_see_by_name(serve: Serve) -> None:
    """``/**`` is allowed for the sake of one's own messages; without this it would show what was granted to others."""
    served = await serve_strictly(serve)
    async with served.client(user="Agent2") as agent, await agent.subscribe("/**") as everything:
        served.gateway.server.publish("/team/secret", "not for agents")
        served.gateway.server.publish("/news/today", "for all")
        await served.publish_to("Agent2", INTERACTIONS, "own")
        assert [(await next_of(everything)).data, (await next_of(everything)).data] == ["for all", "own"]


@pytest.mark.spec("AG-105", "CM-14")
@pytest.mark.parametrize("channel", [INTERACTIONS, "/v2/me", "/v2/other", "/_genesys", "/_genesys/x"])
async def test_clients_do_not_publish_under_reserved_names(serve: Serve, channel: str) -> None:
    served = await serve()
    async with served.client(user="Agent1") as client, await client.subscribe("/**"):
        with pytest.raises(PublishRefused, match="publish_denied"):
            await client.publish(channel, {})


@pytest.mark.spec("AG-103", "SEC-42")
@pytest.mark.expected_logs("named the session of another")
async def test_a_session_does_not_answer_to_another_user(serve: Serve) -> None:
    served = await serve()
    async with served.client(user="Agent1", transports=("long-polling",)) as client:
        cookie = f"JSESSIONID={(await served.gateway.agents.enter('Agent2'))[0]}"
        message = {"channel": "/meta/subscribe", "clientId": client.client_id, "subscription": INTERACTIONS}
        answer = await served.get(
            "/cometd",
            method="POST",
            body=json.dumps([message]),
            headers={"Content-Type": "application/json", "Cookie": cookie},
        )
        assert json.loads(answer.body)[0]["error"] == "402::session_unknown"


@pytest.mark.spec("CM-9", "CM-12", "CM-1", "CM-4")
async def test_mounts_differ_in_cookie_path_and_advice(serve: Serve) -> None:
    served = await serve()
    paths, advice = {}, {}
    for path in ("/cometd", "/genesys/cometd"):
        for message in (
            {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]},
            {"channel": "/demo", "data": 1, "clientId": "gone"},
        ):
            answer = await served.get(
                f"{path}/handshake",
                method="POST",
                body=json.dumps(message),
                headers={"Content-Type": "application/json"},
            )
            if "Set-Cookie" in answer.headers:
                paths[path] = "Path=/genesys" in answer.headers["Set-Cookie"]
            else:
                advice[path] = json.loads(answer.body)[0].get("advice", {}).get("reconnect")
    assert paths == {"/cometd": False, "/genesys/cometd": True}
    assert advice == {"/cometd": None, "/genesys/cometd": "handshake"}


@pytest.mark.spec("HTTP-1")
async def test_one_connection_may_go_to_pages_and_bayeux_in_turn(serve: Serve) -> None:
    """A browser goes on to Bayeux with the connection over which it got the page."""
    served = await serve()
    reader, writer = await asyncio.open_connection(served.run.public.host, served.run.public.port)
    body = b'[{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"]}]'
    handshake = b"POST /cometd/handshake HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    for request in (b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n", handshake) * 2:
        writer.write(request)
        async with asyncio.timeout(30):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            length = re.search(rb"content-length: (\d+)", head.lower())
            assert length is not None
            await reader.readexactly(int(length[1]))
    writer.close()
    await writer.wait_closed()


@pytest.mark.spec("AG-14")
async def test_a_live_connect_keeps_the_http_session(serve: Serve) -> None:
    served = await serve()
    cookie, session = await served.gateway.agents.enter("Agent1")
    session.used_at = 0.0
    served.gateway.agents.http_sessions.idle = float("inf")
    async with served.client(headers={"Cookie": f"JSESSIONID={cookie}"}):
        connected_at = session.used_at
    assert connected_at > 0


@pytest.mark.spec("OPS-24")
async def test_development_sends_a_user_what_he_asks_for(serve: Serve) -> None:
    served = await serve()
    async with served.client(user="Agent1") as client, await client.subscribe(INTERACTIONS) as own:
        for wrong in (None, {"channel": "/news", "data": 0}, {"channel": "x", "data": 0}, {"channel": INTERACTIONS}):
            await client.publish(SEND_TO_ME, wrong)
        await client.publish(SEND_TO_ME, {"channel": INTERACTIONS, "data": {"state": "Invited"}})
        assert (await next_of(own)).data == {"state": "Invited"}
    strict = await serve_strictly(serve)
    async with strict.client(user="Agent1") as client:
        with pytest.raises(PublishRefused):
            await client.publish(SEND_TO_ME, {"channel": INTERACTIONS, "data": 1})


@pytest.mark.spec("OPS-61", "DSC-11")
@TRANSPORTS
async def test_a_drain_sends_clients_away_and_lets_nobody_in(serve: Serve, transport: str) -> None:
    served = await serve(["drain.spread=20ms"])
    async with served.client(user="Agent1", transports=(transport,)) as client:
        own = await client.subscribe(INTERACTIONS)
        await served.publish_to("Agent1", INTERACTIONS, "last")
        assert (await next_of(own)).data == "last"
        async with asyncio.timeout(30):
            await served.run.drain()
        ready = await served.get("/health/ready", internal=True)
        assert ready.code == 503
        assert served.gateway.server.is_draining
        with pytest.raises(OSError):
            await served.get("/health/live")


@pytest.mark.spec("AG-10")
async def test_signing_in_with_a_bayeux_request_sets_the_session_cookie(serve: Serve) -> None:
    """Later requests need only the cookie."""
    served = await serve()
    handshake = '[{"channel":"/meta/handshake","version":"1.0"}]'

    async def post(path: str, **headers: str) -> Any:
        headers["Content-Type"] = "application/json"
        return await served.get(path, method="POST", body=handshake, headers=headers)

    basic = "Basic " + base64.b64encode(b"Agent1:Agent1").decode()
    signed_in = await post("/api/v2/notifications", Authorization=basic)
    [cookie] = [line for line in signed_in.headers.get_list("Set-Cookie") if line.startswith("JSESSIONID=")]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    later = await post("/api/v2/notifications", Cookie=cookie.partition(";")[0])
    assert json.loads(later.body)[0]["successful"] is True
    elsewhere = await post("/cometd", Authorization=basic)
    assert not any(line.startswith("JSESSIONID=") for line in elsewhere.headers.get_list("Set-Cookie"))
