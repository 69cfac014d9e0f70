"""Callbacks by REST: begun, asked, found, cancelled and changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.access.pool import Pool, Strategy
from gateway.callback.events import AgentConnected, Contact
from gateway.callback.profiles import Media, Profile
from gateway.customers.side import CustomerSide
from gateway.services.patterns import Group, compiled
from tests.callbacks.office import NUMBER, service_options
from tests.callbacks.queues import Queues
from tests.customers.conftest import ALICE, BOB, JSON, LIGHT, Api, Clock, basic

EXCEPTIONS = "services.callback.exceptions.CallbackException"
DIGITS = "5551234"
TOLD = {"_customer_number": NUMBER, "_device_notification_id": "alice", "_device_os": "comet"}


@pytest.fixture
def configured() -> dict[str, dict[str, str]]:
    return {
        "chat-delay": {"_type": "ors", **service_options(Profile.CHAT_WAIT)},
        "chat-now": {"_type": "ors", **service_options(Profile.CHAT_NOW)},
        "voice-now": {"_type": "ors", **service_options(Profile.VOICE_NOW)},
        "shop": {
            "_type": "ors",
            **service_options(Profile.CHAT_NOW, customer_lookup_keys="_customer_number,_order"),
        },
    }


@pytest.fixture
def pools() -> dict[str, Pool]:
    return {"DNIS": Pool(name="DNIS", numbers=["1-800-1234"], strategy=Strategy.CLUSTER)}


@pytest.fixture
def queues(side: CustomerSide) -> Queues:
    queues = Queues(names={"sales"}, listener=side.callbacks.news)
    side.callbacks.routers.update(dict.fromkeys(Media, queues))
    return queues


class App:
    """A customer's."""

    def __init__(self, api: Api, user: Mapping[str, str] = ALICE) -> None:
        self._api = api
        self._user = user

    async def ask(self, path: str, method: str, values: Mapping[str, Any] | None = None, **headers: str) -> Any:
        body = json.dumps(values) if values is not None else None
        return await self._api.ask(path, method, headers={**self._user, **JSON, **headers}, body=body)

    async def begins(self, service: str = "chat-delay", **values: Any) -> str:
        """Its id."""
        status, answer = await self.ask(f"/service/callback/{service}", "POST", values or TOLD)
        assert status == 200, answer
        return str(answer["_id"])

    async def does(self, path: str, method: str = "POST", values: Mapping[str, Any] | None = None) -> Any:
        status, answer = await self.ask(path, method, {} if values is None and method != "GET" else values)
        assert status == 200, answer
        return answer

    async def refused(self, path: str, method: str, values: Mapping[str, Any] | None = None) -> tuple[int, str]:
        status, answer = await self.ask(path, method, values)
        return status, answer["exception"].removeprefix("com.genesyslab.gsg.")

    async def found(self, service: str = "", **asked: str) -> list[str]:
        """Ids of the records."""
        path = f"/service/callback{f'/{service}' if service else ''}?{urlencode(asked)}"
        return [each["_id"] for each in await self.does(path, "GET")]


@pytest.fixture
def alice(api: Api, queues: Queues) -> App:
    return App(api)


@pytest.fixture
def bob(api: Api, queues: Queues) -> App:
    return App(api, BOB)


# Start -------------------------------------------------------------------------------------------


@pytest.mark.spec("CB-1", "CB-2", "DN-2", "DN-2a", "G-3")
async def test_a_delayed_callback_is_begun(alice: App) -> None:
    status, answer = await alice.ask("/service/callback/chat-delay", "POST", TOLD)
    assert status == 200
    assert answer.pop("_id")
    assert answer == {
        "_dialog_id": "0",
        "_action": "ConfirmationDialog",
        "_text": "We will notify you when agent is available",
        "_ok_title": "Ok",
    }


@pytest.mark.spec("SM-31", "DN-3", "CB-4")
async def test_an_immediate_call_needs_no_parameters(alice: App) -> None:
    answer = await alice.does("/service/callback/voice-now")
    assert (answer["_action"], answer["_access_number"], answer["_tel_url"]) == (
        "DialNumber",
        "1-800-1234",
        "tel:18001234",
    )
    assert await alice.refused("/service/callback/voice-now", "POST", {}) == (
        503,
        "services.resource.ResourceException",
    )


