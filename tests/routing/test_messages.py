"""What the roles tell each other is read tolerantly in names, strictly in syntax, and written as the table says."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.bus.bus import COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from gateway.routing.messages import MAXIMUM_BODY, MESSAGES, compose, ordering_key, read
from gateway.routing.refusal import STATUS_CODES, Code, Refused
from tests.routing.story import NOON

spec = pytest.mark.spec
SAMPLES = Path(__file__).parent.parent / "samples" / "mre"
INDEX: list[dict[str, Any]] = json.loads((SAMPLES / "index.json").read_text("utf-8"))
ROWS = pytest.mark.parametrize("row", INDEX, ids=lambda row: f"{row['row']}-{row['jmsType']}")


def message(message_type: str, body: bytes | dict[str, Any]) -> BusMessage:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return BusMessage(type=message_type, body=text, id="m1", key="")


def refused(queue: str, message_type: str, body: bytes | dict[str, Any]) -> Code:
    with pytest.raises(Refused) as caught:
        read(queue, message(message_type, body))
    return caught.value.code


@spec("MRE-10", "MRE-20")
@ROWS
def test_sample_of_each_row_is_read_as_it_is_written(row: dict[str, Any]) -> None:
    body = (SAMPLES / row["file"]).read_bytes()
    assert read(row["queue"], message(row["jmsType"], body)) == json.loads(body)


@spec("MRE-10", "MRE-20")
@ROWS
def test_table_knows_each_row_with_its_roles(row: dict[str, Any]) -> None:
    ours = MESSAGES[row["jmsType"], row["queue"]]
    assert (ours.number, ours.producer, ours.consumer) == (row["row"], row["producer"], row["consumer"])


@spec("MRE-30")
@ROWS
def test_each_row_is_written_with_its_own_spelling(row: dict[str, Any]) -> None:
    body = json.loads((SAMPLES / row["file"]).read_bytes())
    written = compose(row["queue"], row["jmsType"], body, id="m1", now=NOON, producer="chat@1")
    assert json.loads(written.body) == body
    respelled = {key.swapcase(): value for key, value in body.items()}
    with pytest.raises(ValueError, match="needs"):
        compose(row["queue"], row["jmsType"], respelled, id="m1", now=NOON, producer="chat@1")


@spec("MRE-31")
@ROWS
def test_each_row_is_read_however_its_keys_are_spelled(row: dict[str, Any]) -> None:
    body = json.loads((SAMPLES / row["file"]).read_bytes())
    respelled = {key.swapcase(): value for key, value in body.items()}
    assert read(row["queue"], message(row["jmsType"], respelled)) == body


@spec("MRE-32")
@pytest.mark.parametrize("number", [1, 3, 4, 5, 7, 11, 12, 13, 14])
def test_slips_of_the_page_are_no_wire_format(number: int) -> None:
    (row,) = (each for each in INDEX if each["row"] == number)
    body = (SAMPLES / "raw" / f"{number:02}.txt").read_bytes()
    assert refused(row["queue"], row["jmsType"], body) is Code.MALFORMED_BODY


@spec("MRE-31")
@pytest.mark.parametrize("form", ["alternating", "pairs"])
def test_params_may_be_a_list(form: str) -> None:
    body = (SAMPLES / "ext" / f"new-task-params-{form}.json").read_bytes()
    said = read(ROUTING_ENGINE, message("NewTask", body))
    assert said["params"] == {"queue": "SimpleChatInQueue", "subject": "testing"}


@spec("MRE-31")
def test_values_of_params_become_text_unless_they_hold_others() -> None:
    params = {"a": 5, "b": True, "c": None, "d": 1.5, "e": [1], "f": {"g": 1}}
    said = read(ROUTING_ENGINE, message("NewTask", {"MRD": "chat", "TaskId": "t1", "params": params}))
    assert said["params"] == {"a": "5", "b": "true", "c": "", "d": "1.5", "e": [1], "f": {"g": 1}}


@spec("MRE-31", "MRE-32")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"text"',
        b'{"MRD":"chat","TaskId":"t1","params":["a"]}',
        b'{"MRD":"chat","TaskId":"t1","params":"a"}',
        b'{"MRD":"chat","mrd":"email","TaskId":"t1"}',
        b" " * (MAXIMUM_BODY + 1),
    ],
)
def test_body_that_cannot_be_meant_is_malformed(body: bytes) -> None:
    assert refused(ROUTING_ENGINE, "NewTask", body) is Code.MALFORMED_BODY


@spec("MRE-31")
def test_same_key_twice_with_one_value_is_one() -> None:
    body = b'{"MRD":"chat","mrd":"chat","TaskId":"t1"}'
    assert read(ROUTING_ENGINE, message("NewTask", body)) == {"MRD": "chat", "TaskId": "t1"}


@spec("MRE-20")
@pytest.mark.parametrize("agent", ["", " \n", "a" * 257, 7, None])
def test_name_is_text_that_is_bounded_and_not_empty(agent: object) -> None:
    assert refused(GENERAL, "GetAgentState", {"AgentId": agent, "Mrd": "chat"}) is Code.MISSING_FIELD


@spec("MRE-20")
def test_field_that_is_needed_is_missed_and_unknown_ones_are_kept() -> None:
    assert refused(GENERAL, "GetAgentState", {"AgentId": "Anna"}) is Code.MISSING_FIELD
    body = {"AgentId": "Anna", "Mrd": "chat", "Site": {"Floor": 3}}
    assert read(GENERAL, message("GetAgentState", body)) == body


@spec("MRE-34")
@pytest.mark.parametrize("word", ["Not Ready", "not-ready", "NOT_READY", "not_ready"])
def test_words_are_read_in_any_writing(word: str) -> None:
    said = read(GENERAL, message("AgentState", {"AgentId": "Anna", "State": word, "Mrd": "chat"}))
    assert said["State"] == "NOT_READY"


@spec("MRE-20", "MRE-21")
@pytest.mark.parametrize(
    ("queue", "message_type"),
    [(GENERAL, "NewTask"), (ROUTING_ENGINE, "Task"), (COMMUNICATION_SERVER, "TaskState"), ("ChatServer", "Login")],
)
def test_type_on_another_queue_is_unknown(queue: str, message_type: str) -> None:
    assert refused(queue, message_type, {}) is Code.UNKNOWN_TYPE


@spec("MRE-121")
@pytest.mark.parametrize(
    ("body", "key"),
    [
        ({"TaskId": "t1", "AgentId": "Anna"}, "task:t1"),
        ({"ClientUniqueId": "c1", "Mrd": "chat"}, "client:c1"),
        ({"AgentId": "Anna"}, "agent:Anna"),
        ({}, ""),
    ],
)
def test_key_of_order_is_the_task_else_the_client_else_the_agent(body: dict[str, str], key: str) -> None:
    assert ordering_key(body) == key


@spec("MRE-12")
def test_moment_of_a_message_is_written_with_milliseconds() -> None:
    written = compose(GENERAL, "GetTaskState", {"TaskId": "t1"}, id="m1", now=NOON + 0.125, producer="chat@1")
    assert written.time == "2026-01-15T09:20:00.125Z"


@spec("MRE-115")
def test_every_code_has_what_an_agent_is_told() -> None:
    assert STATUS_CODES.keys() == set(Code)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
KEYS = sorted({field.name for row in MESSAGES.values() for field in row.fields})


@spec("MRE-21", "MRE-32")
@given(
    st.sampled_from(sorted(MESSAGES)),
    st.dictionaries(st.sampled_from(KEYS), JSON, max_size=8) | JSON,
)
def test_whatever_comes_is_read_or_refused(row: tuple[str, str], body: Any) -> None:
    message_type, queue = row
    with contextlib.suppress(Refused):
        read(queue, message(message_type, json.dumps(body).encode()))
