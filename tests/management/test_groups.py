"""Resource groups and pattern groups over HTTP."""

from __future__ import annotations

import pytest

from gateway.access.pool import Strategy
from tests.management.conftest import Admin


@pytest.mark.spec("MG-8", "RS-1", "RS-2", "MG-20")
async def test_a_resource_group_is_made_changed_and_removed(admin: Admin) -> None:
    entries = {"b": "1-800-2", "a": "1-800-1", "later": None, "_allocation_strategy": "CLUSTER"}
    status, made = await admin.ask("/resources", "POST", {"name": "Test", "entries": entries})
    assert (status, made["name"], made["entries"]) == (201, "Test", entries)
    pool = admin.side.configuration.pools["Test"]
    assert (pool.numbers, pool.strategy) == (("1-800-2", "1-800-1"), Strategy.CLUSTER)
    status, changed = await admin.ask("/resources/Test", "PUT", {"entries": {"a": "1"}})
    assert (status, changed["entries"]) == (200, {"a": "1"})
    assert (await admin.ask("/resources/Test", "DELETE"))[0] == 204
    assert [each["name"] for each in (await admin.ask("/resources"))[1]["resources"]] == ["DNIS"]


@pytest.mark.spec("MG-8", "RS-1")
async def test_a_key_is_set_and_removed(admin: Admin) -> None:
    path = "/resources/DNIS/match-interaction"
    assert (await admin.ask(path))[1] == {"name": "match-interaction", "value": ""}
    status, changed = await admin.ask(path, "PUT", {"value": "1-800-9"})
    assert status == 200
    assert changed["entries"] == {"Key1": "1-800-1234", "match-interaction": "1-800-9"}
    assert admin.side.configuration.pools["DNIS"].numbers == ("1-800-1234", "1-800-9")
    assert (await admin.ask("/resources/DNIS/Key%201", "PUT", {"value": "5"}))[0] == 200
    assert (await admin.ask("/resources/DNIS/Key%201", "DELETE"))[0] == 204
    assert (await admin.ask("/resources/DNIS/Key%201"))[0] == 404
    assert (await admin.ask("/resources/nothing/a", "PUT", {"value": "5"}))[0] == 404


@pytest.mark.spec("RS-2", "MG-24")
@pytest.mark.parametrize(
    ("key", "text"),
    [("_allocation_strategy", "NEAREST"), ("_booking_expiration_timeout", "0"), ("a/b", "1"), ("a", "1\n2"), ("", "1")],
)
async def test_a_group_that_could_not_be_used_is_refused(admin: Admin, key: str, text: str) -> None:
    assert len(await admin.wrongs("/resources", "POST", {"name": "Test", "entries": {key: text}})) == 1


@pytest.mark.spec("MG-24")
async def test_what_was_read_can_be_sent_back_and_other_members_are_refused(admin: Admin) -> None:
    """A member with a wrong name was passed over once: the group was there, and empty."""
    read = (await admin.ask("/resources/DNIS"))[1]
    assert (await admin.ask("/resources/DNIS", "PUT", read))[0] == 200
    key = (await admin.ask("/resources/DNIS/Key1"))[1]
    assert (await admin.ask("/resources/DNIS/Key1", "PUT", key))[0] == 200
    for kind in ("resources", "patterns", "services"):
        assert await admin.wrongs(f"/{kind}", "POST", {"name": "Test", "numbers": {"a": "1"}}) == ["numbers"]
        assert (await admin.ask(f"/{kind}/Test"))[0] == 404
    service = (await admin.ask("/services"))[1]["services"][0]
    assert (await admin.ask(f"/services/{service['name']}", "PUT", service))[0] == 200


@pytest.mark.spec("MG-7", "MG-20", "PT-8")
async def test_a_pattern_group_is_made_changed_and_removed(admin: Admin) -> None:
    entries = {"second": r"\d{3}\.\Q*\E", "first": "a|b"}
    status, made = await admin.ask("/patterns", "POST", {"name": "Test", "entries": entries})
    assert (status, made["entries"]) == (201, entries)
    assert [name for name, _ in admin.side.configuration.patterns["Test"]] == ["second", "first"]
    status, changed = await admin.ask("/patterns/Test/second", "PUT", {"value": r"\\x"})
    assert (status, changed["entries"]) == (200, {"second": r"\\x", "first": "a|b"})
    assert (await admin.ask("/patterns/Test/second"))[1] == {"name": "second", "value": r"\\x"}
    assert (await admin.ask("/patterns/Test", "DELETE"))[0] == 204
    assert (await admin.ask("/patterns/Test"))[0] == 404
    assert [each["name"] for each in (await admin.ask("/patterns"))[1]["patterns"]] == ["Callback_exceptions"]


@pytest.mark.spec("MG-7")
async def test_the_last_pattern_takes_its_group_along(admin: Admin) -> None:
    for name in ("exception1", "ex2", "ex3"):
        assert (await admin.ask(f"/patterns/Callback_exceptions/{name}", "DELETE"))[0] == 204
    assert (await admin.ask("/patterns/Callback_exceptions"))[1]["entries"] == {"ddd": "12345"}
    assert (await admin.ask("/patterns/Callback_exceptions/ddd", "DELETE"))[0] == 204
    assert (await admin.ask("/patterns/Callback_exceptions"))[0] == 404


@pytest.mark.spec("PT-6", "SEC-L23")
@pytest.mark.parametrize("text", ["(?=a)", r"(a)\1", "a++", "[a", "", "a" * 513, "(((a{100}){100}){100}){100}"])
async def test_an_expression_that_cannot_be_run_is_refused(admin: Admin, text: str) -> None:
    assert await admin.wrongs("/patterns/Callback_exceptions/ex2", "PUT", {"value": text}) == ["ex2"]
    assert (await admin.ask("/patterns/Callback_exceptions/ex2"))[1]["value"] == "123.*"


@pytest.mark.spec("SEC-L23")
async def test_a_group_has_64_patterns(admin: Admin) -> None:
    most = {f"p{number}": "a" for number in range(64)}
    assert (await admin.ask("/patterns", "POST", {"name": "Test", "entries": most}))[0] == 201
    assert await admin.wrongs("/patterns/Test/more", "PUT", {"value": "a"}) == [""]


@pytest.mark.spec("MG-24")
@pytest.mark.parametrize("kind", ["resources", "patterns"])
async def test_names_and_states_are_watched_as_those_of_services(admin: Admin, kind: str) -> None:
    new = {"name": "Test", "entries": {"a": "1"}}
    assert (await admin.ask(f"/{kind}", "POST", new))[0] == 201
    assert (await admin.ask(f"/{kind}", "POST", new))[0] == 409
    assert await admin.wrongs(f"/{kind}", "POST", {"name": "a b"}) == ["name"]
    tag = await admin.tag(f"/{kind}/Test")
    assert (await admin.ask(f"/{kind}/Test/a", "PUT", {"value": "2"}, If_Match=tag))[0] == 200
    assert (await admin.ask(f"/{kind}/Test/a", "PUT", {"value": "2"}, If_Match=tag))[0] == 412
    assert (await admin.ask(f"/{kind}/Test", "PUT", {"entries": {}}, If_Match=tag))[0] == 412
    assert (await admin.ask(f"/{kind}/Test/a", "DELETE", If_Match=tag))[0] == 412
    assert (await admin.ask(f"/{kind}/Test", "DELETE", If_Match=tag))[0] == 412
