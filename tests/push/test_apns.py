"""Notices to devices of Apple, at a server of HTTP/2 in Apple's place."""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest

from gateway.push.provider import DeliveryFailed, Device
from gateway.push.providers.apns import MOST_BYTES, Apns, payload
from gateway.push.providers.apns_token import LIFE, YOUNGEST
from gateway.push.providers.options import Chosen, PushOptions
from gateway.push.providers.providers import Providers
from tests.outgoing.other_host import PUBLIC, Names, Rerouted
from tests.push.provider_parts import ID, TOKEN, apple_key, notice
from tests.support.certificates import certified
from tests.support.http2_server import Asked, Http2Server, Said, http2_server

NOW = 1_700_000_000.0
SHOWN = {
    "apple.alertMessage.title": "Help",
    "apple.alertMessage.body": "An agent is near",
    "apple.badge": "1",
    "apple.sound": "ping.aiff",
}
DEVICE = Device(type="ios", id=TOKEN)
TRUST = certified("api.push.apple.com", "api.sandbox.push.apple.com", speech=("h2",))
SAMPLE = Path(__file__).parent.parent / "samples" / "gms" / "10-voice-userorig-delay-create.push.json"


@dataclass
class Apple:
    """The stand-in and our way to it."""

    server: Http2Server
    network: Rerouted
    providers: Providers
    public_key: Any
    time: list[float] = field(default_factory=lambda: [NOW])

    @property
    def apns(self) -> Apns:
        found = self.providers.get("ios")
        assert isinstance(found, Apns)
        return found

    @property
    def last(self) -> Asked:
        return self.server.asked[-1]

    def tokens(self) -> list[str]:
        return [each.headers["authorization"] for each in self.server.asked]


@asynccontextmanager
async def apple(
    tmp_path: Path, answer: Said | None = None, password: bytes = b"", more: Mapping[str, str] | None = None
) -> AsyncIterator[Apple]:
    options, public_key = apple_key(tmp_path, password)
    async with http2_server(lambda _: answer or Said(), TRUST.server) as server:
        names = Names(api_push_apple_com=[PUBLIC], api_sandbox_push_apple_com=[PUBLIC])
        network = Rerouted(server.port)
        time = [NOW]
        push = PushOptions(general={**options, **SHOWN, **(more or {})})
        providers = Providers(push, ["ios"], now=lambda: time[0], tls=TRUST.client, resolve=names, network=network)
        try:
            yield Apple(server, network, providers, public_key, time)
        finally:
            await providers.close()


@pytest.mark.spec("NT-15", "NT-16", "PN-6")
async def test_a_notice_is_one_request_of_http2(tmp_path: Path) -> None:
    """What the vendor's sample 10 prints is what the app reads, beside what the device shows."""
    async with apple(tmp_path) as there:
        await there.apns.deliver(notice(until=NOW + 30), DEVICE)
    headers = there.last.headers
    assert (headers[":method"], headers[":path"]) == ("POST", f"/3/device/{TOKEN}")
    assert (headers[":scheme"], headers[":authority"]) == ("https", "api.push.apple.com")
    assert headers["apns-topic"] == "com.example.app"
    assert headers["apns-push-type"] == "alert"
    assert headers["apns-priority"] == "10"
    assert headers["apns-expiration"] == str(int(NOW) + 30)
    assert uuid.UUID(headers["apns-id"]).hex == ID
    told = json.loads(there.last.body)
    assert told.pop("aps") == {"alert": {"title": "Help", "body": "An agent is near"}, "badge": 1, "sound": "ping.aiff"}
    assert told == json.loads(SAMPLE.read_text("utf-8"))
    assert there.server.names == ["api.push.apple.com"]
    assert there.network.asked == [(PUBLIC, 443)]


@pytest.mark.spec("NT-15")
@pytest.mark.parametrize("password", [b"", b"of the key"])
async def test_the_token_is_signed_by_the_teams_key(tmp_path: Path, password: bytes) -> None:
    async with apple(tmp_path, password=password) as there:
        await there.apns.deliver(notice(), DEVICE)
    scheme, token = there.last.headers["authorization"].split()
    assert scheme == "bearer"
    assert jwt.get_unverified_header(token) == {"alg": "ES256", "kid": "ABC123DEFG"}
    claims = jwt.decode(token, there.public_key, algorithms=["ES256"], options={"verify_iat": False})
    assert claims == {"iss": "TEAM567890", "iat": int(NOW)}


