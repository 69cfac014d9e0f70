"""What one row of the machine's tables does to an instance.

Source: the action column of SM-20…34, SM-40…43.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

from gateway.callback.effects import (
    AskQueue,
    Forget,
    JoinQueue,
    NextTarget,
    Notify,
    NotYet,
    NumberNeeded,
    Route,
    WrongState,
)
from gateway.callback.events import Cancel, Connect, Poll, QueueSeen
from gateway.callback.states import Reason, Step
from gateway.callback.threshold import polling_interval
from gateway.callback.timers import Timer
from gateway.callback.turn import Turn

Action: TypeAlias = Callable[[Turn, Any], None]
"""Takes the turn, and the event or timer of its row."""


# The queue


def join_queue(turn: Turn) -> None:
    """A delayed callback has come into being (SM-20)."""
    turn.effects.append(JoinQueue())
    wait_for_agent(turn)


def wait_for_agent(turn: Turn) -> None:
    """Look at the queue until an agent is near."""
    turn.enter(Step.WAIT_AGENT)
    turn.start(Timer.REACH, turn.settings.max_time_to_reach_eta_pos_threshold)
    ask_queue(turn)


def ask_queue(turn: Turn, _: object = None) -> None:
    """Ask, and ask again if no answer comes."""
    turn.effects.append(AskQueue())
    turn.start(Timer.WATCH, _until_next_look(turn, None))


def look(turn: Turn, event: QueueSeen | Poll) -> None:
    """An agent is near, or the queue is looked at later (SM-21, TH-9, TH-12)."""
    settings, report = turn.settings, event.report
    turn.start(Timer.WATCH, _until_next_look(turn, report.eta))
    if turn.now - turn.instance.created < settings.min_queue_wait:
        return
    verdict = settings.eta_pos_threshold.judge(report, settings.threshold_when_eta_unknown)
    if verdict.reached:
        turn.enter(Step.WAIT_CONFIRM, near_because=verdict.reason, attempts=0)
        notify(turn)


def _until_next_look(turn: Turn, eta: int | None) -> float:
    settings = turn.settings
    return polling_interval(eta, settings.min_urs_ewt_pos_polling_interval, settings.max_urs_ewt_pos_polling_interval)


# The customer is told, and answers


def notify(turn: Turn, _: object = None) -> None:
    """One attempt to have the customer's answer."""
    turn.change(attempts=turn.instance.attempts + 1)
    if turn.instance.is_told:
        turn.effects.append(Notify(turn.instance.attempts))
    turn.start(Timer.CONFIRM, turn.settings.user_confirm_timeout)


def try_again(turn: Turn, _: object) -> None:
    """The customer has not answered: a pause and another attempt, or no more of them (SM-22, SM-23)."""
    if turn.instance.attempts < turn.settings.max_number_of_user_availability_confirmation_attempts:
        turn.start(Timer.NOTIFY, turn.settings.agent_availability_notification_delay)
    else:
        turn.give_up(Reason.FAIL_USER_NO_CONFIRM)


def hear(turn: Turn, _: object) -> None:
    """Whose app has to ask is there as long as it asks (SM-30)."""
    if not turn.instance.is_told:
        turn.stop(Timer.NOTIFY)
        turn.start(Timer.CONFIRM, turn.settings.user_confirm_timeout)


def hand_out(turn: Turn, event: Connect) -> None:
    """Give the customer a number or a chat, unless he has had enough of them (SM-24, SM-27)."""
    if _has_had_enough(turn):
        turn.answer = WrongState()
        turn.give_up(Reason.FAIL_USER_NO_CONFIRM)
        return
    access = None if turn.instance.is_chat else event.access
    if access is None and not turn.instance.is_chat:
        turn.answer = NumberNeeded()
        return
    turn.enter(Step.WAIT_CONTACT, access=access, connects=turn.instance.connects + 1, near_because="")
    turn.start_until(Timer.CONTACT, access.expires if access else turn.now + turn.settings.client_timeout)
    turn.show_contact()


