"""Notices to servers of customers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.push.provider import DeliveryFailed, Device, Provider
from gateway.push.providers.options import PushOptions
from gateway.push.providers.providers import Providers
from tests.outgoing.other_host import PUBLIC, Names, Rerouted, other_host, said
from tests.push.provider_parts import ID, notice

OK = said("200 OK")
OPTIONS = PushOptions(general={"customhttp.url": "http://push.example/tell"})
HOOK = Device(type="httpcb", id="http://push.example/hook?k=s3cret")
CUSTOM = Device(type="customhttp", id="device 7", authorization="dXNlcjp3b3Jk")


@asynccontextmanager
async def provider(
    type_: str, port: int, options: PushOptions = OPTIONS, hosts: tuple[str, ...] = ()
) -> AsyncIterator[Provider]:
    names = Names(push_example=[PUBLIC], localhost=["127.0.0.1"])
    providers = Providers(options, [type_], allowed_hosts=hosts, resolve=names, network=Rerouted(port))
    found = providers.get(type_)
    assert found is not None
    try:
        yield found
    finally:
        await providers.close()


@pytest.mark.spec("NT-12", "NT-10")
@pytest.mark.parametrize("type_", ["httpcb", "orscb"])
async def test_the_message_is_posted_to_the_device(type_: str) -> None:
    async with other_host(OK) as host, provider(type_, host.port) as hook:
        await hook.deliver(notice(), HOOK)
    (request,) = host.requests
    assert request.line == "POST /hook?k=s3cret HTTP/1.1"
    assert json.loads(request.body) == notice().message
    assert request.headers["content-type"] == "application/json; charset=utf-8"
    assert request.headers["idempotency-key"] == ID


@pytest.mark.spec("NT-12")
async def test_a_text_is_posted_as_text() -> None:
    async with other_host(OK) as host, provider("httpcb", host.port) as hook:
        await hook.deliver(notice(message="Grüß Gott"), HOOK)
    assert host.requests[0].body.decode() == "Grüß Gott"
    assert host.requests[0].headers["content-type"] == "text/plain; charset=utf-8"


@pytest.mark.spec("NT-12")
@pytest.mark.parametrize(
    ("authorization", "header"),
    [("dXNlcjp3b3Jk", "basic dxnlcjp3b3jk"), ("Bearer abc", "bearer abc"), ("", None)],
)
async def test_one_server_is_told_of_all_devices(authorization: str, header: str | None) -> None:
    device = Device(type="customhttp", id="device 7", authorization=authorization)
    async with other_host(OK) as host, provider("customhttp", host.port) as hook:
        await hook.deliver(notice(), device)
    (request,) = host.requests
    assert request.line == "POST /tell HTTP/1.1"
    assert json.loads(request.body) == {"deviceId": "device 7", "message": notice().message}
    assert request.headers.get("authorization") == header  # in small letters, as the other host notes it


@pytest.mark.spec("NT-8", "NT-16")
async def test_devices_that_are_tried_out_have_another_server() -> None:
    options = PushOptions(general={**OPTIONS.general, "debug.customhttp.url": "http://push.example/try"})
    async with other_host(OK) as host, provider("customhttp", host.port, options) as hook:
        await hook.deliver(notice(), Device(type="customhttp", id="d", debug=True))
    assert host.requests[0].line == "POST /try HTTP/1.1"


@pytest.mark.spec("NT-12")
@pytest.mark.parametrize(
    ("status", "is_permanent"),
    [
        (201, False),
        (204, False),
        (302, True),
        (307, True),
        (400, False),
        (404, False),
        (410, True),
        (500, False),
        (503, False),
    ],
)
async def test_only_200_is_success(status: int, is_permanent: bool) -> None:
    answer = said(f"{status} X", b"", "Location: http://push.example/other")
    if status == 204:
        answer = b"HTTP/1.1 204 X\r\n\r\n"
    async with other_host(answer) as host, provider("httpcb", host.port) as hook:
        with pytest.raises(DeliveryFailed, match=str(status)) as failed:
            await hook.deliver(notice(), HOOK)
    assert failed.value.permanent is is_permanent
    assert len(host.requests) == 1


@pytest.mark.spec("NT-13", "SEC-70", "NF-4")
@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/s3cret",
        "http://127.0.0.1/s3cret",
        "http://[::1]/s3cret",
        "http://169.254.169.254/s3cret",
        "file:///s3cret",
        "http://u:s3cret@push.example/",
        "s3cret",
        "",
    ],
)
async def test_a_place_of_ours_is_not_called_and_not_told(url: str) -> None:
    async with other_host(OK) as host, provider("httpcb", host.port) as hook:
        with pytest.raises(DeliveryFailed) as failed:
            await hook.deliver(notice(), Device(type="httpcb", id=url))
    assert failed.value.permanent
    assert "s3cret" not in str(failed.value)
    assert host.connections == 0


@pytest.mark.spec("NT-13")
async def test_hosts_may_be_limited_to_some() -> None:
    async with other_host(OK) as host, provider("httpcb", host.port, hosts=("hooks.example",)) as hook:
        with pytest.raises(DeliveryFailed):
            await hook.deliver(notice(), HOOK)


@pytest.mark.spec("SEC-72")
async def test_credentials_of_several_lines_are_sent_to_nobody() -> None:
    async with other_host(OK) as host, provider("customhttp", host.port) as hook:
        with pytest.raises(DeliveryFailed) as failed:
            await hook.deliver(notice(), Device(type="customhttp", id="d", authorization="a\r\nHost: b"))
    assert failed.value.permanent


@pytest.mark.spec("NT-15")
async def test_without_a_server_that_is_said_when_it_is_needed() -> None:
    async with provider("customhttp", 0, PushOptions()) as hook:
        with pytest.raises(DeliveryFailed, match=r"customhttp\.url"):
            await hook.deliver(notice(), CUSTOM)


async def test_a_server_that_is_away_may_be_tried_again() -> None:
    async with provider("httpcb", 1) as hook:
        with pytest.raises(DeliveryFailed) as failed:
            await hook.deliver(notice(), HOOK)
    assert not failed.value.permanent