@pytest.mark.spec("SV-3", "DN-4", "G-25")
async def test_a_callback_is_begun_by_the_generic_interface_too(alice: App, api: Api) -> None:
    answer = await alice.does("/service/chat-now", values={**TOLD, "_chat_parameters": {"subject": "Hats"}})
    base = f"{api.origin}/genesys"
    assert answer.pop("_id") in answer["_start_chat_url"]
    assert answer == {
        "_dialog_id": "1",
        "_action": "StartChat",
        "_label": "Start Chat",
        "_start_chat_url": answer["_start_chat_url"],
        "_comet_url": f"{base}/cometd",
        "_user_header": "alice",
        "_id_to_jump_before": "exit://",
        "_chat_parameters": {"subject": "Hats"},
    }


@pytest.mark.spec("CB-14", "SV-2", "SM-4")
async def test_a_service_that_nobody_can_begin(alice: App, configured: dict[str, dict[str, str]]) -> None:
    configured["aimless"] = {"_type": "ors", **service_options(Profile.CHAT_NOW), "_target": " "}
    assert await alice.refused("/service/callback/nothing", "POST", TOLD) == (404, "services.ServiceNotFoundException")
    assert await alice.refused("/service/callback/callback", "POST", {}) == (404, "services.ServiceNotFoundException")
    assert await alice.refused("/service/callback/request-interaction", "POST", {}) == (
        404,
        "services.ServiceNotFoundException",
    )
    assert await alice.refused("/service/callback/aimless", "POST", TOLD) == (500, "services.ors.OrsServiceException")


WRONG = {
    "number is missing": ({}, "InvalidOption"),
    "number is impossible": ({"_customer_number": DIGITS[:3]}, "Number"),
    "number is none": ({"_customer_number": "call me"}, "Number"),
    "number is long": ({"_customer_number": "1" * 100}, "Number"),
    "number is premium": ({"_customer_number": "+1 900 555 1234"}, "Number"),
    "number is excluded": ({"_customer_number": "408 555 0000"}, "Excluded"),
    "device has no system": ({**TOLD, "_device_os": ""}, "InvalidOption"),
    "device has no id": ({**TOLD, "_device_notification_id": ""}, "InvalidOption"),
    "device is unknown": ({**TOLD, "_device_os": "toaster"}, "InvalidOption"),
    "device is another's": ({**TOLD, "_device_notification_id": "bob"}, "InvalidOption"),
    "time is none": ({**TOLD, "_desired_time": "tomorrow"}, "InvalidOption"),
    "time has no offset": ({**TOLD, "_desired_time": "2026-03-02T09:00:00"}, "InvalidOption"),
    "time is later": ({**TOLD, "_desired_time": "2126-03-02T09:00:00.000Z"}, "Availability"),
    "state is none": ({**TOLD, "_callback_state": "COMPLETED"}, "InvalidOption"),
    "chat parameters are none": ({**TOLD, "_chat_parameters": "[1]"}, "InvalidOption"),
    "chat parameters are no JSON": ({**TOLD, "_chat_parameters": "{"}, "InvalidOption"),
}


@pytest.mark.spec("CB-2", "CB-3", "CB-4", "CB-5", "CB-6", "CB-7", "CB-1", "CB-19", "ERR-3", "ERR-5", "G-21")
@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_begins_nothing(
    alice: App,
    side: CustomerSide,
    configured: dict[str, dict[str, str]],
    patterns: dict[str, Group],
    what: str,
) -> None:
    configured["chat-delay"] |= {"_exceptions": "blocked", "_throttle_request_parameters_limit": "1"}
    patterns["blocked"] = compiled({"one": r"\+1408555\d+"})
    values, exception = WRONG[what]
    for _ in range(2):
        assert await alice.refused("/service/callback/chat-delay", "POST", values) == (400, EXCEPTIONS + exception)
    await alice.begins()