def show_again(turn: Turn, _: object) -> None:
    """What the customer was given is still his (SV-22)."""
    turn.show_contact()


def refuse_early(turn: Turn, _: object) -> None:
    """No agent is near (SV-21); who has had enough need not wait for one (SM-27)."""
    if _has_had_enough(turn):
        turn.answer = WrongState()
        turn.give_up(Reason.FAIL_USER_NO_CONFIRM)
    else:
        refuse(turn, _)


def refuse(turn: Turn, _: object) -> None:
    """The request is not for this step."""
    look_again = turn.instance.deadlines.get(Timer.WATCH, turn.now)
    waits = turn.instance.step in {Step.WAIT_AGENT, Step.WAIT_CONFIRM}
    turn.answer = NotYet(max(1, math.ceil(look_again - turn.now))) if waits else WrongState()


def _has_had_enough(turn: Turn) -> bool:
    return 0 < turn.settings.userorig_connect_limit <= turn.instance.connects


# The customer comes, or does not


def meet(turn: Turn, _: object) -> None:
    """He is there: he wants an agent now (SM-25, SM-32)."""
    turn.release_number()
    turn.enter(Step.ROUTING, near_because="")
    turn.start(Timer.ON_LINE, turn.settings.max_time_to_wait_for_agent_on_the_call)
    turn.effects.append(Route())


def wait_again(turn: Turn, _: object) -> None:
    """He did not come: somebody else may have his number (SM-26)."""
    turn.release_number()
    wait_for_agent(turn)


def wait_for_connect(turn: Turn, _: object) -> None:
    """He did not call: he may ask for another number (SM-33)."""
    turn.release_number()
    turn.enter(Step.WAIT_CONNECT)


def nothing(turn: Turn, _: object) -> None:
    """It is so already."""


# The agent


def guard_reservation(turn: Turn, _: object) -> None:
    """An agent is asked; how long the customer waits for one to be found is another timer's (SM-40, SM-41)."""
    turn.start(Timer.RESERVE, turn.settings.agent_reserve_timeout)


def next_target(turn: Turn, _: object) -> None:
    """The agent does not take him: another one does, or nobody (SM-40)."""
    turn.stop(Timer.RESERVE)
    turn.change(rejections=turn.instance.rejections + 1)
    if turn.instance.rejections < turn.settings.max_transfer_to_agent_attempts:
        turn.effects.append(NextTarget())
    else:
        turn.give_up(Reason.FAIL_AGENT_CONNECT)


def connected(turn: Turn, _: object) -> None:
    """The callback has done what it is for (SM-13)."""
    if turn.settings.retain_session_until_ixn_deleted:
        turn.enter(Step.TALKING)
    else:
        turn.finish(Reason.AGENT_CONNECTED)


# Endings


def ends(reason: Reason) -> Action:
    """Ends with this reason; the place in the queue is given up."""

    def end(turn: Turn, _: object) -> None:
        turn.give_up(reason)

    return end


def lose(turn: Turn, _: object) -> None:
    """The queue has no place to give up."""
    turn.finish(Reason.FAIL_QUEUEING)


def talked(turn: Turn, _: object) -> None:
    """Both have talked, and are done."""
    turn.finish(Reason.AGENT_CONNECTED)


def cancel(turn: Turn, event: Cancel) -> None:
    """Withdraw; a chat that runs goes on (CB-12)."""
    if turn.instance.is_chat and turn.instance.step is Step.ROUTING:
        turn.finish(event.reason)
    else:
        turn.give_up(event.reason)


def forget(turn: Turn, _: object) -> None:
    """Its life is over, whatever it was about (SV-4)."""
    if turn.instance.step is not Step.DONE:
        turn.give_up(Reason.FAIL_TIMEOUT_TTL)
    turn.effects.append(Forget())
