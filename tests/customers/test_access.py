"""Access numbers by REST: given to apps, and found again by the side that takes the calls."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.access.pool import Pool, Strategy
from gateway.callback.options import Service
from gateway.customers.side import CustomerSide
from gateway.instances.instance import Instance
from gateway.instances.request import Request
from gateway.instances.services import Kind
from gateway.store.turn import Turn
from tests.customers.conftest import ALICE, BOB, JSON, LIGHT, Api, Clock, basic

SAMPLES = Path(__file__).parent.parent / "samples" / "gms"
MISSING = (404, "services.ServiceNotFoundException")
NO_MATCH = (404, "services.match.MatchNotFoundException")
NO_GROUP = (400, "services.resource.ResourceGroupException")
NONE_FREE = (503, "services.resource.ResourceException")
WRONG = (400, "GSGException")

PHONE = "6504669999"
WANTED = {"_phone_number": PHONE, "_resource_group": "DNIS"}
INTERACTION = "/service/request-interaction"
ACCESS = "/service/request-access"
MATCH = "/service/match-interaction"


@pytest.fixture
def pools() -> dict[str, Pool]:
    """Of two locked numbers, and of one that everybody gets."""
    return {
        "DNIS": Pool(name="DNIS", numbers=["1-800-1", "1-800-2"], strategy=Strategy.CLUSTER),
        "shared": Pool(name="shared", numbers=["1-900-1"]),
        "empty": Pool(name="empty", numbers=[]),
    }


@pytest.fixture
def documents(tmp_path: Path, api: Api) -> Iterator[Any]:
    """Asks which documents there are."""
    database = sqlite3.connect(tmp_path / "store.db")
    yield lambda: [key for (key,) in database.execute("SELECT key FROM documents")]
    database.close()


async def asked(api: Api, path: str, values: Mapping[str, Any], user: Mapping[str, str] | None = None) -> Any:
    status, answer = await api.ask(path, "POST", headers={**JSON, **(user or {})}, body=json.dumps(values))
    assert status == 200, answer
    return answer


async def refused(api: Api, path: str, values: Mapping[str, Any], user: Mapping[str, str] | None = None) -> Any:
    return await api.refused(path, "POST", headers={**JSON, **(user or {})}, body=json.dumps(values))


# request-interaction -----------------------------------------------------------------------------


@pytest.mark.spec("RI-1", "RI-2", "RI-4", "SV-5")
async def test_an_app_is_given_a_number_and_its_data_is_kept(api: Api) -> None:
    answer = await asked(api, INTERACTION, {**WANTED, "latitude": 48.8583}, ALICE)
    id = answer.pop("_id")
    assert answer == {"_access_number": "1-800-1", "_expiration_time": "30"}
    assert await api.ask(f"/service/{id}/storage", headers=ALICE) == (200, {"latitude": "48.8583"})


@pytest.mark.spec("RI-1", "RI-6")
async def test_a_code_where_one_is_wanted(api: Api) -> None:
    answer = await asked(api, INTERACTION, {**WANTED, "_provide_code": True})
    assert len(answer["_access_code"]) == 6


@pytest.mark.spec("RI-7", "RI-9", "RI-10", "G-11", "RA-5")
@pytest.mark.parametrize(("spelled", "named"), [("builtin", "_service"), ("built-in", "_name")])
async def test_a_service_of_another_name(
    api: Api, configured: dict[str, dict[str, str]], clock: Clock, spelled: str, named: str
) -> None:
    configured["call-us"] = {
        "_type": spelled,
        named: "request-interaction",
        "_ttl": "7200",
        "_provide_code": "true",
        "_access_code_length": "4",
        "_resource_group": "DNIS",
        "_return_pool_health": "true",
    }
    sent = {"_phone_number": PHONE, "_provide_code": "false", "_resource_group": "empty"}
    answer = await asked(api, "/service/call-us", sent)
    assert len(answer["_access_code"]) == 4
    assert answer["_pool_health"] == {"group": "DNIS", "size": 2, "free": 1, "booked": 1}
    clock.now += 7199
    assert (await api.fetch(f"/genesys/1/service/{answer['_id']}/storage")).code == 200


@pytest.mark.spec("RI-3", "ERR-5")
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"_phone_number": None}, WRONG),
        ({"_phone_number": " "}, WRONG),
        ({"_provide_code": "maybe"}, WRONG),
        ({"_resource_group": None}, NO_GROUP),
        ({"_resource_group": "nowhere"}, NO_GROUP),
        ({"_resource_group": "empty"}, NONE_FREE),
        ({"k" * 257: "1"}, (413, "GSGException")),
    ],
)
async def test_what_is_refused_leaves_nothing(api: Api, documents: Any, changed: dict[str, Any], expected: Any) -> None:
    assert await refused(api, INTERACTION, {**WANTED, "data": "1", **changed}) == expected
    assert documents() == []


@pytest.mark.spec("RS-3", "RS-4", "RI-5", "ERR-4")
async def test_with_all_numbers_booked_there_is_a_time_to_ask_again(api: Api, clock: Clock, documents: Any) -> None:
    given = {(await asked(api, INTERACTION, WANTED))["_access_number"] for _ in range(2)}
    assert given == {"1-800-1", "1-800-2"}
    before = documents()
    clock.now += 10
    answer = await api.fetch("/genesys/1" + INTERACTION, "POST", headers=JSON, body=json.dumps(WANTED))
    assert (answer.code, answer.headers["Retry-After"]) == (503, "20")
    assert documents() == before
    clock.now += 20
    assert (await asked(api, INTERACTION, WANTED))["_access_number"] == "1-800-1"


@pytest.mark.spec("RS-3", "SV-7")
async def test_an_instance_that_is_ended_gives_its_number_back(api: Api, pools: dict[str, Pool]) -> None:
    pools["DNIS"] = Pool(name="DNIS", numbers=["1-800-1"], strategy=Strategy.CLUSTER)
    id = (await asked(api, INTERACTION, WANTED, ALICE))["_id"]
    assert await refused(api, INTERACTION, WANTED) == NONE_FREE
    assert (await api.fetch(f"/genesys/1/service/{id}", "DELETE", headers=ALICE)).code == 200
    assert (await asked(api, INTERACTION, WANTED))["_access_number"] == "1-800-1"


@pytest.mark.spec("RS-3", "RI-2")
async def test_a_number_is_booked_no_longer_than_its_instance_lives(
    api: Api, configured: dict[str, dict[str, str]], clock: Clock
) -> None:
    configured["short"] = {"_service": "request-interaction", "_ttl": "10"}
    assert (await asked(api, "/service/short", WANTED))["_expiration_time"] == "10"
    await asked(api, "/service/short", WANTED)
    clock.now += 10
    await asked(api, "/service/short", WANTED)


# request-access ----------------------------------------------------------------------------------


@pytest.mark.spec("RA-1", "RA-2", "RA-6", "RA-7")
async def test_a_number_for_an_instance_that_is_there(
    api: Api, configured: dict[str, dict[str, str]], pools: dict[str, Pool]
) -> None:
    configured["app"] = {"_service": "request-interaction", "_ttl": "600", "_resource_group": "shared"}
    id = (await asked(api, "/service/app", {"_phone_number": PHONE}))["_id"]
    wanted = {"_id": id, "_resource_group": "DNIS"}
    assert await asked(api, ACCESS, wanted) == {"_access_number": "1-800-1", "_expiration_time": "30"}
    again = await asked(api, ACCESS, {**wanted, "_booking_expiration_timeout": "40", "_provide_code": "true"})
    assert again["_expiration_time"] == "40"
    assert len(again["_access_code"]) == 6
    assert await refused(api, MATCH, {"_access_number": "1-900-1"}) == NO_MATCH, "what it had before is no more"


@pytest.mark.spec("RA-3", "RA-6", "AUTH-6", "ERR-5")
async def test_who_is_given_no_number(api: Api, clock: Clock) -> None:
    wanted = {"_id": (await asked(api, INTERACTION, WANTED, ALICE))["_id"], "_resource_group": "shared"}
    assert await refused(api, ACCESS, {**wanted, "_id": None}) == WRONG
    assert await refused(api, ACCESS, {**wanted, "_id": "1-2"}) == MISSING
    assert await refused(api, ACCESS, wanted, BOB) == MISSING
    assert await refused(api, ACCESS, {**wanted, "_resource_group": None}) == NO_GROUP
    assert await refused(api, ACCESS, {**wanted, "_resource_group": "empty"}) == NONE_FREE
    assert await refused(api, ACCESS, {**wanted, "_booking_expiration_timeout": "0"}) == WRONG
    assert (await asked(api, MATCH, {"_access_number": "1-800-1"}))["_id"] == wanted["_id"], "it kept its number"
    clock.now += 30
    assert await refused(api, ACCESS, wanted) == MISSING


@pytest.mark.spec("AUTH-3", "RA-3")
async def test_no_number_for_the_instance_of_a_service_whose_account_was_not_shown(
    api: Api, configured: dict[str, dict[str, str]]
) -> None:
    own = {"username": "vip", "password": LIGHT.hash("own")}
    configured["vip"] = {"_service": "request-interaction", "_ttl": "600", **own}
    configured["access"] = {"_service": "request-access", **own}
    shown = basic("vip", "own")
    id = (await asked(api, "/service/vip", WANTED, shown))["_id"]
    assert await refused(api, ACCESS, {"_id": id, "_resource_group": "shared"}) == MISSING
    answer = await asked(api, "/service/access", {"_id": id, "_resource_group": "shared"}, shown)
    assert answer["_access_number"] == "1-900-1"


# match-interaction -------------------------------------------------------------------------------


@pytest.mark.spec("MI-1", "MI-2", "MI-3", "MI-6", "ST-15", "SV-4")
async def test_a_call_finds_its_instance_once(api: Api) -> None:
    begun = await asked(api, INTERACTION, {**WANTED, "colour": "red"})
    found = await asked(api, MATCH, {"_access_number": "+1 (800) 1", "_phone_number": "+1 650 466 9999"})
    assert found.keys() == {"_id", "_data_id"}
    assert found["_id"] == begun["_id"]
    assert await api.ask(f"/storage/{found['_data_id']}") == (200, {"colour": "red"})
    assert await refused(api, MATCH, {"_access_number": "1-800-1"}) == NO_MATCH


@pytest.mark.spec("MI-5")
async def test_what_tells_one_call_on_a_shared_number_from_others(api: Api) -> None:
    wanted = {"_resource_group": "shared", "_provide_code": "true"}
    first = await asked(api, INTERACTION, {**wanted, "_phone_number": "6505550001", "_provide_code": "false"})
    second = await asked(api, INTERACTION, {**wanted, "_phone_number": "6505550002"})
    number = {"_access_number": "1-900-1"}
    assert await refused(api, MATCH, number) == NO_MATCH
    assert await refused(api, MATCH, {**number, "_phone_number": "6505550002"}) == NO_MATCH, "the code is missing"
    assert await refused(api, MATCH, {**number, "_phone_number": "6505550003"}) == NO_MATCH
    found = await asked(api, MATCH, {**number, "_access_code": second["_access_code"]})
    assert found["_id"] == second["_id"]
    assert (await asked(api, MATCH, number))["_id"] == first["_id"], "alone on it by now"


@pytest.mark.spec("MI-7", "SV-7")
async def test_extras_of_a_match(api: Api, configured: dict[str, dict[str, str]], clock: Clock) -> None:
    shared = {"_phone_number": PHONE, "_resource_group": "shared"}
    ids = []
    for n in range(2):
        ids.append((await asked(api, INTERACTION, {**shared, "n": n}))["_id"])
        clock.now += 1
    configured["calls"] = {"_type": "builtin", "_name": "match-interaction", "_return_multiple_matches": "true"}
    call = {"_access_number": "1-900-1", "_phone_number": PHONE, "_return_data": "true", "_delete_service": "true"}
    found = await asked(api, "/service/calls", call)
    assert [(each["_id"], each["_data"]) for each in found["matches"]] == [(ids[0], {"n": "0"}), (ids[1], {"n": "1"})]
    for each in found["matches"]:
        assert (await api.fetch(f"/genesys/1/service/{each['_id']}/storage")).code == 404
        assert (await api.fetch(f"/genesys/1/storage/{each['_data_id']}")).code == 404


@pytest.mark.spec("MI-9")
async def test_a_call_to_no_number(api: Api) -> None:
    assert await refused(api, MATCH, {"_phone_number": PHONE}) == WRONG


class Calls:
    """A kind of callback that waits to be called, and notes that it was."""

    def __init__(self, side: CustomerSide) -> None:
        self._side = side
        self.within: list[str] = []
        self.after: list[str] = []
        side.services.kinds["callback"] = Kind(start=self.start)
        side.access.matching.append(self.match)
        side.access.matched.append(self.tell)

    async def start(self, service: Service, request: Request) -> Mapping[str, Any]:
        async def decision(turn: Turn) -> Instance:
            return await self._side.instances.create(
                turn,
                service=service.asked,
                name=service.name,
                kind="callback",
                user=request.user,
                ttl=600.0,
                values=request.values,
            )

        return {"_id": (await self._side.instances.decide(decision)).id}

    async def match(self, turn: Turn, instance: Instance) -> None:
        self.within.append(instance.id)

    async def tell(self, id: str) -> None:
        self.after.append(id)


@pytest.mark.spec("MI-8")
async def test_a_callback_is_told_that_its_customer_calls(
    api: Api, side: CustomerSide, configured: dict[str, dict[str, str]]
) -> None:
    configured["call-me"] = {"_type": "ors", "_service_type": "callback"}
    calls = Calls(side)
    id = (await asked(api, "/service/call-me", {}))["_id"]
    await asked(api, ACCESS, {"_id": id, "_resource_group": "DNIS"})
    await asked(api, INTERACTION, WANTED)
    await asked(api, MATCH, {"_access_number": "1-800-1"})
    await asked(api, MATCH, {"_access_number": "1-800-2"})
    assert calls.within == calls.after == [id]


@pytest.mark.spec("AUTH-7")
@pytest.mark.parametrize(
    ("settings", "shown", "status"),
    [
        ({"api_key": "secret"}, {"X-Api-Key": "secret"}, 404),
        ({"api_key": "secret"}, {"X-Api-Key": "wrong"}, 403),
        ({"api_key": "secret"}, {}, 403),
        ({"trusted_networks": ["127.0.0.0/8"]}, {}, 404),
        ({"trusted_networks": ["10.0.0.0/8", "fd00::/8"]}, {}, 403),
        ({"trusted_networks": ["127.0.0.0/8"], "api_key": "secret"}, {}, 403),
    ],
)
async def test_calls_are_matched_for_the_contact_center_alone(api: Api, shown: dict[str, str], status: int) -> None:
    call = json.dumps({"_access_number": "1"})
    answer = await api.fetch("/genesys/1" + MATCH, "POST", headers={**JSON, **shown}, body=call)
    assert answer.code == status
    assert (await api.fetch("/genesys/1" + INTERACTION, "POST", headers=JSON, body=json.dumps(WANTED))).code == 200


# The printed samples -----------------------------------------------------------------------------


@pytest.mark.spec("RI-9", "G-2", "G-3")
@pytest.mark.parametrize("name", ["13-iphoneservice-create", "13-iphoneservice-create.new-base"])
async def test_the_service_of_the_sample(
    api: Api, configured: dict[str, dict[str, str]], pools: dict[str, Pool], name: str
) -> None:
    configured |= json.loads((SAMPLES / "13-iphoneservice-create.config.json").read_text("utf-8"))
    pools["iPhoneService"] = Pool(name="iPhoneService", numbers=["1-800-1234"])
    status, answer = await api.send_raw((SAMPLES / f"{name}.request.http").read_bytes())
    printed = json.loads((SAMPLES / "13-iphoneservice-create.response.inferred.json").read_text("utf-8"))
    assert status == 200
    assert {**answer, "_id": ""} == {**printed, "_id": ""}
    assert await api.ask(f"/service/{answer['_id']}/storage") == (
        200,
        {"current_location_latitude": "48.8583", "current_location_longitude": "2.2944"},
    )


@pytest.mark.spec("ST-1", "G-3")
async def test_the_storage_of_the_sample(api: Api) -> None:
    status, answer = await api.send_raw((SAMPLES / "15-storage-create.request.http").read_bytes())
    assert (status, answer.keys()) == (200, {"id"})
    assert await api.ask(f"/storage/{answer['id']}") == (200, {"key1": "Value1", "key2": "Value2"})