@pytest.mark.spec("CB-5")
async def test_numbers_are_checked_as_the_service_wants(alice: App, configured: dict[str, dict[str, str]]) -> None:
    here = configured["chat-delay"]
    here["_default_country"] = "SG"
    await alice.begins(_customer_number="96760887")
    here["_default_country"] = ""
    status, answer = await alice.ask("/service/callback/chat-delay", "POST", {"_customer_number": NUMBER})
    assert (status, "_default_country" in answer["message"]) == (400, True)
    here["_disallow_impossible_phone_numbers"] = "false"
    here["_disallow_premium_phone_numbers"] = "false"
    await alice.begins(_customer_number="whatever")


@pytest.mark.spec("CB-6")
@pytest.mark.expected_logs("there is no pattern group gone")
async def test_a_group_of_exceptions_that_there_is_not_is_empty(
    alice: App, configured: dict[str, dict[str, str]]
) -> None:
    configured["chat-delay"]["_exceptions"] = "gone"
    await alice.begins()


@pytest.mark.spec("CB-15", "ERR-4", "ERR-6", "CB-20")
async def test_a_limit_says_when_to_come_again(api: Api, alice: App, configured: dict[str, dict[str, str]]) -> None:
    configured["chat-delay"]["_throttle_callbacks_per_service_1"] = "1"
    await alice.begins()
    path, body = "/genesys/1/service/callback/chat-delay", json.dumps({"_customer_number": "4082652640"})
    answer = await api.fetch(path, "POST", headers={**ALICE, **JSON}, body=body)
    assert answer.code == 503
    assert answer.headers["Retry-After"] == "300"
    told = json.loads(answer.body)
    assert told["exception"].endswith("CallbackExceptionServiceUnavailable")
    assert "chat-delay" in told["message"]
    assert "300" in told["message"]
    configured["chat-delay"]["_throttle_callbacks_per_service_1"] = "0"
    await alice.begins(_customer_number="4082652640")


@pytest.mark.spec("CB-19", "NT-3")
async def test_a_device_that_is_switched_off_is_told_however_full_it_is(
    alice: App, configured: dict[str, dict[str, str]]
) -> None:
    configured["chat-delay"]["_throttle_callbacks_per_service_1"] = "1"
    await alice.begins()
    assert await alice.refused("/service/callback/chat-delay", "POST", {**TOLD, "_device_os": "ios"}) == (
        400,
        "GSGException",
    )


@pytest.mark.spec("CB-10")
async def test_a_repeated_request_gets_its_first_answer(alice: App) -> None:
    path = "/service/callback/voice-now"
    answers = [await alice.ask(path, "POST", {"a": "b"}, **{"Idempotency-Key": "k"}) for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0][0] == 200
    status, _ = await alice.ask(path, "POST", {"a": "c"}, **{"Idempotency-Key": "k"})
    assert status == 409
    status, _ = await alice.ask(path, "POST", {"a": "c"}, **{"Idempotency-Key": "k" * 129})
    assert status == 400


# What an instance is asked ------------------------------------------------------------------------


@pytest.mark.spec("SV-20", "SV-21", "SV-30", "SV-40", "SV-41", "SV-42", "DN-5")
async def test_an_app_goes_from_its_place_to_the_chat(api: Api, alice: App, bob: App, queues: Queues) -> None:
    id = await alice.begins()
    here = f"/service/{id}"
    menu = "get-dialog-user-confirmation-provide_code-false"
    for path in (f"{here}/connect", f"{here}/{menu}"):
        assert await alice.refused(path, "POST", {}) == (503, EXCEPTIONS + "ServiceUnavailable")
    far = await alice.does(f"{here}/check-queue-position")
    assert (far["_position"], far["_agent_ready_threshold_passed"]) == (21, False)
    queues.nears()
    near = await alice.does(f"{here}/check-queue-position", "GET")
    assert near["_agent_ready_threshold_passed"] is True
    shown = await alice.does(f"{here}/{menu}", "GET")
    assert shown == await alice.does(f"{here}/{menu}")
    connect, cancel = shown["_content"][0]["_group_content"]
    assert connect["_user_action_url"] == f"{api.origin}/genesys/1{here}/connect"
    assert await bob.refused(f"{here}/connect", "POST", {}) == (404, "services.ServiceNotFoundException")
    assert (await alice.does(f"{here}/connect"))["_action"] == "StartChat"
    assert cancel["_user_action_url"] == f"{api.origin}/genesys/1{here}/disconnect"
    assert await alice.does(f"{here}/disconnect") == {"_ok_title": "Ok", "_id": id}
    assert await alice.refused(f"{here}/disconnect", "POST", {}) == (400, EXCEPTIONS + "State")
    assert await alice.refused(f"{here}/connect", "POST", {}) == (400, EXCEPTIONS + "State")