async def test_a_token_is_used_for_most_of_an_hour(tmp_path: Path) -> None:
    async with apple(tmp_path) as there:
        for passed in (0, LIFE - 1, LIFE):
            there.time[0] = NOW + passed
            await there.apns.deliver(notice(), DEVICE)
    first, second, third = there.tokens()
    assert first == second != third


@pytest.mark.spec("NT-8")
async def test_apps_that_are_tried_out_are_told_through_the_sandbox(tmp_path: Path) -> None:
    more = {"debug.apple.alertMessage.body": "A try"}
    async with apple(tmp_path, more=more) as there:
        await there.apns.deliver(notice(), Device(type="ios", id=TOKEN, debug=True))
    assert there.last.headers[":authority"] == "api.sandbox.push.apple.com"
    assert json.loads(there.last.body)["aps"]["alert"]["body"] == "A try"


@pytest.mark.spec("NT-16")
async def test_many_notices_at_once_go_over_one_connection(tmp_path: Path) -> None:
    async with apple(tmp_path) as there:
        await asyncio.gather(*(there.apns.deliver(notice(id=f"{n:032x}"), DEVICE) for n in range(50)))
    assert there.server.connections == 1
    assert len({each.headers["apns-id"] for each in there.server.asked}) == 50


async def test_the_same_notice_again_has_the_same_id(tmp_path: Path) -> None:
    async with apple(tmp_path) as there:
        for _ in range(2):
            await there.apns.deliver(notice(id="no uuid"), DEVICE)
    first, second = (each.headers["apns-id"] for each in there.server.asked)
    assert uuid.UUID(first) == uuid.UUID(second)


@pytest.mark.spec("NT-16")
async def test_without_anything_to_show_the_app_alone_is_woken(tmp_path: Path) -> None:
    nothing = dict.fromkeys(SHOWN, "")
    async with apple(tmp_path, more=nothing) as there:
        await there.apns.deliver(notice(), DEVICE)
    assert json.loads(there.last.body)["aps"] == {"content-available": 1}
    assert (there.last.headers["apns-push-type"], there.last.headers["apns-priority"]) == ("background", "5")
    assert "apns-expiration" not in there.last.headers


@pytest.mark.spec("NT-16")
def test_an_app_may_be_woken_for_what_is_shown_too() -> None:
    aps = payload(notice(), Chosen([{**SHOWN, "apple.content-available": "1", "apple.badge": "0"}]))["aps"]
    assert (aps["content-available"], aps["badge"]) == (1, 0)


@pytest.mark.parametrize(
    ("status", "reason", "is_permanent"),
    [
        (400, "BadDeviceToken", True),
        (400, "DeviceTokenNotForTopic", True),
        (400, "TopicDisallowed", True),
        (403, "InvalidProviderToken", False),
        (403, "ExpiredProviderToken", False),
        (404, "BadPath", True),
        (410, "Unregistered", True),
        (410, "ExpiredToken", True),
        (413, "PayloadTooLarge", True),
        (429, "TooManyRequests", False),
        (429, "TooManyProviderTokenUpdates", False),
        (500, "InternalServerError", False),
        (503, "ServiceUnavailable", False),
        (503, "Shutdown", False),
    ],
)
async def test_what_apple_refuses_for_ever_and_for_now(
    tmp_path: Path, status: int, reason: str, is_permanent: bool
) -> None:
    async with apple(tmp_path, Said(status, json.dumps({"reason": reason}).encode())) as there:
        with pytest.raises(DeliveryFailed, match=f"{status} {reason}") as failed:
            await there.apns.deliver(notice(), DEVICE)
    assert failed.value.permanent is is_permanent
    assert len(there.server.asked) == 1
    assert TOKEN not in str(failed.value)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'{"reason": 1}', b'{"reason": "a\\u001b[2J"}'])
async def test_a_reason_that_cannot_be_read_is_left_out(tmp_path: Path, body: bytes) -> None:
    async with apple(tmp_path, Said(400, body)) as there:
        with pytest.raises(DeliveryFailed) as failed:
            await there.apns.deliver(notice(), DEVICE)
    assert str(failed.value) == "Apple answered 400"


async def test_a_token_that_ran_out_early_is_replaced_but_not_too_often(tmp_path: Path) -> None:
    expired = Said(403, b'{"reason": "ExpiredProviderToken"}')
    async with apple(tmp_path, expired) as there:
        with pytest.raises(DeliveryFailed):
            await there.apns.deliver(notice(), DEVICE)
        assert len(there.server.asked) == 1
        there.time[0] = NOW + YOUNGEST
        there.server.answering = lambda asked: (
            expired if asked.headers["authorization"] == there.tokens()[0] else Said()
        )
        await there.apns.deliver(notice(), DEVICE)
    assert len(set(there.tokens())) == 2


