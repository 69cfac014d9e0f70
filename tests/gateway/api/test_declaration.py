"""Requests are checked by what a resource declares."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.agents.refusal import MISSING, OUT_OF_RANGE, Refused
from gateway.api.chats import OPERATIONS as CHAT_OPERATIONS
from gateway.api.declaration import (
    Choice,
    Fields,
    Flag,
    Kind,
    Number,
    Operation,
    Parameter,
    Properties,
    Text,
    Texts,
    read_query,
    take_order,
)
from gateway.api.emails import OPERATIONS as EMAIL_OPERATIONS
from gateway.api.interactions import OPERATIONS
from gateway.api.workbins import OPERATIONS as WORKBIN_OPERATIONS

TABLES = {
    "interactions": OPERATIONS,
    "chats": CHAT_OPERATIONS,
    "emails": EMAIL_OPERATIONS,
    "workbins": WORKBIN_OPERATIONS,
}


def ask(name: str, **parameters: Any) -> Any:
    return take_order(OPERATIONS, {"operationName": name, **parameters})


def refused(name: str, **parameters: Any) -> int:
    with pytest.raises(Refused) as caught:
        ask(name, **parameters)
    return caught.value.status_code


@pytest.mark.spec("AG-142")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, MISSING),
        ({"operationName": None}, MISSING),
        ({"operationName": "Dance"}, OUT_OF_RANGE),
        ({"operationName": "accept"}, OUT_OF_RANGE),  # names are case-sensitive
        ({"operationName": ["Accept"]}, OUT_OF_RANGE),
    ],
)
def test_an_operation_has_to_be_named_and_known(body: dict[str, Any], code: int) -> None:
    with pytest.raises(Refused) as caught:
        take_order(OPERATIONS, body)
    assert caught.value.status_code == code


@pytest.mark.spec("AG-3", "AG-69")
@pytest.mark.parametrize(
    ("alias", "operation"),
    [
        ("Complete", "StopProcessing"),
        ("SingleStepTransfer", "Transfer"),
        ("Cancel", "CancelReply"),
        ("Invite", "InviteUser"),
        ("Leave", "LeaveConference"),
        ("InitiateConsulation", "InitiateConsultation"),
        ("StartChatConsultation", "InitiateConsultation"),
    ],
)
def test_aliases_mean_the_same_operation(alias: str, operation: str) -> None:
    assert ask(alias, agentId="Agent2").operation == ask(operation, agentId="Agent2").operation == operation


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
def test_no_name_means_two_operations(table: tuple[Operation, ...]) -> None:
    names = [name for each in table for name in each.names]
    assert len(names) == len(set(names))


@pytest.mark.spec("AG-73", "AG-140")
@pytest.mark.parametrize(
    ("parameters", "code"),
    [({}, MISSING), ({"text": ""}, MISSING), ({"text": None}, MISSING), ({"text": 1}, OUT_OF_RANGE)],
)
def test_a_message_needs_a_text(parameters: dict[str, Any], code: int) -> None:
    assert refused("SendMessage", **parameters) == code


@pytest.mark.spec("AG-75")
def test_a_transfer_has_exactly_one_target() -> None:
    assert refused("Transfer") == MISSING
    assert refused("Transfer", agentId=None) == MISSING
    assert refused("Transfer", agentId="Agent2", skill="sales") == OUT_OF_RANGE
    assert ask("Transfer", targetUri="http://localhost/api/v2/users/7", skill=None).parameters == {
        "targetUri": "http://localhost/api/v2/users/7"
    }


@pytest.mark.spec("AG-69")
@pytest.mark.parametrize("spelling", ["notification", "notifcation"])
def test_the_originals_spelling_is_understood(spelling: str) -> None:
    assert ask("SendNotification", **{spelling: "TypingStarted"}).parameters == {"notification": "TypingStarted"}
    assert refused("SendNotification", **{spelling: "Typing"}) == OUT_OF_RANGE


@pytest.mark.spec("AG-70")
def test_what_nobody_declared_is_passed_on_and_the_reference_id_is_a_number() -> None:
    assert ask("Accept", referenceId=17, other=[1]).parameters == {"referenceId": 17, "other": [1]}
    assert refused("Accept", referenceId="17") == OUT_OF_RANGE


@pytest.mark.parametrize(
    ("kind", "inside", "outside"),
    [
        (Text(3), ["", "abc"], ["abcd", 1, ["a"]]),
        (Text(among=("a", "b")), ["a"], ["", "c"]),
        (Number(1, 3), [1, 3, 2.0], [0, 4, 1.5, True, "1"]),
        (Choice(("a", "b")), ["*", "a", "b, a"], ["", "c", "a,c", "a,*", 1]),
        (Flag(), [True, False], [0, "true"]),
        (Texts(2), [[], ["a", "b"]], [["a", "b", "c"], [1], "a"]),
        (Properties(), [{}, {"any": None}], [[], "a"]),
        (Fields((Parameter("to", "", Texts()),)), [{}, {"to": ["a"], "more": 1}, {"to": None}], [{"to": "a"}, []]),
    ],
)
def test_kinds(kind: Kind, inside: list[Any], outside: list[Any]) -> None:
    assert [value for value in inside if not kind.admits(value)] == []
    assert [value for value in outside if kind.admits(value)] == []


def test_a_query_is_read_by_its_declaration() -> None:
    declared = (Parameter("limit", "", Number(1, 10)), Parameter("fields", "", Text(among=("*",))))
    assert read_query(declared, {"limit": "7", "fields": "*", "other": "1"}) == {"limit": 7, "fields": "*"}
    for wrong in (
        {"limit": "0"},
        {"limit": "7a"},
        {"limit": "-1"},
        {"limit": "9" * 5000},
        {"fields": "id"},
        {"limit": "٣"},
    ):
        with pytest.raises(Refused):
            read_query(declared, wrong)
