"""What agents do with an interaction: each operation of AG-69, once it is known that it may be done.

``capabilities`` is the truth: what it does not cover is refused, and nothing was changed (AG-64).

Source: AG-64, AG-67, AG-69, AG-71, AG-141, AG-142.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from channels.interaction import conference, handing_over, properties, taking, talking, writing
from channels.interaction.capabilities import may
from channels.interaction.effects import Outcome
from channels.interaction.model import Interaction
from channels.interaction.refusal import NOT_FOUND, NOT_NOW, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import Request
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.interaction.vocabulary import IMPLIED, Dialect, Operation, operation_named

OPERATIONS: Mapping[Operation, Callable[[Request], Outcome]] = {
    Operation.ACCEPT: taking.accept,
    Operation.REJECT: taking.reject,
    Operation.TRANSFER: handing_over.transfer,
    Operation.STOP_PROCESSING: handing_over.stop_processing,
    Operation.PLACE_IN_QUEUE: handing_over.place_in_queue,
    Operation.PLACE_IN_WORKBIN: handing_over.place_in_workbin,
    Operation.UPDATE_PROPERTIES: properties.update_properties,
    Operation.SET_DISPOSITION: properties.set_disposition,
    Operation.ADD_COMMENT: properties.add_comment,
    Operation.SET_IN_FOCUS: properties.set_in_focus,
    # chat
    Operation.SEND_MESSAGE: talking.send_message,
    Operation.SEND_NOTIFICATION: talking.send_notification,
    Operation.REQUEST_CHAT_HISTORY: talking.request_history,
    Operation.INITIATE_CONSULTATION: conference.initiate_consultation,
    Operation.COMPLETE_TRANSFER: conference.complete_transfer,
    Operation.COMPLETE_CONFERENCE: conference.complete_conference,
    Operation.INVITE_USER: conference.invite_user,
    Operation.REMOVE_PARTICIPANT: conference.remove_participant,
    Operation.LEAVE_CONFERENCE: conference.leave,
    Operation.END_CHAT_SESSION: conference.end_chat,
    # e-mail
    Operation.REPLY: writing.reply,
    Operation.REPLY_ALL: writing.reply_all,
    Operation.FORWARD: writing.forward,
    Operation.SAVE: writing.save,
    Operation.SEND: writing.send,
    Operation.CANCEL_REPLY: writing.cancel,
}


def perform(
    interaction: Interaction,
    agent: str,
    operation: str,
    parameters: Mapping[str, Any],
    *,
    now: float,
    new_id: Callable[[], str],
    rules: Rules = DEFAULT_RULES,
    dialect: Dialect = Dialect.INTERACTIONS,
) -> Outcome:
    """Do one operation of an agent.

    Args:
        operation: ``operationName`` in the words of the dialect; aliases are understood (AG-3, AG-69).
        parameters: the body without it.
        now: seconds since 1970.
        new_id: gives 16 hexadecimal digits in upper case that nobody had: names parties and outbound interactions.

    Raises OperationRefused: 6 this agent has nothing to do with it, 10 unknown operation, 2 not covered by his
    capabilities or too late for an invitation, and as the operation itself demands.
    """
    leg = interaction.leg(agent)
    if leg is None or not leg.is_live:
        raise OperationRefused(NOT_FOUND, "There is no such interaction")
    named = operation_named(operation, interaction.channel)
    if named is None:
        raise OperationRefused(OUT_OF_RANGE, f"There is no operation {operation}")
    again = named is Operation.ACCEPT and leg.is_held  # AG-71: of what one has, asking twice is no mistake
    if not again and not may(interaction, leg, named, dialect, rules):
        raise OperationRefused(NOT_NOW, f"{operation} is not possible now")
    if named is Operation.ACCEPT and leg.until is not None and now >= leg.until:
        # AG-66: who revokes it waits a moment longer, so that an Accept that was taken is never overtaken.
        raise OperationRefused(NOT_NOW, "The time to accept it is over")
    request = Request(
        interaction=interaction,
        leg=leg,
        parameters={**parameters, **IMPLIED.get(operation, {})},
        now=now,
        new_id=new_id,
        rules=rules,
    )
    return OPERATIONS[named](request)
