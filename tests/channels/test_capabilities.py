"""What desktops are told that an agent may do, and that it is the truth: every standing with every operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from channels.interaction.capabilities import CAPABILITIES, Standing, capabilities, standing
from channels.interaction.model import Channel, Role
from channels.interaction.operations import OPERATIONS, perform
from channels.interaction.refusal import NOT_FOUND, NOT_NOW, NOT_PERMITTED, OperationRefused
from channels.interaction.states import LIVE, MEANINGS, TRANSITIONS, State
from channels.interaction.vocabulary import ALIASES, CHAT_ALIASES, IMPLIED, Dialect, Operation, operation_named
from tests.channels.story import Story, rules


def draft() -> Story:
    story = Story.email().has("ann")
    story.asks("ann", "Reply")
    return story.continues_with(story.created[0])


STANDINGS: Mapping[str, tuple[Standing, Callable[[], Story]]] = {
    "chat invited": (Standing.INVITED, lambda: Story.chat().invites("ann")),
    "chatting": (
        Standing.CHATTING,
        lambda: Story.chat().has("ann").asks("ann", "InitiateConsultation", agentId="bob").asks("bob", "Accept"),
    ),
    "after chat": (Standing.AFTER_CHAT, lambda: Story.chat().has("ann").leaves()),
    "in conference": (
        Standing.IN_CONFERENCE,
        lambda: (
            Story.chat()
            .has("bob")
            .asks("bob", "InviteUser", agentId="ann")
            .asks("bob", "InviteUser", agentId="eve")
            .asks("ann", "Accept")
        ),
    ),
    "consulting": (
        Standing.IN_CONFERENCE,
        lambda: Story.chat().has("bob").asks("bob", "InitiateConsultation", agentId="ann").asks("ann", "Accept"),
    ),
    "chat in workbin": (Standing.IDLE, lambda: Story.chat().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts")),
    "e-mail invited": (Standing.INVITED, lambda: Story.email().invites("ann")),
    "e-mail": (Standing.PROCESSING, lambda: Story.email().has("ann")),
    "e-mail in workbin": (
        Standing.IDLE,
        lambda: Story.email().has("ann").asks("ann", "PlaceInWorkbin", workbin="Drafts"),
    ),
    "draft": (Standing.COMPOSING, draft),
    "draft being sent": (Standing.IDLE, lambda: draft().asks("ann", "Send")),
    "draft in workbin": (Standing.IDLE, lambda: draft().asks("ann", "PlaceInWorkbin", workbin="Drafts")),
}
"""How ann may stand to an interaction, and how it comes about."""

TAKE = {Operation.ACCEPT, Operation.REJECT}
TALK = {Operation.SEND_MESSAGE, Operation.SEND_NOTIFICATION, Operation.REQUEST_CHAT_HISTORY}
CONFER = {
    Operation.INITIATE_CONSULTATION,
    Operation.COMPLETE_TRANSFER,
    Operation.COMPLETE_CONFERENCE,
    Operation.INVITE_USER,
    Operation.REMOVE_PARTICIPANT,
}
GO = {Operation.LEAVE_CONFERENCE, Operation.END_CHAT_SESSION}
AFTER_WORK = {
    Operation.STOP_PROCESSING,
    Operation.PLACE_IN_QUEUE,
    Operation.PLACE_IN_WORKBIN,
    Operation.UPDATE_PROPERTIES,
}
ANSWER = {Operation.REPLY, Operation.REPLY_ALL, Operation.FORWARD}
WRITE = {Operation.SAVE, Operation.SEND, Operation.CANCEL_REPLY}
NOTE = {Operation.SET_IN_FOCUS, Operation.SET_DISPOSITION}

ALLOWED: Mapping[Dialect, Mapping[Standing, set[Operation]]] = {
    Dialect.INTERACTIONS: {
        Standing.INVITED: TAKE,
        Standing.CHATTING: {Operation.TRANSFER} | AFTER_WORK | TALK | CONFER | GO,
        Standing.AFTER_CHAT: AFTER_WORK,
        Standing.IN_CONFERENCE: {Operation.UPDATE_PROPERTIES} | TALK | CONFER | GO,
        Standing.PROCESSING: {Operation.TRANSFER} | AFTER_WORK | ANSWER,
        Standing.COMPOSING: WRITE | {Operation.TRANSFER, Operation.PLACE_IN_WORKBIN, Operation.UPDATE_PROPERTIES},
        Standing.IDLE: set(),
    },
    Dialect.TYPED: {
        Standing.INVITED: TAKE,
        Standing.CHATTING: {Operation.TRANSFER, Operation.STOP_PROCESSING, Operation.UPDATE_PROPERTIES}
        | TALK
        | CONFER
        | GO
        | NOTE,
        Standing.AFTER_CHAT: {Operation.TRANSFER, Operation.STOP_PROCESSING, Operation.SET_IN_FOCUS} | GO,
        Standing.IN_CONFERENCE: {Operation.UPDATE_PROPERTIES, Operation.SET_IN_FOCUS} | TALK | GO,
        Standing.PROCESSING: {Operation.TRANSFER, Operation.ADD_COMMENT} | AFTER_WORK | ANSWER | NOTE,
        Standing.COMPOSING: WRITE | NOTE | {Operation.TRANSFER, Operation.UPDATE_PROPERTIES, Operation.ADD_COMMENT},
        Standing.IDLE: set(),
    },
}
"""What each standing allows, operation by operation: what the entries of ``capabilities`` amount to."""

OWNERS_ONLY = CONFER - {Operation.REMOVE_PARTICIPANT} | {Operation.END_CHAT_SESSION}
"""What ``Reply`` covers, and a colleague in the chat may not do for another reason than the state."""

PARAMETERS: Mapping[Operation, Mapping[str, Any]] = {
    Operation.TRANSFER: {"agentId": "eve"},
    Operation.PLACE_IN_QUEUE: {"queueName": "Sales"},
    Operation.PLACE_IN_WORKBIN: {"workbin": "Drafts"},
    Operation.UPDATE_PROPERTIES: {"userData": {"a": "1"}},
    Operation.SET_DISPOSITION: {"dispositionCode": "sold"},
    Operation.ADD_COMMENT: {"comment": "fine"},
    Operation.SEND_MESSAGE: {"text": "Hello"},
    Operation.REPLY: {"text": "Hello"},  # of a chat: another name of SendMessage, as is the next
    Operation.SEND: {"text": "Hello"},
    Operation.SEND_NOTIFICATION: {"notification": "TypingStarted"},
    Operation.INITIATE_CONSULTATION: {"agentId": "eve"},
    Operation.INVITE_USER: {"agentId": "eve"},
    Operation.REMOVE_PARTICIPANT: {"agentId": "bob"},
    Operation.SAVE: {"email": {"subject": "Re: Help"}},
}
"""Good ones, for those that need some."""


def asked(story: Story, operation: Operation, dialect: Dialect) -> int:
    """``statusCode`` of the answer."""
    parameters = dict(PARAMETERS.get(operation, {}))
    if operation is Operation.REMOVE_PARTICIPANT and story.leg("ann").role is not Role.OWNER:
        parameters = {"agentId": "eve"}
    try:
        perform(
            story.interaction,
            "ann",
            operation,
            parameters,
            now=story.now,
            new_id=story.new_id,
            rules=story.rules,
            dialect=dialect,
        )
    except OperationRefused as refusal:
        return refusal.status_code
    return 0


def refused_for_another_reason(name: str, operation: Operation) -> int | None:
    """Where an entry covers an operation that not everybody in that standing may do."""
    if name in ("in conference", "consulting") and operation in OWNERS_ONLY:
        return NOT_PERMITTED
    if name == "consulting" and operation is Operation.REMOVE_PARTICIPANT:
        return NOT_PERMITTED
    return None


@pytest.mark.spec("AG-62", "AG-64", "AG-71")
@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("name", STANDINGS)
def test_operation_is_done_exactly_if_capabilities_cover_it(name: str, operation: Operation, dialect: Dialect) -> None:
    expected, begin = STANDINGS[name]
    story = begin()
    leg = story.leg("ann")
    assert standing(story.interaction, leg) is expected
    before = story.interaction.to_document()
    status_code = asked(story, operation, dialect)
    meant = operation_named(operation, story.interaction.channel)
    if operation is Operation.ACCEPT and leg.is_held:
        assert status_code == 0  # AG-71
    elif meant not in ALLOWED[dialect][expected]:
        assert status_code == NOT_NOW
    else:
        assert status_code == (refused_for_another_reason(name, operation) or 0)
    assert story.interaction.to_document() == before


@pytest.mark.spec("AG-67")
@pytest.mark.parametrize("operation", Operation)
@pytest.mark.parametrize("ending", ["Reject", "StopProcessing", "PlaceInQueue", "RONA"])
def test_after_a_final_state_the_interaction_is_unknown(operation: Operation, ending: str) -> None:
    story = Story.chat().invites("ann")
    if ending == "RONA":
        story.revokes("ann")
    elif ending == "Reject":
        story.asks("ann", "Reject")
    else:
        story.asks("ann", "Accept").asks("ann", ending, **({"queueName": "Sales"} if ending == "PlaceInQueue" else {}))
    assert asked(story, operation, Dialect.INTERACTIONS) == NOT_FOUND
    assert story.is_refused("bob", "Accept") == NOT_FOUND


@pytest.mark.spec("AG-63")
@pytest.mark.parametrize("dialect", Dialect)
def test_forbidden_operation_is_not_shown_and_not_done(dialect: Dialect) -> None:
    story = Story.chat(rules(forbidden=frozenset({"Transfer", "PlaceInWorkbin"}))).has("ann")
    shown = capabilities(story.interaction, story.leg("ann"), dialect, story.rules)
    full = CAPABILITIES[dialect][Standing.CHATTING]
    assert shown == tuple(entry for entry in full if entry not in ("Transfer", "PlaceInWorkbin"))
    assert story.is_refused("ann", "Transfer", dialect, agentId="bob") == NOT_NOW


@pytest.mark.spec("AG-63")
def test_forbidden_operation_that_another_entry_stands_for_is_not_done() -> None:
    story = Story.chat(rules(forbidden=frozenset({"InviteUser"}))).has("ann")
    assert "Reply" in story.last("ann")["capabilities"]
    assert story.is_refused("ann", "InviteUser", agentId="bob") == NOT_NOW


@pytest.mark.spec("AG-3", "AG-69")
def test_every_name_and_every_entry_means_an_operation() -> None:
    assert {operation_named(name, Channel.EMAIL) for name in ALIASES} <= set(Operation)
    assert set(IMPLIED) <= set(ALIASES)
    assert set(OPERATIONS) == set(Operation)
    entries = {entry for table in CAPABILITIES.values() for row in table.values() for entry in row}
    assert all(operation_named(entry, Channel.CHAT) for entry in entries)


@pytest.mark.spec("AG-3", "AG-69")
def test_names_are_case_sensitive_and_depend_on_the_medium() -> None:
    assert operation_named("accept", Channel.CHAT) is None
    assert operation_named("Reply", Channel.CHAT) is CHAT_ALIASES["Reply"] is Operation.SEND_MESSAGE
    assert operation_named("Reply", Channel.EMAIL) is Operation.REPLY
    assert Story.chat().has("ann").is_refused("ann", "Dance") == 10


def test_states_and_triggers_fit_together() -> None:
    """Final states have no way out, all others have one that ends them."""
    assert {state for state, _ in TRANSITIONS} == LIVE
    assert set(TRANSITIONS.values()) | {State.INVITED} == set(State) == set(MEANINGS)
