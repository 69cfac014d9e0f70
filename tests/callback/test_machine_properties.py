"""What holds of a callback whatever happens to it, in whatever order and however late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callback import machine
from gateway.callback.effects import Forget, JoinQueue, LeaveQueue, Notify, Outcome, ReleaseNumber
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
    TargetUnknown,
)
from gateway.callback.instance import Access, Instance
from gateway.callback.machine import TABLES
from gateway.callback.profiles import Profile
from gateway.callback.states import MOVES, Step
from gateway.callback.threshold import QueueReport
from gateway.callback.timers import TIMERS
from tests.callback.story import Story

PROFILES = st.sampled_from(Profile)
REPORTS = st.builds(
    QueueReport, position=st.integers(1, 12), total=st.just(12), eta=st.none() | st.sampled_from([0, 15, 45])
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.just(Connect()),
    st.just(Contact()),
    st.builds(QueueSeen, REPORTS),
    st.builds(Poll, REPORTS),
    st.sampled_from([AgentReserved(), AgentRejected(), AgentConnected()]),
    st.sampled_from([InteractionEnded(), TargetUnknown(), NotQueued(), Cancel()]),
)
PAUSES = st.sampled_from([0.0, 1.0, 29.0, 30.0, 31.0, 120.0, 4_000.0])
LATE = st.booleans()
"""Whether nobody looks at the deadlines that come in a pause."""
LIVES = st.lists(st.tuples(EVENTS, PAUSES, LATE), max_size=30)


def some(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from(texts)


OPTIONS = {
    "retain_session_until_ixn_deleted": some("true", "false"),
    "wait_for_user_confirm": some("true", "false"),
    "userorig_connect_limit": some("1", "3"),
    "client_timeout": some("30", "120"),
    "ttl": some("300", "86400"),
}
SERVICES = st.fixed_dictionaries({}, optional=OPTIONS)
HASTY_SERVICES = st.fixed_dictionaries(
    {},
    optional=OPTIONS
    | {
        "user_confirm_timeout": some("0", "30"),
        "agent_availability_notification_delay": some("0", "30"),
        "agent_reserve_timeout": some("0", "30"),
        "client_timeout": some("0", "120"),
        "min_urs_ewt_pos_polling_interval": some("0", "2"),
    },
)


class Witness(Story):
    """Holds what is promised of every outcome."""

    instance: Instance

    def __init__(self, profile: Profile, **options: str) -> None:
        self.taken: list[Access] = []
        self.released: list[Access] = []
        self.joined = self.left_queue = self.forgotten = 0
        super().__init__(profile, **options)

    def lives(self, event: Event, pause: float, late: bool) -> None:
        if late:
            self.sleeps(pause)
        else:
            self.waits(pause)
        if isinstance(event, Connect):
            self.connects()
        else:
            self.receives(event)

    def _happened(self, outcome: Outcome) -> Witness:
        before = getattr(self, "instance", None)
        after = outcome.instance
        if before is not None:
            assert after.state is before.state or after.state in MOVES[before.state]
            self._is_final(before, outcome)
        assert set(after.deadlines) <= TIMERS[after.step]
        assert (after.reason is not None) is (after.step is Step.DONE)
        self._counts_numbers(outcome)
        for effect in outcome.effects:
            self.joined += isinstance(effect, JoinQueue)
            self.left_queue += isinstance(effect, LeaveQueue)
            self.forgotten += isinstance(effect, Forget)
            assert not isinstance(effect, Notify) or after.is_told
        super()._happened(outcome)
        return self

    def _is_final(self, before: Instance, outcome: Outcome) -> None:
        if before.step is Step.DONE:
            assert outcome.instance.reason is before.reason
            assert all(isinstance(effect, Forget) for effect in outcome.effects)

    def _counts_numbers(self, outcome: Outcome) -> None:
        self.released += [effect.access for effect in outcome.effects if isinstance(effect, ReleaseNumber)]
        access = outcome.instance.access
        if access is not None and access not in self.taken:
            self.taken.append(access)


@pytest.mark.spec("SM-11", "SM-23", "SM-27", "SM-70")
@given(PROFILES, HASTY_SERVICES, LIVES)
def test_whatever_happens_a_callback_keeps_its_promises(
    profile: Profile, options: dict[str, str], life: list[tuple[Event, float, bool]]
) -> None:
    """It ends once, gives back each number once, hands out no more than it may, and is forgotten once."""
    witness = Witness(profile, **options)
    for event, pause, late in life:
        witness.lives(event, pause, late)
        held = [witness.instance.access] if witness.instance.access else []
        assert witness.released + held == witness.taken
        assert witness.instance.connects <= witness.settings.userorig_connect_limit
        assert all(attempt <= 3 for attempt in witness.told)
    witness.waits(86_400)
    assert (witness.step, witness.forgotten) == ("DONE", 1)
    assert witness.released == witness.taken
    assert witness.joined == profile.waits
    assert witness.left_queue <= 1


@pytest.mark.spec("SM-73")
@given(PROFILES, SERVICES, LIVES, EVENTS, PAUSES)
def test_late_deadline_changes_nothing(
    profile: Profile, options: dict[str, str], life: list[tuple[Event, float, bool]], event: Event, pause: float
) -> None:
    """Whether a deadline's own call comes before the event or after it: the event ends the same."""
    witness = Witness(profile, **options)
    for happened in life:
        witness.lives(*happened)
    now = witness.now + pause
    at_once = machine.receive(witness.instance, event, now)
    first = machine.expire(witness.instance, now)
    then = machine.receive(first.instance, event, now)
    assert (at_once.instance, at_once.answer) == (then.instance, then.answer)
    assert at_once.effects == (*first.effects, *then.effects)
    assert machine.expire(then.instance, now).effects == ()


@given(PROFILES, SERVICES, LIVES)
def test_instance_goes_where_its_row_says(
    profile: Profile, options: dict[str, str], life: list[tuple[Event, float, bool]]
) -> None:
    witness = Witness(profile, **options)
    for event, pause, _ in life:
        witness.waits(pause)
        before = witness.step
        witness.lives(event, 0.0, late=False)
        _, ways = TABLES[profile].get((Step(before), type(event)), (None, (before,)))
        assert witness.step in ways


@pytest.mark.spec("SM-70")
@pytest.mark.parametrize("profile", list(Profile))
def test_every_deadline_has_a_row(profile: Profile) -> None:
    """In each step that can be reached."""
    table = TABLES[profile]
    reached = {Step.WAIT_AGENT if profile.waits else Step.WAIT_CONNECT}
    while more := {step for (start, _), (_, ways) in table.items() if start in reached for step in ways} - reached:
        reached |= more
    assert {(step, timer) for step in reached for timer in TIMERS[step]} <= set(table)
    assert Step.DONE in reached
