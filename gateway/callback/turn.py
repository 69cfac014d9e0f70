"""An instance while something happens to it: the changes so far, what follows from them, and the answer.

Entering a step stops the timers that do not belong to it, so no row of a table has to think of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.callback.effects import Answer, Dialog, Effect, LeaveQueue, Outcome, ReleaseNumber
from gateway.callback.instance import Instance
from gateway.callback.settings import Settings
from gateway.callback.states import Reason, Step
from gateway.callback.timers import TIMERS, Timer


class Turn:
    """Changed by the actions of one event, in the order in which they happen."""

    def __init__(self, instance: Instance, now: float) -> None:
        self.instance = instance
        self.now = now
        self.effects: list[Effect] = []
        self.answer: Answer | None = None

    @property
    def settings(self) -> Settings:
        """The instance's."""
        return self.instance.settings

    @property
    def outcome(self) -> Outcome:
        """All of it."""
        return Outcome(instance=self.instance, effects=tuple(self.effects), answer=self.answer)

    def change(self, **fields: Any) -> None:
        """Give fields of the instance other values."""
        self.instance = replace(self.instance, **fields)

    def enter(self, step: Step, **fields: Any) -> None:
        """Go to a step."""
        going_on = {timer: due for timer, due in self.instance.deadlines.items() if timer in TIMERS[step]}
        self.change(step=step, deadlines=going_on, **fields)

    def start(self, timer: Timer, seconds: float) -> None:
        """Have something happen so many seconds from now."""
        self.start_until(timer, self.now + seconds)

    def start_until(self, timer: Timer, due: float) -> None:
        """Have something happen at that moment."""
        assert timer in TIMERS[self.instance.step]
        self.change(deadlines={**self.instance.deadlines, timer: due})

    def stop(self, timer: Timer) -> None:
        """Have it not happen."""
        self.change(deadlines={each: due for each, due in self.instance.deadlines.items() if each is not timer})

    def show_contact(self) -> None:
        """Answer how the customer comes to an agent."""
        self.answer = Dialog.START_CHAT if self.instance.is_chat else Dialog.DIAL_NUMBER

    def release_number(self) -> None:
        """The customer has no use for it any more."""
        if self.instance.access is not None:
            self.effects.append(ReleaseNumber(self.instance.access))
            self.change(access=None)

    def finish(self, reason: Reason) -> None:
        """It is over; the place in the queue is not touched."""
        self.release_number()
        self.enter(Step.DONE, reason=reason, near_because="")

    def give_up(self, reason: Reason) -> None:
        """It is over, and waits for nobody any more."""
        if self.instance.is_in_queue:
            self.effects.append(LeaveQueue())
        self.finish(reason)