async def test_who_does_not_answer_is_called_over_another_connection(tmp_path: Path) -> None:
    """A connection that died without a word would keep all later notices waiting."""
    from gateway.outgoing.client import Outgoing
    from gateway.outgoing.failures import NoAnswer
    from gateway.outgoing.guard import Guard
    from gateway.outgoing.origin import Bounds

    async with apple(tmp_path, Said(is_never=True)) as there:
        outgoing = Outgoing(
            Guard(),
            speech="h2",
            bounds=Bounds(timeout=2.0),
            resolve=Names(api_push_apple_com=[PUBLIC]),
            network=there.network,
            tls=TRUST.client,
        )
        with pytest.raises(NoAnswer):
            await outgoing.post("https://api.push.apple.com/", b"", {})
        there.server.answering = lambda _: Said()
        assert (await outgoing.post("https://api.push.apple.com/", b"", {})).status == 200
        await outgoing.close()
    assert there.server.connections == 2


@pytest.mark.spec("SEC-72")
@pytest.mark.parametrize("token", ["", "short", "../../etc", TOKEN + "/x", TOKEN + "?", "g" * 64, "a" * 201])
async def test_what_is_no_token_is_not_sent(tmp_path: Path, token: str) -> None:
    async with apple(tmp_path) as there:
        with pytest.raises(DeliveryFailed) as failed:
            await there.apns.deliver(notice(), Device(type="ios", id=token))
    assert failed.value.permanent
    assert there.server.asked == []


@pytest.mark.parametrize(("more", "fits"), [(0, True), (1, False)])
async def test_a_payload_has_a_size(tmp_path: Path, more: int, fits: bool) -> None:
    frame = len(
        json.dumps({"aps": {"content-available": 1}, "id": ID, "message": "", "tag": "t"}, separators=(",", ":"))
    )
    long = notice(message="x" * (MOST_BYTES - frame + more), tag="t")
    async with apple(tmp_path, more=dict.fromkeys(SHOWN, "")) as there:
        if fits:
            await there.apns.deliver(long, DEVICE)
            assert len(there.last.body) == MOST_BYTES
        else:
            with pytest.raises(DeliveryFailed, match="too long"):
                await there.apns.deliver(long, DEVICE)


@pytest.mark.spec("NT-15")
@pytest.mark.parametrize("name", ["apple.keystore", "apple.keyId", "apple.teamId", "apple.topic"])
async def test_what_is_not_configured_is_named_when_it_is_needed(tmp_path: Path, name: str) -> None:
    async with apple(tmp_path, more={name: ""}) as there:
        with pytest.raises(DeliveryFailed, match=f"option {name} is not set") as failed:
            await there.apns.deliver(notice(), DEVICE)
    assert not failed.value.permanent


@pytest.mark.spec("NT-15")
@pytest.mark.parametrize(
    "content", [None, b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
async def test_a_key_that_cannot_be_used_is_said_to_be_so(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "other.p8"
    if content is not None:
        file.write_bytes(content)
    async with apple(tmp_path, more={"apple.keystore": str(file)}) as there:
        with pytest.raises(DeliveryFailed, match=r"apple\.keystore") as failed:
            await there.apns.deliver(notice(), DEVICE)
    assert not failed.value.permanent
    assert str(tmp_path) not in str(failed.value)


async def test_a_password_that_opens_nothing_is_said_to_be_so(tmp_path: Path) -> None:
    async with apple(tmp_path, password=b"right", more={"apple.keystorePassword": "wrong"}) as there:
        with pytest.raises(DeliveryFailed, match="keystorePassword"):
            await there.apns.deliver(notice(), DEVICE)


@pytest.mark.spec("NF-4")
async def test_logs_hold_no_token_however_much_they_tell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the device's nor ours, also at the level at which libraries tell what they send."""
    caplog.set_level(logging.WARNING, "hpack")  # as ``gateway.observe.logging`` has it
    caplog.set_level(logging.DEBUG)
    async with apple(tmp_path) as there:
        await there.apns.deliver(notice(), DEVICE)
    told = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "httpcore2" in told
    (authorization,) = there.tokens()
    assert TOKEN not in told
    assert authorization.split()[1] not in told
