"""The callbacks' state machine: a table for each profile, and how an event is taken by them.

Reads no clock and waits for nothing: an event that is received again by the same instance ends as it would have ended.

Source: SM-20…34, SM-40…43 (delayed, immediate, routing); SM-70, SM-72, SM-73.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias, get_args

from gateway.callback import actions
from gateway.callback.actions import Action, ends
from gateway.callback.effects import Dialog, Gone, Outcome
from gateway.callback.events import (
    AgentConnected,
    AgentRejected,
    AgentReserved,
    Cancel,
    Connect,
    Contact,
    Event,
    InteractionEnded,
    NotQueued,
    Poll,
    QueueSeen,
    Request,
    TargetUnknown,
)
from gateway.callback.instance import Access, Instance
from gateway.callback.profiles import Profile
from gateway.callback.settings import Settings
from gateway.callback.states import WAITING, Reason, Step
from gateway.callback.timers import Timer
from gateway.callback.turn import Turn

WAIT_AGENT, WAIT_CONFIRM = Step.WAIT_AGENT, Step.WAIT_CONFIRM
WAIT_CONTACT, WAIT_CONNECT = Step.WAIT_CONTACT, Step.WAIT_CONNECT
ROUTING, TALKING, DONE = Step.ROUTING, Step.TALKING, Step.DONE

Trigger: TypeAlias = type[Event] | Timer
Row: TypeAlias = tuple[Action, tuple[Step, ...]]
"""What is done, and where the instance may be afterwards."""
Table: TypeAlias = Mapping[tuple[Step, Trigger], Row]

DELAYED: Table = {
    # in the queue (SM-20)
    (WAIT_AGENT, Timer.WATCH): (actions.ask_queue, (WAIT_AGENT,)),
    (WAIT_AGENT, QueueSeen): (actions.look, (WAIT_AGENT, WAIT_CONFIRM)),  # SM-21
    (WAIT_AGENT, Poll): (actions.look, (WAIT_AGENT, WAIT_CONFIRM)),
    (WAIT_AGENT, Timer.REACH): (ends(Reason.NOT_AVAILABLE), (DONE,)),  # SM-28
    (WAIT_AGENT, Connect): (actions.refuse_early, (WAIT_AGENT, DONE)),  # SV-21, SM-27
    # an agent is near
    (WAIT_CONFIRM, Timer.CONFIRM): (actions.try_again, (WAIT_CONFIRM, DONE)),  # SM-22, SM-23
    (WAIT_CONFIRM, Timer.NOTIFY): (actions.notify, (WAIT_CONFIRM,)),
    (WAIT_CONFIRM, Poll): (actions.hear, (WAIT_CONFIRM,)),  # SM-30
    (WAIT_CONFIRM, Connect): (actions.hand_out, (WAIT_CONFIRM, WAIT_CONTACT, DONE)),  # SM-24, SM-27
    # the customer knows where to go
    (WAIT_CONTACT, Connect): (actions.show_again, (WAIT_CONTACT,)),  # SV-22
    (WAIT_CONTACT, Contact): (actions.meet, (ROUTING,)),  # SM-25
    (WAIT_CONTACT, Timer.CONTACT): (actions.wait_again, (WAIT_AGENT,)),  # SM-26
}
IMMEDIATE: Table = {
    # how it begins, and where a caller is who did not call
    (WAIT_CONNECT, Connect): (actions.hand_out, (WAIT_CONNECT, WAIT_CONTACT, DONE)),  # SM-31, SM-27
    # the customer knows where to go
    (WAIT_CONTACT, Connect): (actions.show_again, (WAIT_CONTACT,)),
    (WAIT_CONTACT, Contact): (actions.meet, (ROUTING,)),  # SM-32
}
VOICE_NOW: Table = {
    (WAIT_CONTACT, Timer.CONTACT): (actions.wait_for_connect, (WAIT_CONNECT,)),  # SM-33
}
CHAT_NOW: Table = {
    (WAIT_CONTACT, Timer.CONTACT): (ends(Reason.FAIL_USER_NO_CONFIRM), (DONE,)),  # SM-33
}
CHAT: Table = {
    # the app goes on to the chat without saying that it does
    (WAIT_CONFIRM, Contact): (actions.meet, (ROUTING,)),
    # the chat is still where the customer was told it is
    (ROUTING, Connect): (actions.show_again, (ROUTING,)),
    (TALKING, Connect): (actions.show_again, (TALKING,)),
}
ROUTED: Table = {
    # the customer is there (SM-40)
    (ROUTING, Contact): (actions.nothing, (ROUTING,)),
    (ROUTING, AgentReserved): (actions.guard_reservation, (ROUTING,)),
    (ROUTING, AgentRejected): (actions.next_target, (ROUTING, DONE)),
    (ROUTING, Timer.RESERVE): (actions.next_target, (ROUTING, DONE)),
    (ROUTING, Timer.ON_LINE): (ends(Reason.FAIL_AGENT_CONNECT), (DONE,)),  # SM-41
    (ROUTING, InteractionEnded): (ends(Reason.FAIL_INTERACTION_DELETED), (DONE,)),  # SM-42
    (ROUTING, AgentConnected): (actions.connected, (TALKING, DONE)),  # SM-13
    # customer and agent talk
    (TALKING, Contact): (actions.nothing, (TALKING,)),
    (TALKING, InteractionEnded): (actions.talked, (DONE,)),
}
ENDINGS: Table = {
    **{(step, Cancel): (actions.cancel, (DONE,)) for step in Step if step is not DONE},  # CB-12
    **{(step, Timer.LIFE): (actions.forget, (DONE,)) for step in Step},  # SV-4
    **{(step, Timer.QUEUED): (ends(Reason.FAIL_TIMEOUT_TTL), (DONE,)) for step in WAITING},  # SM-29
    **{(step, TargetUnknown): (ends(Reason.FAIL_TARGET_NOT_FOUND), (DONE,)) for step in WAITING | {ROUTING}},  # SM-43
    **{(step, NotQueued): (actions.lose, (DONE,)) for step in WAITING | {ROUTING}},
}

TABLES: Mapping[Profile, Table] = {
    Profile.VOICE_WAIT: {**DELAYED, **ROUTED, **ENDINGS},
    Profile.CHAT_WAIT: {**DELAYED, **CHAT, **ROUTED, **ENDINGS},
    Profile.VOICE_NOW: {**IMMEDIATE, **VOICE_NOW, **ROUTED, **ENDINGS},
    Profile.CHAT_NOW: {**IMMEDIATE, **CHAT, **CHAT_NOW, **ROUTED, **ENDINGS},
}
"""What has no row is refused if somebody waits for an answer, and too late to matter otherwise."""


def begin(
    id: str,
    service: str,
    settings: Settings,
    now: float,
    *,
    access: Access | None = None,
    user: str = "",
    pushed: bool = False,
    chat_parameters: Mapping[str, str] | None = None,
) -> Outcome:
    """A callback that was accepted (SM-20, SM-31).

    An immediate one begins with the ``Connect`` that a delayed one waits for, so here too the answer may be
    ``NumberNeeded``: nothing has begun then, and it is to be called again with a number.

    Raises:
        ProfileUnsupported: the customer would have to be dialled.
    """
    waits = settings.profile.waits
    instance = Instance(
        id=id,
        service=service,
        settings=settings,
        created=now,
        step=WAIT_AGENT if waits else WAIT_CONNECT,
        user=user,
        pushed=pushed,
        chat_parameters=chat_parameters or {},
        deadlines={Timer.LIFE: now + settings.ttl, Timer.QUEUED: now + settings.urs_queued_ttl},
    )
    turn = Turn(instance, now)
    if waits:
        actions.join_queue(turn)
        turn.answer = Dialog.CONFIRMATION
    else:
        _take(turn, Connect, Connect(access))
    return turn.outcome


def receive(instance: Instance, event: Event, now: float) -> Outcome:
    """What becomes of an event.

    Deadlines that are due come first, however late their own call is: a connect after the end of its booking finds no
    number, on whichever node and in whichever order the two arrive (SM-73).
    """
    turn = _caught_up(instance, now)
    if isinstance(event, get_args(Request)) and now >= instance.expires:
        turn.answer = Gone()
    else:
        _take(turn, type(event), event)
    return turn.outcome


def expire(instance: Instance, now: float) -> Outcome:
    """What becomes of the deadlines that are due; nothing if none is, as when one was moved since it was stored."""
    return _caught_up(instance, now).outcome


def _caught_up(instance: Instance, now: float) -> Turn:
    turn = Turn(instance, now)
    overdue = sorted((due, timer) for timer, due in instance.deadlines.items() if due <= now)
    for due, timer in overdue:
        # An earlier one may have stopped or moved it; what starts here runs from now on, not from the time missed.
        if turn.instance.deadlines.get(timer) == due:
            turn.stop(timer)
            _take(turn, timer, timer)
    return turn


def _take(turn: Turn, trigger: Trigger, event: Event | Timer) -> None:
    row = TABLES[turn.instance.profile].get((turn.instance.step, trigger))
    if row is not None:
        action, _ = row
        action(turn, event)
    elif isinstance(event, get_args(Request)):
        actions.refuse(turn, event)
