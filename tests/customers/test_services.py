"""The generic service interface: which service answers, and what can be done with what it has begun."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from gateway.callback.options import Service
from gateway.customers.side import CustomerSide
from gateway.instances.instance import Instance
from gateway.instances.request import Request
from gateway.instances.services import Kind, Method
from gateway.store.turn import Turn
from tests.customers.conftest import ALICE, BOB, FORM, JSON, LIGHT, Api, Clock, basic

MISSING = (404, "services.ServiceNotFoundException")
TTL = 600.0


class Taxi:
    """A kind of service that only remembers what it was asked."""

    def __init__(self, side: CustomerSide) -> None:
        self._instances = side.instances
        self.requests: list[Request] = []
        side.services.kinds["callback"] = Kind(start=self.start)
        side.services.kinds["taxi"] = Kind(start=self.start)
        side.services.methods["hail"] = Method(answer=self.hail, by_get=True)
        side.services.methods["poke"] = Method(answer=self.hail, for_center=True)

    async def start(self, service: Service, request: Request) -> Mapping[str, Any]:
        self.requests.append(request)

        async def decision(turn: Turn) -> Instance:
            return await self._instances.create(
                turn,
                service=service.asked,
                name=service.name,
                kind="taxi",
                user=request.user,
                ttl=float(service.options.get("_ttl", TTL)),
                values=request.values,
            )

        begun = await self._instances.decide(decision)
        return {"_id": begun.id, "data": begun.data, "handled_by": begun.name, "options": service.options}

    async def hail(self, instance: Instance, request: Request) -> Mapping[str, Any]:
        return {"_id": instance.id, "asked": dict(request.values), "kept": instance.reserved, "base": request.base}


@pytest.fixture
def taxi(side: CustomerSide) -> Taxi:
    return Taxi(side)


async def begun(api: Api, name: str = "taxi", user: Mapping[str, str] = ALICE, **values: Any) -> Any:
    status, answer = await api.ask(f"/service/{name}", "POST", headers={**JSON, **user}, body=json.dumps(values))
    assert status == 200, answer
    return answer


# Which service -----------------------------------------------------------------------------------


@pytest.mark.spec("SV-1", "SV-2", "G-18")
async def test_a_built_in_is_there_without_configuration(api: Api, taxi: Taxi) -> None:
    answer = await begun(api)
    assert answer["_id"][0].isdigit()
    assert answer["handled_by"] == "taxi"
    assert await api.refused("/service/bus", "POST", body=b"") == MISSING


@pytest.mark.spec("SV-2", "SV-3", "RI-9")
@pytest.mark.parametrize(
    "stated",
    [
        {"_type": "builtin", "_service": "taxi"},
        {"_type": "built-in", "_name": "taxi"},
        {"_type": "built-in", "_name": "other", "_service": "taxi"},
        {"_type": "ors", "_service": "http://ors/app.scxml"},
        {"_service_type": "callback"},
    ],
)
async def test_a_service_of_another_name(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]], stated: dict[str, str]
) -> None:
    configured["night-taxi"] = stated
    assert (await begun(api, "night-taxi"))["handled_by"] == "night-taxi"


@pytest.mark.spec("SV-3", "ERR-3")
@pytest.mark.parametrize("stated", [{"_type": "builtin", "_service": "bus"}, {"_type": "else"}, {"_redirect": "none"}])
async def test_a_service_that_nobody_can_be(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]], stated: dict[str, str]
) -> None:
    configured["odd"] = stated
    assert await api.refused("/service/odd", "POST", body=b"") == (500, "InternalException")


@pytest.mark.spec("G-11", "G-12", "G-13")
async def test_what_is_configured_wins_unless_it_may_be_overwritten(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]]
) -> None:
    configured["a"] = {"_service": "taxi", "_redirect": "b", "_overwritable_options": "_redirect"}
    configured["b"] = {"_service": "taxi", "_ttl": "30", "_text": "for $who$", "_overwritable_options": "_colour"}
    sent: dict[str, Any] = {"_ttl": "90", "who": "Bob", "_colour": "red"}
    answer = await begun(api, "a", **sent)
    assert answer["handled_by"] == "b"
    assert answer["options"]["_ttl"] == "30"
    assert answer["options"]["_text"] == "for Bob"
    assert answer["options"]["_colour"] == "red"
    assert (await begun(api, "a", _redirect=""))["handled_by"] == "a"


# What has begun ----------------------------------------------------------------------------------


@pytest.mark.spec("SV-5", "ST-14", "ST-15", "G-10")
async def test_data_of_the_app_and_what_is_reserved(api: Api, taxi: Taxi) -> None:
    answer = await begun(api, colour="yellow", seats=4, _new_in_the_next_version="x")
    where = f"/service/{answer['_id']}"
    assert await api.ask(f"{where}/storage") == (200, {"colour": "yellow", "seats": "4"})
    assert await api.ask(f"/storage/{answer['data']}") == (200, {"colour": "yellow", "seats": "4"})
    assert (await api.ask(f"{where}/hail"))[1]["kept"] == {"_new_in_the_next_version": "x"}


@pytest.mark.spec("ST-14")
async def test_keys_of_an_instance(api: Api, taxi: Taxi) -> None:
    answer = await begun(api, a="1", b="1")
    where = f"/service/{answer['_id']}/storage"
    added = await api.ask(where, "POST", headers=FORM, body=b"b=2&c=3&_d=4")
    assert added == (200, {"id": answer["data"]})
    assert (await api.fetch(f"/genesys/1{where}/b")).body == b"2"
    ended = await api.fetch(f"/genesys/1{where}/a", "DELETE")
    assert (ended.code, ended.body) == (200, b"")
    assert await api.ask(where) == (200, {"b": "2", "c": "3"})
    for path, method in ((f"{where}/a", "GET"), (f"{where}/a", "DELETE"), (f"{where}/binary/b", "GET")):
        assert await api.refused(path, method) == (404, "storage.StorageNotFoundException")


@pytest.mark.spec("SV-5", "ST-14")
async def test_a_file_of_an_instance(api: Api, taxi: Taxi) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="photo"; filename="a.png"\r\n'
        b"Content-Type: image/png\r\n\r\n\x89PNG\r\n--x--\r\n"
    )
    sent = {"Content-Type": "multipart/form-data; boundary=x"}
    _, answer = await api.ask("/service/taxi", "POST", headers=sent, body=body)
    where = f"/genesys/1/service/{answer['_id']}/storage/binary/photo"
    assert await api.ask(f"/service/{answer['_id']}/storage") == (200, {"photo": where})
    assert (await api.fetch(f"/genesys/1/service/{answer['_id']}/storage/photo")).body == where.encode()
    got = await api.fetch(where)
    assert (got.body, got.headers["Content-Type"]) == (b"\x89PNG", "image/png")


@pytest.mark.spec("G-10", "ERR-5")
async def test_too_much_that_is_reserved(api: Api, taxi: Taxi) -> None:
    sent = json.dumps({"_a": "x" * 70_000})
    assert (await api.refused("/service/taxi", "POST", headers=JSON, body=sent))[0] == 413


@pytest.mark.spec("SV-6", "G-22")
async def test_methods_of_an_instance(api: Api, taxi: Taxi) -> None:
    id = (await begun(api))["_id"]
    assert (await api.ask(f"/service/{id}/hail", "POST", headers=FORM, body=b"a=1"))[1]["asked"] == {"a": "1"}
    assert (await api.ask(f"/service/{id}/hail"))[0] == 200
    assert (await api.refused(f"/service/{id}/fly", "POST", body=b""))[0] == 404
    got = await api.fetch(f"/genesys/1/service/{id}/poke")
    assert (got.code, got.headers["Allow"]) == (405, "POST, OPTIONS")
    traced = await api.fetch(f"/genesys/1/service/{id}/hail", "TRACE")
    assert (traced.code, traced.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    assert await api.refused("/service/1-2/hail", "POST", body=b"") == MISSING
    assert await api.refused(f"/service/{'1' * 65}/hail", "POST", body=b"") == MISSING


@pytest.mark.spec("SV-7")
async def test_an_instance_that_is_ended(api: Api, taxi: Taxi, side: CustomerSide) -> None:
    ended: list[str] = []

    async def tell(instance: Instance) -> None:
        ended.append(instance.id)

    side.instances.ended.append(tell)
    answer = await begun(api, a="1")
    where = f"/service/{answer['_id']}"
    done = await api.fetch(f"/genesys/1{where}", "DELETE")
    assert (done.code, done.body) == (200, b"")
    assert ended == [answer["_id"]]
    for path, method in ((where, "DELETE"), (f"{where}/hail", "POST"), (f"{where}/storage", "GET")):
        assert await api.refused(path, method, body=b"" if method == "POST" else None) == MISSING
    assert (await api.refused(f"/storage/{answer['data']}"))[0] == 404


# Whose it is -------------------------------------------------------------------------------------


@pytest.mark.spec("AUTH-6")
@pytest.mark.parametrize("settings", [{}, {"strict_user": True}], ids=["lenient", "strict"])
async def test_an_instance_is_its_users(api: Api, taxi: Taxi, settings: dict[str, Any]) -> None:
    where = f"/service/{(await begun(api, a='1'))['_id']}"
    asked = [(f"{where}/storage", "GET"), (f"{where}/storage/a", "GET"), (f"{where}/hail", "GET")]
    for path, method in [*asked, (where, "DELETE")]:
        assert await api.refused(path, method, headers=BOB) == MISSING
    for path, _ in asked:
        assert (await api.fetch(f"/genesys/1{path}")).code == (404 if settings else 200)
        assert (await api.fetch(f"/genesys/1{path}", headers=ALICE)).code == 200
    assert (await api.fetch(f"/genesys/1{where}/poke", "POST", body=b"")).code == 200, "the center is no user"


@pytest.mark.spec("AUTH-6", "G-14")
@pytest.mark.parametrize("settings", [{"strict_user": True}])
async def test_an_instance_of_nobody_is_everybodys(api: Api, taxi: Taxi) -> None:
    where = f"/service/{(await begun(api, user={}))['_id']}/hail"
    assert [(await api.fetch(f"/genesys/1{where}", headers=who)).code for who in ({}, ALICE)] == [200, 200]


# Who may ask -------------------------------------------------------------------------------------

SERVERS = {"username": "gms", "password_hash": LIGHT.hash("secret")}
OWN = {"username": "night", "password": LIGHT.hash("moon")}


@pytest.mark.spec("AUTH-2", "AUTH-3", "AUTH-5")
@pytest.mark.parametrize("settings", [SERVERS, {}], ids=["a server's account", "none"])
async def test_a_service_has_an_account_of_its_own(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]], settings: dict[str, Any]
) -> None:
    configured["night-taxi"] = {"_type": "builtin", "_service": "taxi", **OWN}
    right, servers = basic("night", "moon"), basic("gms", "secret")
    answer = await begun(api, "night-taxi", {**right, **ALICE}, a="1")
    instance = f"/service/{answer['_id']}"
    asked = [("/service/night-taxi", "POST"), (f"{instance}/hail", "POST"), (f"{instance}/storage/a", "GET")]
    for path, method in [*asked, (instance, "DELETE")]:
        body = b"" if method == "POST" else None
        for wrong in (servers, {}, basic("night", "sun")):
            refused = await api.refused(path, method, body=body, headers={**wrong, **ALICE})
            assert refused == (401, "AuthenticationException")
        assert (await api.fetch(f"/genesys/1{path}", method, body=body, headers={**right, **ALICE})).code == 200
    assert (await api.fetch("/genesys/1/service/taxi", "POST", body=b"", headers=servers)).code == 200
    if settings:
        assert (await api.refused("/service/taxi", "POST", body=b"", headers=right))[0] == 401
        assert (await api.refused("/service/1-2/hail", "POST", body=b""))[0] == 401, "what is unknown is not told"


@pytest.mark.spec("AUTH-3", "G-13")
async def test_no_app_redirects_itself_past_an_account(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]]
) -> None:
    """Where the configuration leads to such a service, it is meant; where the app does, it has to show the account."""
    configured["night-taxi"] = {"_service": "taxi", **OWN}
    configured["any"] = {"_service": "taxi", "_overwritable_options": "_redirect"}
    configured["front"] = {"_service": "taxi", "_redirect": "night-taxi"}
    body = b"_redirect=night-taxi"
    refused = await api.refused("/service/any", "POST", headers={**FORM, **ALICE}, body=body)
    assert refused == (401, "AuthenticationException")
    configured["any"] |= OWN
    headers = {**FORM, **ALICE, **basic("night", "moon")}
    assert (await api.ask("/service/any", "POST", headers=headers, body=body))[0] == 200
    assert (await begun(api, "front"))["handled_by"] == "night-taxi"


@pytest.mark.spec("G-13", "ERR-1")
async def test_an_app_that_redirects_itself_nowhere_has_asked_wrongly(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]]
) -> None:
    configured["any"] = {"_service": "taxi", "_overwritable_options": "_redirect"}
    for nowhere in (b"_redirect=nobody", b"_redirect=any"):
        refused = await api.refused("/service/any", "POST", headers=FORM, body=nowhere)
        assert refused == (400, "GSGException")


@pytest.mark.spec("AUTH-3")
async def test_an_account_that_changes_counts_at_once(
    api: Api, taxi: Taxi, configured: dict[str, dict[str, str]]
) -> None:
    configured["night-taxi"] = {"_service": "taxi", **OWN}
    await begun(api, "night-taxi", basic("night", "moon"))
    configured["night-taxi"] = {"_service": "taxi", **OWN, "password": LIGHT.hash("stars")}
    refused = await api.refused("/service/night-taxi", "POST", body=b"", headers=basic("night", "moon"))
    assert refused[0] == 401
    await begun(api, "night-taxi", basic("night", "stars"))


@pytest.mark.spec("G-25")
@pytest.mark.parametrize(
    ("settings", "base"),
    [
        ({}, "http://{host}/genesys"),
        ({"external_url": "https://gms.example.com"}, "https://gms.example.com/genesys"),
        ({"trust_forwarded": True}, "https://{host}/genesys"),
    ],
)
async def test_services_know_where_apps_find_us(api: Api, taxi: Taxi, base: str) -> None:
    await begun(api, "taxi", {"X-Forwarded-Proto": "https"})
    assert taxi.requests[0].base == base.format(host=f"127.0.0.1:{api.port}")


# Time --------------------------------------------------------------------------------------------


@pytest.mark.spec("SV-4", "ST-14")
async def test_an_instance_and_its_data_live_so_long_from_its_beginning(
    api: Api, taxi: Taxi, clock: Clock, configured: dict[str, dict[str, str]]
) -> None:
    configured["short"] = {"_service": "taxi", "_ttl": "60"}
    answer = await begun(api, "short", a="1")
    where = f"/service/{answer['_id']}"
    clock.now += 50
    await api.ask(f"{where}/storage", "POST", headers={**FORM, **ALICE}, body=b"b=2")
    clock.now += 9
    assert await api.ask(f"/storage/{answer['data']}") == (200, {"a": "1", "b": "2"})
    clock.now += 1
    for path, method in ((where, "DELETE"), (f"{where}/hail", "GET"), (f"{where}/storage", "GET")):
        assert await api.refused(path, method) == MISSING
    assert (await api.refused(f"/storage/{answer['data']}"))[0] == 404
