"""Configured services over HTTP."""

from __future__ import annotations

import logging

import pytest

from gateway.callback.profiles import PRESETS
from gateway.services.names import RESERVED
from tests.management.conftest import Admin, basic

NEW = {"name": "sales", "options": {"_type": "ors", "_service_type": "callback", "_target": "a@StatServer.GA"}}


@pytest.mark.spec("MG-4", "OPT-7")
async def test_what_is_configured_is_listed(admin: Admin) -> None:
    _, listed = await admin.ask("/services")
    assert [each["name"] for each in listed["services"]] == ["chat-delay", "iPhoneService"]
    _, shown = await admin.ask("/services/chat-delay")
    assert shown == listed["services"][0]
    assert shown["section"] == "service.chat-delay"
    assert shown["url"] == "/genesys/1/service/callback/chat-delay"
    assert (await admin.ask("/services/iPhoneService"))[1]["url"] == "/genesys/1/service/iPhoneService"
    assert (await admin.ask("/services/nothing"))[0] == 404


@pytest.mark.spec("MG-4", "MG-20")
async def test_a_service_is_made_changed_and_removed(admin: Admin) -> None:
    status, made = await admin.ask("/services", "POST", NEW)
    assert status == 201
    assert made["changedBy"] == "ada"
    assert made["changedAt"].endswith("Z")
    configured = admin.side.configuration.services
    assert configured["sales"] == NEW["options"]
    status, changed = await admin.ask("/services/sales", "PUT", {"options": {**made["options"], "_ttl": "60"}})
    assert (status, changed["options"]["_ttl"]) == (200, "60")
    assert admin.side.configuration.services["sales"]["_ttl"] == "60"
    assert (await admin.ask("/services/sales", "DELETE"))[0] == 204
    assert (await admin.ask("/services/sales"))[0] == 404
    assert "sales" not in admin.side.configuration.services


@pytest.mark.spec("MG-4")
async def test_where_a_new_service_is_stands_in_the_answer(admin: Admin) -> None:
    body = '{"name": "sales", "options": {}}'
    headers = {**basic("ada"), "Content-Type": "application/json; charset=UTF-8"}
    answer = await admin.fetch("/admin/services", "POST", headers=headers, body=body)
    assert answer.headers["Location"] == "/genesys/1/admin/services/sales"
    assert answer.headers["ETag"] == await admin.tag("/services/sales")


@pytest.mark.spec("MG-24")
async def test_a_name_that_is_taken_is_a_conflict(admin: Admin) -> None:
    assert (await admin.ask("/services", "POST", {"name": "chat-delay", "options": {}}))[0] == 409


@pytest.mark.spec("SV-8")
@pytest.mark.parametrize("name", [*sorted(RESERVED), "get-dialog-x", "1a", "a b", "a/b", "é", "a" * 65, ""])
async def test_a_name_that_means_something_else_is_refused(admin: Admin, name: str) -> None:
    assert await admin.wrongs("/services", "POST", {"name": name, "options": {}}) == ["name"]


@pytest.mark.spec("MG-21")
@pytest.mark.parametrize("option", ["1a", "a-b", "a b", "", "é", "a" * 129])
async def test_an_option_is_named_by_an_identifier(admin: Admin, option: str) -> None:
    assert len(await admin.wrongs("/services", "POST", {"name": "sales", "options": {option: "x"}})) == 1


@pytest.mark.spec("OPT-1", "MG-24", "TH-7")
async def test_texts_of_the_wrong_type_are_told_all_at_once(admin: Admin) -> None:
    options = {"_ttl": "soon", "_provide_code": "maybe", "_eta_pos_threshold": "0:10,nonsense", "_type": "other"}
    assert await admin.wrongs("/services", "POST", {"name": "sales", "options": options}) == [*options]
    assert "sales" not in admin.side.configuration.services


@pytest.mark.spec("MG-24")
@pytest.mark.parametrize(
    "body", [[], "text", {"name": "sales", "options": []}, {"name": 5}, {"name": "a", "options": {"_ttl": 5}}]
)
async def test_json_of_another_shape_is_refused_with_its_place(admin: Admin, body: object) -> None:
    assert await admin.wrongs("/services", "POST", body)


@pytest.mark.spec("MG-24")
@pytest.mark.parametrize("body", ["", "{", "\x00", "[" * 100_000, '{"a": NaN}'])
async def test_what_is_no_json_is_refused(admin: Admin, body: str) -> None:
    headers = {**basic("ada"), "Content-Type": "application/json"}
    assert (await admin.fetch("/admin/services", "POST", headers=headers, body=body)).code == 400


@pytest.mark.spec("MG-24")
async def test_another_media_type_and_too_large_a_body_are_refused(admin: Admin) -> None:
    headers = {**basic("ada"), "Content-Type": "application/xml"}
    assert (await admin.fetch("/admin/services", "POST", headers=headers, body="<a/>")).code == 415
    headers["Content-Type"] = "application/json"
    assert (await admin.fetch("/admin/services", "POST", headers=headers, body=" " * 1_048_577)).code == 413