@pytest.mark.spec("SV-32")
async def test_what_is_in_no_queue_has_no_place(alice: App) -> None:
    id = await alice.begins("chat-now")
    assert await alice.refused(f"/service/{id}/check-queue-position", "POST", {}) == (
        404,
        "services.ServiceNotFoundException",
    )


@pytest.mark.spec("SV-6")
async def test_instances_of_other_kinds_are_no_callbacks(alice: App) -> None:
    given = await alice.does(
        "/service/request-interaction", values={"_phone_number": NUMBER, "_resource_group": "DNIS"}
    )
    status, _ = await alice.ask(f"/service/{given['_id']}/connect", "POST", {})
    assert status == 404


@pytest.mark.spec("MI-8", "SM-25", "MI-3")
async def test_a_matched_call_is_routed(alice: App, side: CustomerSide, queues: Queues) -> None:
    id = (await alice.does("/service/callback/voice-now"))["_id"]
    await alice.does("/service/match-interaction", values={"_access_number": "1-800-1234"})
    assert await alice.found(_id=id, _callback_state="ROUTING") == [id]
    await side.callbacks.pump.drain()
    assert queues.waiting("sales") == [id]
    assert (await alice.does("/service/callback/voice-now"))["_access_number"] == "1-800-1234"


# Records -----------------------------------------------------------------------------------------


@pytest.mark.spec("CB-30", "CB-33", "CB-35", "G-21")
async def test_a_record_tells_where_its_callback_stands(alice: App, side: CustomerSide, clock: Clock) -> None:
    id = await alice.begins("chat-now", **TOLD, _vq="VQ", usr_reason="hats")
    (record,) = await alice.does(f"/service/callback?_id={id}", "GET")
    assert record == {
        "_id": id,
        "_desired_time": "1970-01-12T13:46:40.000Z",
        "_service_name": "chat-now",
        "_callback_state": "QUEUED",
        "_expiration_time": "1970-01-13T13:46:40.000Z",
        "_customer_number": NUMBER,
        "_url": f"/genesys/1/service/callback/chat-now/{id}",
    }
    await side.callbacks.request(id, Contact())
    await side.callbacks.news(id, AgentConnected())
    (record,) = await alice.does(f"/service/callback/chat-now?_customer_number={NUMBER}", "GET")
    assert (record["_callback_state"], record["_callback_reason"]) == ("COMPLETED", "AGENT_CONNECTED")
    assert await alice.found(_id=id, _vq="VQ") == [id]  # asked for, but not told
    assert await alice.found(_id=id, _vq="another") == []
    clock.now += 86_399
    assert await alice.found(_id=id) == [id]
    clock.now += 1
    assert await alice.found(_id=id) == []
    assert await alice.refused(f"/service/{id}/connect", "POST", {}) == (404, "services.ServiceNotFoundException")


@pytest.mark.spec("CB-30", "CB-31", "CB-36")
async def test_records_are_found_by_what_they_have_and_have_not(alice: App, clock: Clock) -> None:
    first = await alice.begins("chat-now", _customer_number=NUMBER)
    clock.now += 1
    second = await alice.begins("chat-delay", _customer_number=NUMBER)
    clock.now += 1
    third = await alice.begins("shop", _customer_number="4082652640", _order="7")
    await alice.does(f"/service/{first}/disconnect")
    assert await alice.found(_customer_number=NUMBER) == [first, second]
    assert await alice.found("chat-delay", _customer_number=NUMBER) == [second]
    assert await alice.found(_customer_number=NUMBER, _callback_state="!COMPLETED") == [second]
    assert await alice.found(_customer_number=f"!{NUMBER}") == [third]
    assert await alice.found(_customer_number=NUMBER, _order="7", operand="OR") == [first, second, third]
    assert await alice.found(_customer_number=NUMBER, _order="7") == []
    assert await alice.found(_id=first, _callback_state="QUEUED", operand="OR") == [first, second, third]
    assert await alice.found("shop", _order="7") == [third]
    assert await alice.found("chat-now", _id=third) == []
    assert await alice.found(_id="369-nobody") == []


