"""Notices to devices that Google reaches, at a server in Google's place."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest

from gateway.push.provider import DeliveryFailed, Device, Provider
from gateway.push.providers.fcm import MOST_BYTES
from gateway.push.providers.options import PushOptions
from gateway.push.providers.providers import Providers
from tests.outgoing.other_host import PUBLIC, Heard, Names, OtherHost, Rerouted, other_host, said
from tests.push.provider_parts import ID, INSTANCE, notice, service_account
from tests.support.certificates import certified

NOW = 1_700_000_000.0
SHOWN = {"fcm.title": "Help", "fcm.body": "An agent is near"}
DEVICE = Device(type="fcm", id="fcm-token:with_signs-1")
TRUST = certified("fcm.googleapis.com", "oauth2.googleapis.com")
SENT = said("200 OK", b'{"name": "projects/our-app/messages/1"}')


@dataclass
class Google:
    """The stand-in, what it says, and our way to it."""

    host: OtherHost
    provider: Provider
    public_key: Any
    answers: list[bytes]
    time: list[float] = field(default_factory=lambda: [NOW])

    @property
    def sent(self) -> list[Heard]:
        return [each for each in self.host.requests if "messages:send" in each.line]

    @property
    def grants(self) -> list[Heard]:
        return [each for each in self.host.requests if each.line == "POST /token HTTP/1.1"]


def refusal(status: int, word: str, code: str = "") -> bytes:
    error: dict[str, Any] = {"code": status, "status": word, "message": "about fcm-token"}
    if code:
        error["details"] = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    return said(f"{status} X", json.dumps({"error": error}).encode())


@asynccontextmanager
async def google(
    tmp_path: Path, *answers: bytes, grant: Callable[[int], bytes] | None = None, more: Mapping[str, str] | None = None
) -> AsyncIterator[Google]:
    options, public_key = service_account(tmp_path)
    left = list(answers)

    async def say(writer: asyncio.StreamWriter) -> None:
        if host.requests[-1].line == "POST /token HTTP/1.1":
            count = len([each for each in host.requests if each.line == "POST /token HTTP/1.1"])
            told = {"access_token": f"access-{count}", "expires_in": 3599, "token_type": "Bearer"}
            writer.write(grant(count) if grant else said("200 OK", json.dumps(told).encode()))
        else:
            writer.write(left.pop(0) if left else SENT)

    async with other_host(say, TRUST.server) as host:
        names = Names(fcm_googleapis_com=[PUBLIC], oauth2_googleapis_com=[PUBLIC])
        time = [NOW]
        providers = Providers(
            PushOptions(general={**options, **SHOWN, **(more or {})}),
            ["fcm", "android"],
            now=lambda: time[0],
            tls=TRUST.client,
            resolve=names,
            network=Rerouted(host.port),
        )
        provider = providers.get("FCM")
        assert provider is not None
        assert providers.get("android") is provider
        assert providers.get("gcm") is None
        try:
            yield Google(host, provider, public_key, left, time)
        finally:
            await providers.close()


@pytest.mark.spec("NT-15", "NT-16", "PN-6")
async def test_a_notice_is_one_request_of_http_v1(tmp_path: Path) -> None:
    async with google(tmp_path) as there:
        await there.provider.deliver(notice(until=NOW + 30), DEVICE)
    (request,) = there.sent
    assert request.line == "POST /v1/projects/our-app/messages:send HTTP/1.1"
    assert request.headers["host"] == "fcm.googleapis.com"
    assert request.headers["authorization"] == "bearer access-1"
    told = json.loads(request.body)["message"]
    message = told["data"].pop("message")
    assert json.loads(message) == notice().message
    assert told == {
        "token": DEVICE.id,
        "notification": {"title": "Help", "body": "An agent is near"},
        "data": {"id": ID, "tag": f"service.agentavailable.{INSTANCE}"},
        "android": {"priority": "high", "ttl": "30s"},
    }


@pytest.mark.spec("NT-16")
async def test_without_anything_to_show_there_is_data_alone(tmp_path: Path) -> None:
    async with google(tmp_path, more=dict.fromkeys(SHOWN, "")) as there:
        await there.provider.deliver(notice(message="text"), DEVICE)
    told = json.loads(there.sent[0].body)["message"]
    assert "notification" not in told
    assert told["data"]["message"] == "text"
    assert told["android"] == {"priority": "high"}


@pytest.mark.spec("NT-15")
async def test_access_is_asked_for_with_the_accounts_signature(tmp_path: Path) -> None:
    async with google(tmp_path) as there:
        await there.provider.deliver(notice(), DEVICE)
    (grant,) = there.grants
    form = {name: values[0] for name, values in parse_qs(grant.body.decode()).items()}
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert jwt.get_unverified_header(form["assertion"])["kid"] == "k1"
    claims = jwt.decode(
        form["assertion"],
        there.public_key,
        algorithms=["RS256"],
        audience="https://oauth2.googleapis.com/token",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["iss"] == "push@our-app.example"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["exp"] - claims["iat"] == 3600


async def test_access_is_asked_for_once_until_it_runs_out(tmp_path: Path) -> None:
    async with google(tmp_path) as there:
        await asyncio.gather(*(there.provider.deliver(notice(), DEVICE) for _ in range(20)))
        assert (len(there.grants), len(there.sent)) == (1, 20)
        there.time[0] += 3538
        await there.provider.deliver(notice(), DEVICE)
        assert len(there.grants) == 1
        there.time[0] += 1
        await there.provider.deliver(notice(), DEVICE)
    assert len(there.grants) == 2
    assert there.sent[-1].headers["authorization"] == "bearer access-2"


async def test_access_that_was_taken_back_is_asked_for_again(tmp_path: Path) -> None:
    async with google(tmp_path, refusal(401, "UNAUTHENTICATED")) as there:
        await there.provider.deliver(notice(), DEVICE)
    assert [each.headers["authorization"] for each in there.sent] == ["bearer access-1", "bearer access-2"]


@pytest.mark.parametrize(
    ("status", "word", "code", "is_permanent"),
    [
        (404, "NOT_FOUND", "UNREGISTERED", True),
        (400, "INVALID_ARGUMENT", "", True),
        (403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH", True),
        (403, "PERMISSION_DENIED", "", False),
        (429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", False),
        (500, "INTERNAL", "", False),
        (503, "UNAVAILABLE", "UNAVAILABLE", False),
    ],
)
async def test_what_google_refuses_for_ever_and_for_now(
    tmp_path: Path, status: int, word: str, code: str, is_permanent: bool
) -> None:
    async with google(tmp_path, refusal(status, word, code)) as there:
        with pytest.raises(DeliveryFailed, match=f"{status} {code or word}") as failed:
            await there.provider.deliver(notice(), DEVICE)
    assert failed.value.permanent is is_permanent
    assert "fcm-token" not in str(failed.value)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"error": 1}', b'{"error": {"status": "a b"}}', b'{"error": {"details": 1}}']
)
async def test_a_refusal_that_cannot_be_read_is_one_all_the_same(tmp_path: Path, body: bytes) -> None:
    async with google(tmp_path, said("404 X", body)) as there:
        with pytest.raises(DeliveryFailed, match=r"^Google answered 404$"):
            await there.provider.deliver(notice(), DEVICE)


@pytest.mark.parametrize(
    "grant",
    [
        said("400 X", b'{"error": "invalid_grant"}'),
        said("200 OK", b"no json"),
        said("200 OK", b'{"access_token": "a"}'),
        said("200 OK", b'{"access_token": "a", "expires_in": "soon"}'),
    ],
)
async def test_without_access_nothing_is_sent(tmp_path: Path, grant: bytes) -> None:
    async with google(tmp_path, grant=lambda _: grant) as there:
        with pytest.raises(DeliveryFailed, match="access") as failed:
            await there.provider.deliver(notice(), DEVICE)
    assert not failed.value.permanent
    assert there.sent == []


@pytest.mark.spec("NT-15")
@pytest.mark.parametrize("content", [None, "no json", "[]", '{"project_id": "x"}', "key"])
async def test_an_account_that_cannot_be_used_is_said_to_be_so(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "other.json"
    if content == "key":
        content = json.dumps({"project_id": "p", "client_email": "e", "private_key_id": "k", "private_key": "no key"})
    if content is not None:
        file.write_text(content, "utf-8")
    async with google(tmp_path, more={"fcm.apiKey": str(file)}) as there:
        with pytest.raises(DeliveryFailed, match=r"fcm\.apiKey") as failed:
            await there.provider.deliver(notice(), DEVICE)
    assert not failed.value.permanent
    assert str(tmp_path) not in str(failed.value)


async def test_a_notice_that_is_too_long_is_not_sent(tmp_path: Path) -> None:
    async with google(tmp_path) as there:
        with pytest.raises(DeliveryFailed, match="too long") as failed:
            await there.provider.deliver(notice(message="x" * MOST_BYTES), DEVICE)
    assert failed.value.permanent
    assert there.host.requests == []
