"""Attached data: what goes into it, and what may be changed in it.

Opaque to us: keys keep their order, values their types, and nothing is looked at that is not named here.

Source: AG-52…54, AG-78.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from channels.letter import Letter

UserData = Mapping[str, Any]

READ_ONLY = "RTarget"
"""Keys that begin so are routing's (AG-78)."""
MAX_CHARACTERS = 256 * 1024
"""As JSON; the whole goes out with each notification."""

EMPTY_ROUTING_KEYS = (
    "RVQID",
    "RVQDBID",
    "RTargetObjSelDBID",
    "RTargetRuleSelected",
    "RRequestedSkillCombination",
    "CBR-Interaction_cost",
    "CBR-contract_DBIDs",
    "CBR-IT-path_DBIDs",
    "CBR-actual_volume",
)
"""What desktops expect to find, and nobody fills in."""


class ReadOnly(Exception):
    """Only routing writes that key."""


class TooMuch(Exception):
    """There would be more attached data than is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Routing:
    """How an agent was found (AG-53)."""

    agent: str
    """Employee id."""
    place: str
    target: str
    """The target expression, such as ``?:2>1``; opaque."""
    strategy: str
    strategy_id: str = ""
    tenant: str = "Environment"
    customer_segment: str = "default"
    service_type: str = "default"
    service_objective: int = 0


def merged(user_data: UserData, given: UserData, deleted: Iterable[str] = ()) -> UserData:
    """With these keys set and those gone. Raises ReadOnly, TooMuch."""
    gone = frozenset(deleted)
    if any(key.startswith(READ_ONLY) for key in (*given, *gone)):
        raise ReadOnly
    after = {key: value for key, value in (dict(user_data) | dict(given)).items() if key not in gone}
    if len(json.dumps(after, ensure_ascii=False)) > MAX_CHARACTERS:
        raise TooMuch
    return after


def routed(user_data: UserData, routing: Routing) -> UserData:
    """With what routing adds before an agent is invited."""
    return {
        **user_data,
        **dict.fromkeys(EMPTY_ROUTING_KEYS, ""),
        "RRequestedSkills": None,
        "RTargetTypeSelected": "2",  # an agent group
        "RTargetAgentSelected": routing.agent,
        "RTargetPlaceSelected": routing.place,
        "RTargetObjectSelected": routing.target,
        "RTargetRequested": routing.target,
        "RTargetAgentGroup": routing.target,
        "RStrategyName": routing.strategy,
        "RStrategyDBID": routing.strategy_id,
        "RTenant": routing.tenant,
        "CustomerSegment": routing.customer_segment,
        "ServiceType": routing.service_type,
        "ServiceObjective": routing.service_objective,
        f"PegAG{routing.target}": 1,  # of this pass through the queue, as the seed's walk has it after a revoke
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatServer:
    """How this gateway calls itself in a chat's attached data."""

    name: str
    host: str
    port: str
    id: str


FORM_NAMES: Mapping[str, str | None] = {
    "subject": "Subject",
    "email": "EmailAddress",
    "firstName": None,  # the two are the nickname of the customer's party
    "lastName": None,
}
"""Items of a customer's form that have another name, or none, in attached data; the rest keep theirs."""


def of_form(form: Mapping[str, Any], server: ChatServer, service: str = "") -> UserData:
    """What a customer filled in, and where he chats (AG-54).

    Args:
        service: ``_id`` of the service that he came by; empty: none.
    """
    named = {name: FORM_NAMES.get(name, name) for name in form}
    return {
        "IdentifyCreateContact": "3",
        "ChatServerAppName": server.name,
        "ChatServerHost": server.host,
        "ChatServerPort": server.port,
        "ChatServerDBID": server.id,
        **({"_id": service} if service else {}),
        **{key: form[name] for name, key in named.items() if key},
    }


def nickname_of_form(form: Mapping[str, Any]) -> str:
    """The customer's name, as the agents shall see it."""
    return " ".join(str(form[name]) for name in ("firstName", "lastName") if form.get(name)) or "Customer"


def of_letter(
    letter: Letter, headers: Mapping[str, str], *, mailbox: str = "", contact: str = "", automatic_answers: int = 0
) -> UserData:
    """What an e-mail brings along.

    Args:
        headers: those that agents shall see, such as ``Date``; they become ``Header_Date``.
        mailbox: the name of the one that it came to.
    """
    return {
        **{f"Header_{name}": value for name, value in headers.items()},
        "Header_Message-ID": letter.message_id,
        "Mailbox": mailbox,
        "To": ", ".join(letter.to) or letter.mailbox,
        "FromAddress": letter.from_address,
        "FromPersonal": letter.from_personal,
        "EmailAddress": letter.from_address,
        "Subject": letter.subject,
        "ContactId": contact,
        "Origination_Source": "Email",
        "_ContainsAttachment": "true" if letter.attachments else "false",
        "_AttachmentFileNames": ",".join(each.name for each in letter.attachments),
        "_AttachmentsSize": str(sum(each.size for each in letter.attachments)),
        "_AutoReplyCount": automatic_answers,
    }