@pytest.mark.spec("CB-32", "CB-41")
@pytest.mark.parametrize(
    "asked",
    [
        "",
        "_callback_state=QUEUED",
        "_customer_number=1&x=2",
        "_id=1&operand=NOR",
        "_order=7",
        "_id=1&_customer_number=",
    ],
)
async def test_what_records_cannot_be_asked_for_is_refused(alice: App, asked: str) -> None:
    path = f"/service/callback/chat-now?{asked}"
    assert await alice.refused(path, "GET") == (400, EXCEPTIONS + "InvalidOption")
    assert await alice.refused("/service/callback/nobody?_id=1", "GET") == (404, "services.ServiceNotFoundException")


@pytest.mark.spec("AUTH-6")
async def test_records_of_another_user_are_not_shown(alice: App, bob: App, api: Api) -> None:
    id = await alice.begins("chat-now", **TOLD)
    assert await bob.found(_id=id) == await bob.found(_customer_number=NUMBER) == []
    assert await App(api, {}).found(_id=id) == [id]
    for method, values in (("DELETE", None), ("PUT", {"a": "b"})):
        assert (await bob.refused(f"/service/callback/chat-now/{id}", method, values))[0] == 404


@pytest.mark.spec("AUTH-8", "CB-3")
@pytest.mark.parametrize("settings", [{"user_token_key": "k" * 32}])
async def test_who_proves_nothing_has_no_user_told(api: Api) -> None:
    """Else the device's name would fill the mailbox of whomever it names."""
    nobody = App(api, {})
    assert await nobody.refused("/service/callback/chat-now", "POST", TOLD) == (400, EXCEPTIONS + "InvalidOption")
    assert await nobody.begins("chat-now", _customer_number=NUMBER)


@pytest.mark.spec("AUTH-3", "CB-30")
@pytest.mark.parametrize("settings", [{"username": "gms", "password_hash": LIGHT.hash("secret")}, {}])
async def test_records_of_a_service_with_an_account_are_shown_to_that_alone(
    api: Api, configured: dict[str, dict[str, str]]
) -> None:
    """Neither the query over all services nor another service's name leads past the account."""
    configured["vip"] = {**configured["chat-now"], "username": "vip", "password": LIGHT.hash("own")}
    configured["front"] = {**configured["vip"], "_redirect": "chat-now"}
    servers, own = App(api, {**ALICE, **basic("gms", "secret")}), App(api, {**ALICE, **basic("vip", "own")})
    for service in ("vip", "front"):
        id = await own.begins(service, _customer_number=NUMBER)
        assert await servers.found(_id=id) == await servers.found(_customer_number=NUMBER) == []
        assert await servers.found("chat-now", _id=id) == []
        for method, values in (("DELETE", None), ("PUT", {"a": "b"})):
            assert (await servers.refused(f"/service/callback/chat-now/{id}", method, values))[0] == 404
        assert await own.found(service, _id=id) == [id]
        await own.does(f"/service/{id}/disconnect")


@pytest.mark.spec("AUTH-6", "CB-31")
@pytest.mark.parametrize("settings", [{"strict_user": True}])
@pytest.mark.parametrize("asked", [{"_id": "!x"}, {"_id": "x", "_callback_state": "QUEUED", "operand": "OR"}])
async def test_nobody_leafs_through_records_of_others(api: Api, alice: App, bob: App, asked: dict[str, str]) -> None:
    """Who knows a number may look for it; what names none shows one's own alone, where users count."""
    nobody = App(api, {})
    own = await alice.begins("chat-now", _customer_number="4082652640")
    open_to_all = await nobody.begins("chat-now", _customer_number=NUMBER)
    assert await alice.found(**asked) == [own]
    assert await bob.found(**asked) == await nobody.found(**asked) == []
    assert await bob.found(_customer_number=NUMBER) == await nobody.found(_id=open_to_all) == [open_to_all]