@pytest.mark.spec("MG-24")
async def test_a_change_of_another_state_than_was_read_is_refused(admin: Admin) -> None:
    path, body = "/services/chat-delay/options/_ttl", {"value": "60"}
    tag = await admin.tag("/services/chat-delay")
    assert (await admin.ask(path, "PUT", body, If_Match=tag))[0] == 200
    assert (await admin.ask(path, "PUT", body, If_Match=tag))[0] == 412
    assert (await admin.ask("/services/chat-delay", "PUT", {"options": {}}, If_Match=tag))[0] == 412
    assert (await admin.ask("/services/chat-delay", "DELETE", If_Match=tag))[0] == 412
    assert (await admin.ask(path, "PUT", body, If_Match=f'"other", {await admin.tag("/services/chat-delay")}'))[
        0
    ] == 200
    assert (await admin.ask(path, "PUT", body, If_Match=f"W/{await admin.tag('/services/chat-delay')}"))[0] == 412
    assert (await admin.ask(path, "PUT", body, If_Match="*"))[0] == 200
    assert (await admin.ask(path, "PUT", body, If_Match="unquoted"))[0] == 400


@pytest.mark.spec("MG-5", "OPT-4")
async def test_an_option_is_set_renamed_and_removed(admin: Admin) -> None:
    path = "/services/chat-delay/options"
    assert (await admin.ask(f"{path}/own", "PUT", {"value": "1"}))[0] == 200
    assert (await admin.ask(f"{path}/own"))[1] == {"name": "own", "value": "1"}
    status, answer = await admin.ask(f"{path}/own/rename", "POST", {"name": "other"})
    assert status == 200
    assert (answer["options"].get("own"), answer["options"]["other"]) == (None, "1")
    assert (await admin.ask(f"{path}/other", "DELETE"))[0] == 204
    assert (await admin.ask(f"{path}/other", "DELETE"))[0] == 404
    assert (await admin.ask(f"{path}/other/rename", "POST", {"name": "own"}))[0] == 404
    assert (await admin.ask("/services/nothing/options/own", "PUT", {"value": "1"}))[0] == 404
    await admin.ask(f"{path}/_urs_strategy_update_subroutine", "PUT", {"value": "SetRouteDelay"})
    assert (await admin.options("chat-delay"))["_urs_strategy_update_sub_routine"] == "SetRouteDelay"


@pytest.mark.spec("MG-5")
async def test_an_option_is_not_renamed_to_one_that_is_there(admin: Admin) -> None:
    path = "/services/iPhoneService/options"
    await admin.ask(f"{path}/own", "PUT", {"value": "1"})
    assert (await admin.ask(f"{path}/own/rename", "POST", {"name": "_ttl"}))[0] == 409
    assert (await admin.ask(f"{path}/own/rename", "POST", {"name": "a-b"}))[0] == 422
    assert (await admin.ask(f"{path}/own/rename", "POST", {"name": "own"}))[0] == 200


