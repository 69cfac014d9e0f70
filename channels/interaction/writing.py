"""E-mails that agents write: answers begin as outbound interactions of their own, and leave when the relay took them.

Source: AG-79, AG-80, and the table of AG-69.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from channels import answers
from channels.answers import LetterInvalid, Wording
from channels.interaction import engine
from channels.interaction.effects import ChangeTask, EndReply, Outcome, SendLetter
from channels.interaction.endings import end_leg, release_task
from channels.interaction.model import Interaction, Leg, OpenReply
from channels.interaction.reasons import Reason
from channels.interaction.refusal import MISSING, NOT_NOW, OUT_OF_RANGE, OperationRefused
from channels.interaction.request import QUEUE_PARAMETERS, Request, last_segment
from channels.interaction.states import State, Trigger
from channels.letter import Letter

REPLY, NEW = "OutboundReply", "OutboundNew"
"""Subtypes of what goes out."""
THREAD_KEYS = ("ContactId", "EmailAddress", "Mailbox")
"""What an answer takes over from the attached data of what it answers."""


def reply(request: Request) -> Outcome:
    """To who wrote."""
    return _answer(request, answers.reply, REPLY)


def reply_all(request: Request) -> Outcome:
    """To him and all who got it."""
    return _answer(request, answers.reply_to_all, REPLY)


def forward(request: Request) -> Outcome:
    """To somebody else."""
    return _answer(request, answers.forward, NEW)


def save(request: Request) -> Outcome:
    """Keep what was written."""
    if "email" not in request.parameters:
        raise OperationRefused(MISSING, "email is missing")
    return Outcome(interaction=replace(request.interaction, letter=_edited(request)))


def send(request: Request) -> Outcome:
    """Off to the relay; the agent has it until that has taken it (``sent``, ``not_sent``)."""
    letter = _edited(request)
    if not (letter.to or letter.cc or letter.bcc):
        raise OperationRefused(MISSING, "It is addressed to nobody")
    interaction = replace(request.interaction, letter=letter, sending=True)
    return Outcome(interaction=interaction, effects=(SendLetter(interaction=interaction.id),))


def cancel(request: Request) -> Outcome:
    """Nothing leaves."""
    return _over(request.interaction, request.leg, request.now)


def sent(interaction: Interaction, now: float) -> Outcome:
    """The relay took it: nothing is left to do, for nobody. Nothing happens if that is known."""
    if not interaction.sending:
        return Outcome(interaction=interaction)
    interaction, owner = replace(interaction, sending=False), interaction.owner
    if owner is not None and owner.state is State.COMPOSING:
        return _over(interaction, owner, now)
    # Its agent has gone meanwhile: it waits for another one, or was offered to him.
    task = [ChangeTask(agent=owner.agent if owner else "", state="CLOSED", code="CANCELLED")]
    over = engine.ended(interaction, Reason.DONE, now)
    return replace(over, effects=(*over.effects, *(task if interaction.is_routed else ())))


def not_sent(interaction: Interaction) -> Outcome:
    """The relay did not take it: the agent may change it and send it again; tell him why by an ErrorMessage."""
    return Outcome(interaction=replace(interaction, sending=False))


def reply_ended(interaction: Interaction, reply: str) -> Interaction:
    """The e-mail that was answered: that answer is open no more."""
    return replace(interaction, replies=tuple(each for each in interaction.replies if each.id != reply))


def _answer(request: Request, written: Callable[[Letter, Wording], Letter], subkind: str) -> Outcome:
    interaction = request.interaction
    if any(each.agent == request.agent for each in interaction.replies):
        raise OperationRefused(NOT_NOW, "You are answering it already")  # AG-79
    try:
        letter = written(_letter(interaction), Wording.from_parameters(request.parameters))
    except LetterInvalid as invalid:
        raise OperationRefused(OUT_OF_RANGE, str(invalid)) from None
    draft = Interaction(
        id=request.new_id(),
        channel=interaction.channel,
        kind="Outbound",
        subkind=subkind,
        queue=_out_queue(request),
        user_data={
            **{key: interaction.user_data[key] for key in THREAD_KEYS if key in interaction.user_data},
            "Subject": letter.subject,
            **request.mapping("userData"),
        },
        legs=(Leg(agent=request.agent, state=State.COMPOSING),),
        letter=letter,
        parent=interaction.id,
        is_routed=False,
        created_at=request.now,
    )
    answered = (*interaction.replies, OpenReply(agent=request.agent, id=draft.id))
    return Outcome(interaction=replace(interaction, replies=answered), created=(draft,))


def _out_queue(request: Request) -> str:
    known = request.interaction.out_queues
    wanted = request.text(*QUEUE_PARAMETERS)
    if not wanted:
        return known[0] if known else request.interaction.queue
    if last_segment(wanted) not in known:
        raise OperationRefused(OUT_OF_RANGE, "Answers do not go out through that queue")
    return last_segment(wanted)


def _edited(request: Request) -> Letter:
    letter = _letter(request.interaction)
    mailboxes = request.rules.mailboxes | {letter.from_address.lower()}
    try:
        return answers.edited(letter, request.mapping("email"), mailboxes)
    except LetterInvalid as invalid:
        raise OperationRefused(OUT_OF_RANGE, str(invalid)) from None


def _letter(interaction: Interaction) -> Letter:
    assert interaction.letter is not None, "an e-mail has a letter"
    return interaction.letter


def _over(interaction: Interaction, leg: Leg, now: float) -> Outcome:
    interaction = end_leg(interaction, leg, Trigger.COMPLETE, Reason.DONE, now)
    interaction, released = release_task(interaction, leg.agent)
    ended = [EndReply(parent=interaction.parent, reply=interaction.id)] if interaction.parent else []
    return Outcome(interaction=replace(interaction, closed_at=now), effects=(*released, *ended))