@pytest.mark.spec("CB-36")
async def test_more_than_500_records_are_truncated(api: Api, alice: App, configured: dict[str, dict[str, str]]) -> None:
    configured["chat-now"] |= {
        "_throttle_request_parameters_limit": "0",
        "_enable_in_queue_checking": "false",
        "_throttle_callbacks_per_service_1": "0",
    }
    path = f"/genesys/1/service/callback?_customer_number={NUMBER}"
    for _ in range(500):
        await alice.begins("chat-now", _customer_number=NUMBER)
    assert "X-Truncated" not in (await api.fetch(path)).headers
    await alice.begins("chat-now", _customer_number=NUMBER)
    answer = await api.fetch(path)
    assert answer.headers["X-Truncated"] == "true"
    assert len(json.loads(answer.body)) == 500


# Cancel, change ----------------------------------------------------------------------------------


@pytest.mark.spec("CB-12", "CB-13", "CB-14")
async def test_a_callback_is_cancelled_once(alice: App, side: CustomerSide, queues: Queues) -> None:
    id = await alice.begins()
    await side.callbacks.pump.drain()
    assert queues.waiting("sales") == [id]
    here = f"/service/callback/chat-delay/{id}"
    for wrong in (f"/service/callback/chat-now/{id}", "/service/callback/chat-delay/369-nobody"):
        assert await alice.refused(wrong, "DELETE") == (404, "services.ServiceNotFoundException")
    assert await alice.does(here, "DELETE") == {"_ok_title": "Ok", "_id": id}
    await side.callbacks.pump.drain()
    assert queues.waiting("sales") == []
    assert await alice.found(_id=id, _callback_reason="CANCELLED") == [id]
    assert await alice.refused(here, "DELETE") == (400, EXCEPTIONS + "State")
    assert await alice.does(f"{here}?discard_ors_failure=true", "DELETE") == {"_ok_title": "Ok", "_id": id}


@pytest.mark.spec("CB-13")
async def test_what_has_gone_can_be_discarded(alice: App, side: CustomerSide) -> None:
    id = await alice.begins("chat-now", **TOLD)
    await side.callbacks.request(id, Contact())
    await side.callbacks.news(id, AgentConnected())
    await alice.does(f"/service/callback/chat-now/{id}?discard_ors_failure=true", "DELETE")
    assert await alice.found(_id=id, _callback_reason="CANCELLED") == [id]


@pytest.mark.spec("CB-21", "CB-24", "CB-22", "CB-7")
async def test_a_record_is_changed(alice: App) -> None:
    id = await alice.begins("shop", _customer_number=NUMBER, _order="7")
    here = f"/service/callback/shop/{id}"
    changed = await alice.does(here, "PUT", {"_order": "8", "note": "call twice", "_callback_state": "QUEUED"})
    assert (changed["_order"], changed["note"]) == ("8", "call twice")
    assert await alice.found(_order="7") == []
    assert (await alice.does("/service/callback?_order=8", "GET")) == [changed]
    assert "note" not in await alice.does(here, "PUT", {"note": "", "_new_desired_time": "1970-01-01T00:00:00Z"})
    await alice.does(here, "PUT", {"_customer_number": "4082652640"})
    assert await alice.found(_customer_number="4082652640") == [id]
    for wrong, exception in (
        ({"_id": "1"}, "InvalidOption"),
        ({"_url": "x"}, "InvalidOption"),
        ({"_service_name": "x"}, "InvalidOption"),
        ({"_callback_reason": "x"}, "InvalidOption"),
        ({"_customer_number": ""}, "InvalidOption"),
        ({"_customer_number": "12"}, "Number"),
        ({"note": "n" * 2000}, "InvalidOption"),
        ({"_callback_state": "COMPLETED"}, "State"),
        ({"_new_desired_time": "2126-01-01T00:00:00Z"}, "Availability"),
        ({"_desired_time": "soon"}, "InvalidOption"),
    ):
        assert await alice.refused(here, "PUT", wrong) == (400, EXCEPTIONS + exception), wrong
    assert await alice.found(_customer_number="4082652640", _order="8") == [id]
    await alice.does(here, "DELETE")
    assert await alice.refused(here, "PUT", {"_new_desired_time": "1970-01-01T00:00:00Z"}) == (
        400,
        EXCEPTIONS + "State",
    )