@pytest.mark.spec("MG-5", "SEC-55")
async def test_a_secret_is_not_shown_by_another_name(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    """Renamed to what is no secret's name it was answered, and logged, as it is."""
    caplog.set_level(logging.INFO)
    path = "/services/iPhoneService/options"
    await admin.ask(f"{path}/own_secret", "PUT", {"value": "moon-and-stars"})
    assert (await admin.ask(f"{path}/own_secret/rename", "POST", {"name": "own"}))[0] == 409
    status, answer = await admin.ask(f"{path}/own_secret/rename", "POST", {"name": "other_secret"})
    assert (status, answer["options"]["other_secret"]) == (200, "***")
    assert "moon-and-stars" not in str([vars(record) for record in caplog.records])


@pytest.mark.spec("SM-4", "MG-5")
async def test_what_is_mandatory_is_neither_removed_nor_renamed(admin: Admin) -> None:
    path = "/services/chat-delay/options"
    for option in ("_target", "_type", "_service_type", "_profile", "_media_type"):
        assert (await admin.ask(f"{path}/{option}", "DELETE"))[0] == 409, option
        assert (await admin.ask(f"{path}/{option}/rename", "POST", {"name": "other"}))[0] == 409, option
    without = {name: text for name, text in (await admin.options("chat-delay")).items() if name != "_target"}
    assert (await admin.ask("/services/chat-delay", "PUT", {"options": without}))[0] == 409
    assert (await admin.ask(f"{path}/_target", "PUT", {"value": "b@StatServer.GA"}))[0] == 200
    assert (await admin.options("chat-delay"))["_target"] == "b@StatServer.GA"


@pytest.mark.spec("SM-4")
async def test_a_service_without_its_target_is_incomplete(admin: Admin) -> None:
    await admin.ask("/services", "POST", {"name": "sales", "profile": "Chat-Delayed"})
    assert (await admin.ask("/services/sales"))[1]["incomplete"] == ["_target", "_urs_virtual_queue"]
    await admin.ask("/services/sales/options/_target", "PUT", {"value": "a@StatServer.GA"})
    assert (await admin.ask("/services/sales"))[1]["incomplete"] == ["_urs_virtual_queue"]


@pytest.mark.spec("SM-3")
async def test_what_selects_a_profile_stays(admin: Admin) -> None:
    path = "/services/chat-delay/options"
    for option, text in (("_media_type", "voice"), ("_wait_for_agent", "false"), ("_profile", "Chat-Immediate")):
        assert (await admin.ask(f"{path}/{option}", "PUT", {"value": text}))[0] in (409, 422), option
    assert (await admin.options("chat-delay"))["_media_type"] == "chat"
    same = {"options": await admin.options("chat-delay")}
    assert (await admin.ask("/services/chat-delay", "PUT", same))[0] == 200
    wrong = {"name": "sales", "profile": "Chat-Delayed", "options": {"_media_type": "voice"}}
    assert await admin.wrongs("/services", "POST", wrong) == ["_media_type"]


@pytest.mark.spec("OPT-5", "SM-1")
@pytest.mark.parametrize("profile", PRESETS)
async def test_a_service_begins_with_what_its_profile_presets(admin: Admin, profile: str) -> None:
    new = {"name": "sales", "profile": profile, "options": {"_target": "a@StatServer.GA"}}
    status, made = await admin.ask("/services", "POST", new)
    assert status == 201, made
    assert (made["template"], made["profile"]) == ("callback", profile)
    options = made["options"]
    for name, text in next(preset for each, preset in PRESETS.items() if each == profile).items():
        assert options[name] == text
    assert options["_target"] == "a@StatServer.GA"
    assert options["_urs_strategy_update_sub_routine"] == "SetRouteDelay"
    assert options["_service_type"] == "callback"
    if "User" in profile:
        assert (options["_resource_group"], options["_userorig_connect_limit"]) == ("DNIS", "3")


@pytest.mark.spec("MG-24")
async def test_an_unknown_template_or_profile_is_refused(admin: Admin) -> None:
    assert await admin.wrongs("/services", "POST", {"name": "sales", "template": "nothing"}) == ["template"]
    assert await admin.wrongs("/services", "POST", {"name": "sales", "profile": "Nothing"}) == ["profile"]


@pytest.mark.spec("AUTH-5", "SEC-55")
async def test_a_password_is_kept_as_its_hash_and_shown_to_nobody(admin: Admin) -> None:
    account = {"username": "gms", "password": "hunter2"}
    status, made = await admin.ask("/services", "POST", {"name": "sales", "options": account})
    assert status == 201, made
    assert made["options"] == {"username": "gms", "password": "***"}
    kept = admin.side.configuration.services["sales"]["password"]
    assert kept.startswith("$argon2id$")
    assert (await admin.ask("/services/sales/options/password"))[1]["value"] == "***"
    status, _ = await admin.ask("/services/sales", "PUT", {"options": {**made["options"], "_ttl": "60"}})
    assert status == 200
    assert admin.side.configuration.services["sales"]["password"] == kept


@pytest.mark.spec("MG-4", "SEC-55")
async def test_every_change_is_told_in_the_log(admin: Admin, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gateway.audit")
    await admin.ask("/services/chat-delay/options/_ttl", "PUT", {"value": "60"})
    await admin.ask("/services", "POST", {"name": "sales", "options": {"username": "gms", "password": "hunter2"}})
    await admin.ask("/services/sales", "DELETE")
    changed, made, removed = (record.__dict__ for record in caplog.records if record.name == "gateway.audit")
    assert (changed["user"], changed["what"]) == ("ada", "services/chat-delay")
    assert (changed["before"], changed["after"]) == ({}, {"_ttl": "60"})
    assert (made["before"], made["after"]) == (None, {"username": "gms", "password": "***"})
    assert (removed["before"], removed["after"]) == ({"username": "gms", "password": "***"}, None)
    assert "hunter2" not in caplog.text


@pytest.mark.spec("G-22", "MG-24")
async def test_other_methods_are_refused_with_those_that_there_are(admin: Admin) -> None:
    answer = await admin.fetch("/admin/services", "DELETE", headers=basic("ada"))
    assert (answer.code, answer.headers["Allow"]) == (405, "GET, HEAD, POST, OPTIONS")
    answer = await admin.fetch("/admin/services", "PATCH", headers=basic("ada"), body="")
    assert answer.code == 405
    assert (await admin.fetch("/admin/services", "OPTIONS")).code == 204
    assert (await admin.fetch("/admin/services", "HEAD", headers=basic("ada"))).code == 200


async def test_paths_may_be_encoded(admin: Admin) -> None:
    for path in ("/services/..%2f..%2fme", "/services/%00", "/services/%ff", "/services/a%0d%0ab"):
        assert (await admin.fetch(f"/admin{path}", headers=basic("ada"))).code in (400, 404), path
