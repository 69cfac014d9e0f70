"""The messages between the three roles: who sends which to whom, and what each says.

Readers are tolerant in names (``mrd`` is ``Mrd`` is ``MRD``) and strict in syntax; writers spell as the table does.

Source: MRE-10…12, MRE-20, MRE-30…32, MRE-34, MRE-113, MRE-114, MRE-121.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.routing import agent_state, moment
from gateway.routing.agent_state import AgentState
from gateway.routing.bus.bus import CHAT_SERVER, COMMUNICATION_SERVER, GENERAL, ROUTING_ENGINE, BusMessage
from gateway.routing.fields import Field, among, anything, optional, params, read_field, secret, string, text, time
from gateway.routing.refusal import Code, Refused
from gateway.routing.task_state import TaskState

CHAT, COMMUNICATION, ENGINE = "Chat Server", "Communication Server", "MRE"

MAXIMUM_BODY = 256 * 1024  # params carry the customer's words; a seed's body has 200 bytes
MAXIMUM_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of message."""

    number: int | None
    """Its row in the vendor's table; None: implied there, or ours."""
    name: str
    producer: str
    consumer: str
    fields: tuple[Field, ...]


COMMANDED = among("State", agent_state.COMMANDS)
AGENT_STATE = among("State", AgentState)
TASK_STATE = among("State", TaskState)
SELECTED = among("Status", ("RESERVED", "ACTIVE", "NO_AGENT_AVAILABLE", "CANCELLED"))

