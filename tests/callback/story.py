"""One callback, lived through in the words of those who take part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gateway.callback import machine, queue_position
from gateway.callback.effects import Answer, Effect, Notify, NumberNeeded, Outcome
from gateway.callback.events import (
    AgentConnected,
    AgentRejected,
    AgentReserved,
    Cancel,
    Connect,
    Contact,
    Event,
    InteractionEnded,
    Poll,
    QueueSeen,
)
from gateway.callback.instance import Access, Instance
from gateway.callback.profiles import PRESETS, Profile
from gateway.callback.settings import Settings
from gateway.callback.states import Reason
from gateway.callback.threshold import QueueReport
from gateway.callback.timers import Timer

SAMPLES = Path(__file__).parent.parent / "samples" / "gms"
BASE = "http://localhost:8080/genesys"
USER = "b16416334828b1d26ef14f329628b55b5a8c631d8928a371a5584722dd7fb673"
BEGIN = 1_000.0

FAR = QueueReport(position=20, total=30, eta=600)
NEAR = QueueReport(position=1, total=3, eta=5)


def sample(name: str) -> Any:
    """One answer of the original."""
    return json.loads((SAMPLES / f"{name}.json").read_text("utf-8"))


def settings(profile: Profile, **options: str) -> Settings:
    """Those of a service of that profile."""
    return Settings.read(PRESETS[profile] | {f"_{name}": text for name, text in options.items()})


class Story:
    """Drives an instance through the store; numbers are booked as it needs them. Time moves when told."""

    def __init__(self, profile: Profile, *, pushed: bool = True, id: str = "369-1", **options: str) -> None:
        self.now = BEGIN
        self.settings = settings(profile, **options)
        self.told: list[int] = []
        """Attempts that the customer was notified of."""
        self.effects: Sequence[Effect] = ()
        """Of the latest event."""
        self.answer: Answer | None = None
        self._booked = 0
        outcome = self._begin(id, pushed)
        if isinstance(outcome.answer, NumberNeeded):
            outcome = self._begin(id, pushed, self.book())
        self._happened(outcome)

    def book(self) -> Access:
        """A number for half a minute."""
        self._booked += 1
        return Access(number=f"1-800-{self._booked:04}", expires=self.now + 30)

    # The customer

    def connects(self) -> Story:
        outcome = machine.receive(self.instance, Connect(), self.now)
        if isinstance(outcome.answer, NumberNeeded):
            outcome = machine.receive(self.instance, Connect(self.book()), self.now)
        return self._happened(outcome)

    def comes(self) -> Story:
        return self.receives(Contact())

    def goes(self) -> Story:
        return self.receives(InteractionEnded())

    def cancels(self, reason: Reason = Reason.CANCELLED) -> Story:
        return self.receives(Cancel(reason))

    def polls(self, report: QueueReport) -> dict[str, Any]:
        self.receives(Poll(report))
        return queue_position.answer(self.instance, report)

    # The queue, the agents, the clock

    def sees(self, report: QueueReport) -> Story:
        return self.receives(QueueSeen(report))

    def asks_agent(self) -> Story:
        return self.receives(AgentReserved())

    def agent_rejects(self) -> Story:
        return self.receives(AgentRejected())

    def agent_takes_it(self) -> Story:
        return self.receives(AgentConnected())

    def waits(self, seconds: float) -> Story:
        """Each deadline comes on time."""
        end = self.now + seconds
        while (due := min(self.instance.deadlines.values(), default=end)) < end:
            self.now = max(self.now, due)
            self._happened(machine.expire(self.instance, self.now))
        self.now = end
        return self._happened(machine.expire(self.instance, self.now))

    def sleeps(self, seconds: float) -> Story:
        """Nobody is there to see deadlines come."""
        self.now += seconds
        return self

    def receives(self, event: Event) -> Story:
        return self._happened(machine.receive(self.instance, event, self.now))

    # What is known

    @property
    def step(self) -> str:
        return self.instance.step.value

    @property
    def reason(self) -> str | None:
        return self.instance.reason.value if self.instance.reason else None

    def left(self, timer: Timer) -> float | None:
        """Seconds until a deadline; None: it is not set."""
        due = self.instance.deadlines.get(timer)
        return None if due is None else due - self.now

    def did(self, kind: type[Effect]) -> bool:
        """Whether the latest event has such an effect."""
        return any(isinstance(effect, kind) for effect in self.effects)

    def _begin(self, id: str, pushed: bool, access: Access | None = None) -> Outcome:
        return machine.begin(id, "help", self.settings, self.now, access=access, user=USER, pushed=pushed)

    def _happened(self, outcome: Outcome) -> Story:
        self.instance = Instance.from_document(json.loads(json.dumps(outcome.instance.to_document())))
        assert self.instance == outcome.instance, "the store gives back what it was given"
        self.effects, self.answer = outcome.effects, outcome.answer
        self.told += [effect.attempt for effect in outcome.effects if isinstance(effect, Notify)]
        return self


def near(profile: Profile, **options: Any) -> Story:
    """A delayed callback whose customer is to answer."""
    return Story(profile, **options).sees(NEAR)


def given(profile: Profile, **options: Any) -> Story:
    """A callback whose customer knows where to call or chat."""
    return near(profile, **options).connects() if profile.waits else Story(profile, **options)


def there(profile: Profile, **options: Any) -> Story:
    """A callback whose customer is there."""
    return given(profile, **options).comes()