MESSAGES: Mapping[tuple[str, str], Row] = {
    ("Connect", GENERAL): Row(
        1,
        "Agent Connect",
        CHAT,
        COMMUNICATION,
        (text("AgentId"), secret("Password"), string("Extension"), text("Destination")),
    ),
    ("Login", GENERAL): Row(2, "Agent Login", CHAT, COMMUNICATION, (text("AgentId"), secret("Password"), text("Mrd"))),
    ("AgentState", GENERAL): Row(
        3,
        "Change Agent State",
        CHAT,
        COMMUNICATION,
        (text("AgentId"), COMMANDED, text("Mrd"), optional(string("ReasonCode"))),
    ),
    ("Conference", GENERAL): Row(
        4,
        "Conference Command Handler",
        CHAT,
        COMMUNICATION,
        (text("TaskId"), text("ConferenceOwner"), text("ConferenceParticipant"), text("Mrd")),
    ),
    ("Conference", ROUTING_ENGINE): Row(
        5,
        "Conference Command Handler",
        COMMUNICATION,
        ENGINE,
        (text("TaskId"), text("ConferenceOwner"), text("ConferenceParticipant"), text("Mrd")),
    ),
    ("TaskConferenced", COMMUNICATION_SERVER): Row(
        6,
        "Conference Event Handler",
        ENGINE,
        COMMUNICATION,
        (text("TaskId"), text("OwnerAgentId"), text("ParticipantAgentId")),
    ),
    ("Transfer", GENERAL): Row(
        7,
        "Transfer Chat",
        CHAT,
        COMMUNICATION,
        (text("TaskId"), text("OwnerAgentId"), text("RecipientAgentId")),
    ),
    ("Transfer", ROUTING_ENGINE): Row(
        8,
        "Transfer Chat",
        COMMUNICATION,
        ENGINE,
        (text("TaskId"), text("OwnerAgentId"), text("RecipientAgentId")),
    ),
    ("TaskAgentTransferred", COMMUNICATION_SERVER): Row(
        9,
        "Chat Transferred Event",
        ENGINE,
        COMMUNICATION,
        (text("TaskId"), text("AgentId"), text("PreviousAgentId")),
    ),
    ("AgentState", ROUTING_ENGINE): Row(
        10,
        "Agent State Update",
        COMMUNICATION,
        ENGINE,
        (text("AgentId"), AGENT_STATE, text("MRD"), string("ReasonCode"), time("StateChangeTime")),
    ),
    # AgentId is empty where nobody's leg is meant: the customer left, or the task is closed by force.
    ("TaskState", GENERAL): Row(
        11,
        "Change Task State",
        CHAT,
        COMMUNICATION,
        (string("AgentId"), text("TaskId"), TASK_STATE, optional(string("Code"))),
    ),
    ("TaskState", ROUTING_ENGINE): Row(
        12,
        "Task State Update",
        COMMUNICATION,
        ENGINE,
        (string("AgentId"), text("TaskId"), text("MRD"), TASK_STATE),
    ),
    ("Task", GENERAL): Row(
        13,
        "New Task",
        CHAT,
        COMMUNICATION,
        (text("Mrd"), text("ClientUniqueId"), optional(string("name")), optional(params("params"))),
    ),
    ("NewTask", ROUTING_ENGINE): Row(
        14, "New Task", COMMUNICATION, ENGINE, (text("MRD"), text("TaskId"), optional(params("params")))
    ),
    # AgentId is empty where there is none.
    ("TaskAgentSelected", COMMUNICATION_SERVER): Row(
        15, "Agent Selected", ENGINE, COMMUNICATION, (text("TaskId"), string("AgentId"), SELECTED)
    ),
    ("GetAgentState", GENERAL): Row(16, "Get Agent State", CHAT, COMMUNICATION, (text("AgentId"), text("Mrd"))),
    ("GetTaskState", GENERAL): Row(
        17, "Get Task State", CHAT, COMMUNICATION, (text("TaskId"), optional(string("AgentId")))
    ),
    # ours: the chat server is back from a failure, and has to meet its agents again (MRE-127)
    ("ChatServerStarted", GENERAL): Row(None, "Chat Server Started", CHAT, COMMUNICATION, (text("Destination"),)),
    # what the chat server is told; replies have a correlation, notices have none (MRE-110…114)
    ("AgentState", CHAT_SERVER): Row(
        None,
        "Agent State Notice or Reply",
        COMMUNICATION,
        CHAT,
        (
            text("AgentId"),
            optional(AGENT_STATE),
            optional(text("MRD")),
            optional(string("ReasonCode")),
            optional(time("StateChangeTime")),
            *(optional(anything(name)) for name in ("Rev", "MaxTasks", "Load", "Tasks", "Pending", "Mrds")),
        ),
    ),
    ("TaskState", CHAT_SERVER): Row(
        None,
        "Task State Notice or Reply",
        COMMUNICATION,
        CHAT,
        (
            string("AgentId"),
            text("TaskId"),
            text("MRD"),
            TASK_STATE,
            optional(string("Code")),
            optional(time("StateChangeTime")),
            optional(text("ClientUniqueId")),
            optional(string("Owner")),
            *(optional(anything(name)) for name in ("Rev", "Legs", "Queue", "Position", "Waiting", "EstimatedWait")),
            optional(anything("ReadyAgents")),
        ),
    ),
    ("TaskAgentSelected", CHAT_SERVER): Row(
        None, "Agent Selected", COMMUNICATION, CHAT, (text("TaskId"), string("AgentId"), SELECTED)
    ),
    ("TaskConferenced", CHAT_SERVER): Row(
        None,
        "Conference Event Handler",
        COMMUNICATION,
        CHAT,
        (text("TaskId"), text("OwnerAgentId"), text("ParticipantAgentId")),
    ),
    ("TaskAgentTransferred", CHAT_SERVER): Row(
        None,
        "Chat Transferred Event",
        COMMUNICATION,
        CHAT,
        (text("TaskId"), text("AgentId"), text("PreviousAgentId")),
    ),
    ("Error", CHAT_SERVER): Row(
        None,
        "Error",
        COMMUNICATION,
        CHAT,
        (
            text("Type"),
            among("Code", Code),
            string("Reason"),
            optional(string("TaskId")),
            optional(string("AgentId")),
            optional(string("ClientUniqueId")),  # of a refused Task, which has no id yet
            string("RequestId"),
        ),
    ),
    ("Error", COMMUNICATION_SERVER): Row(
        None,
        "Error",
        ENGINE,
        COMMUNICATION,
        (
            text("Type"),
            among("Code", Code),
            string("Reason"),
            optional(string("TaskId")),
            optional(string("AgentId")),
            string("RequestId"),
        ),
    ),
}
"""By type and queue: the same type means a command on one queue and a fact on another (MRE-20)."""


def row_of(message_type: str, queue: str) -> Row:
    """What a message says by its type and queue; of all other queues, what a chat server is told on its own.

    Raises Refused: UNKNOWN_TYPE.
    """
    place = queue if queue in (GENERAL, ROUTING_ENGINE, COMMUNICATION_SERVER) else CHAT_SERVER
    try:
        return MESSAGES[message_type, place]
    except KeyError:
        raise Refused(Code.UNKNOWN_TYPE, f"no message of the type {message_type[:64]!r} is for {queue}") from None


def read(queue: str, message: BusMessage) -> dict[str, Any]:
    """What a message says, spelled as the table does; keys that the table has not are kept.

    Raises Refused: UNKNOWN_TYPE, MALFORMED_BODY, MISSING_FIELD.
    """
    row = row_of(message.type, queue)
    body = _object(message.body)
    spelled = _spelled(body, {field.name.lower(): field.name for field in row.fields})
    for field in row.fields:
        if field.name in spelled:
            spelled[field.name] = read_field(field, spelled[field.name])
        elif field.required:
            raise Refused(Code.MISSING_FIELD, f"{message.type} needs {field.name}")
    return spelled


def compose(
    queue: str,
    message_type: str,
    body: Mapping[str, Any],
    *,
    id: str,
    now: float,
    producer: str,
    correlation: str = "",
    reply_to: str = "",
    expires: float | None = None,
) -> BusMessage:
    """A message to that queue.

    Args:
        body: spelled as the table does; a key too many is sent along, one too few is a mistake of the caller's.
        now: seconds since 1970, as ``expires``.
        producer: ``role@node``.

    Raises:
        ValueError: the table has no such message, or it needs a field that is not there.
    """
    try:
        missing = [
            field.name for field in row_of(message_type, queue).fields if field.required and field.name not in body
        ]
    except Refused as refused:
        raise ValueError(refused.reason) from None
    if missing:
        raise ValueError(f"{message_type} needs {', '.join(missing)}")
    return BusMessage(
        type=message_type,
        body=json.encode(body),
        id=id,
        key=ordering_key(body),
        correlation=correlation,
        reply_to=reply_to,
        producer=producer,
        time=moment.written(now),
        expires=expires,
    )


def ordering_key(body: Mapping[str, Any]) -> str:
    """Messages with the same key are handled in the order sent (MRE-121)."""
    for field, kind in (("TaskId", "task"), ("ClientUniqueId", "client"), ("AgentId", "agent")):
        if body.get(field):
            return f"{kind}:{body[field]}"
    return ""


def _object(body: bytes) -> dict[str, Any]:
    if len(body) > MAXIMUM_BODY:
        raise Refused(Code.MALFORMED_BODY, f"more than {MAXIMUM_BODY} bytes")
    try:
        content = json.decode(body, MAXIMUM_DEPTH)
    except MalformedBody as error:
        raise Refused(Code.MALFORMED_BODY, str(error)) from None
    if not isinstance(content, dict):
        raise Refused(Code.MALFORMED_BODY, "not a JSON object")
    return content


def _spelled(body: Mapping[str, Any], spelling: Mapping[str, str]) -> dict[str, Any]:
    spelled: dict[str, Any] = {}
    for key, value in body.items():
        name = spelling.get(key.lower(), key)
        if name in spelled and spelled[name] != value:
            raise Refused(Code.MALFORMED_BODY, f"{name} is there twice, with different values")
        spelled[name] = value
    return spelled
