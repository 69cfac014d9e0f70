"""Tasks passed on and shared, with every refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.routing.plan import Agent
from tests.routing.story import RINGING, Story

spec = pytest.mark.spec


def at_work(**changes: object) -> tuple[Story, str]:
    """Anna has accepted c1; Bert and Cleo are ready."""
    story = Story(**changes)
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.pass_time(1)
    story.sign_in("Bert", "Cleo")
    story.listen()
    return story, task


@spec("MRE-44", "MRE-80", "MRE-81", "MRE-82")
def test_task_passed_on_rings_at_the_recipients_desk() -> None:
    story, task = at_work()
    story.transfer(task, "Anna", "Bert")
    assert story.listen() == [
        "Anna of c1 CLOSED (TRANSFERRED)",
        "Anna READY",
        "transferred Anna to Bert",
        "Bert of c1 RESERVED",
        "Bert RESERVED",
    ]
    story.do("Bert", task, "ACTIVE")
    assert story.owner(task) == "Bert"


@spec("MRE-124")
def test_task_passed_on_twice_is_told_again_and_booked_once() -> None:
    story, task = at_work()
    story.transfer(task, "Anna", "Bert")
    story.listen()
    story.transfer(task, "Anna", "Bert")
    assert story.listen() == ["transferred Anna to Bert"]
    assert story.ask_agent("Bert")["Load"] == 1


@spec("MRE-83")
def test_recipient_who_rejects_sends_it_to_the_queue_and_is_left_out() -> None:
    story, task = at_work()
    story.transfer(task, "Anna", "Bert")
    story.listen()
    story.do("Bert", task, "QUEUED")
    assert "Bert of c1 QUEUED (REJECTED)" in story.listen()
    assert story.owner(task) in {"Anna", "Cleo"}


@spec("MRE-83", "MRE-74")
def test_recipient_who_lets_it_ring_out_sends_it_to_the_queue() -> None:
    story, task = at_work()
    story.transfer(task, "Anna", "Bert")
    story.listen()
    story.pass_time(RINGING)
    assert story.listen()[:2] == ["Bert of c1 QUEUED (RONA)", "Bert NOT_READY (RONA)"]


def rejecting(story: Story, task: str) -> None:
    story.do("Bert", task, "QUEUED")


def ringing_out(story: Story, task: str) -> None:
    story.pass_time(RINGING)


@spec("AG-76", "MRE-83")
@pytest.mark.parametrize(("declines", "code"), [(rejecting, "REJECTED"), (ringing_out, "RONA")])
def test_what_the_recipient_does_not_take_may_be_configured_to_return(
    declines: Callable[[Story, str], None], code: str
) -> None:
    """To who passed it on, though others are free for it; from him it goes to the queue like anything else."""
    story, task = at_work(transfer_returns=True)
    story.transfer(task, "Anna", "Bert")
    story.listen()
    declines(story, task)
    after = {"REJECTED": "Bert READY", "RONA": "Bert NOT_READY (RONA)"}[code]
    assert story.listen() == [
        f"Bert of c1 CLOSED ({code})",
        after,
        "selected Anna RESERVED",
        "Anna of c1 RESERVED",
        "Anna RESERVED",
    ]
    story.restart()
    story.do("Anna", task, "ACTIVE")
    assert (story.owner(task), story.ask_agent("Anna")["Load"], story.ask_agent("Bert")["Load"]) == ("Anna", 1, 0)
    story.do("Anna", task, "QUEUED")
    story.listen()
    chosen = story.owner(task)
    assert chosen in {"Bert", "Cleo"}
    story.do(chosen, task, "QUEUED")
    assert f"{chosen} of c1 QUEUED (REJECTED)" in story.listen()


@spec("AG-76", "MRE-83")
def test_nothing_returns_to_who_wants_no_more() -> None:
    story, task = at_work(transfer_returns=True)
    story.transfer(task, "Anna", "Bert")
    story.want("Anna", "NOT_READY")
    story.listen()
    rejecting(story, task)
    assert "Bert of c1 QUEUED (REJECTED)" in story.listen()
    assert story.owner(task) == "Cleo"


def closed(story: Story, task: str) -> None:
    story.do("Anna", task, "CLOSED")


def wrapping_up(story: Story, task: str) -> None:
    story.do("Anna", task, "WRAP_UP")


def resting(story: Story, task: str) -> None:
    story.want("Bert", "NOT_READY")


def offered(story: Story, task: str) -> None:
    story.want("Anna", "NOT_READY")
    story.want("Cleo", "NOT_READY")
    story.task("c2")


def busy(story: Story, task: str) -> None:
    for number in range(3):
        story.do("Bert", story.task(f"b{number}", preferredAgent="Bert"), "ACTIVE")


def nothing(story: Story, task: str) -> None:
    pass


REFUSALS = [
    (nothing, "other task", "Anna", "Bert", "UNKNOWN_TASK"),
    (closed, "", "Anna", "Bert", "TASK_CLOSED"),
    (nothing, "", "Bert", "Cleo", "NOT_OWNER"),
    (wrapping_up, "", "Anna", "Bert", "ILLEGAL_TRANSITION"),
    (nothing, "", "Anna", "Nemo", "UNKNOWN_AGENT"),
    (nothing, "", "Anna", "Dora", "NOT_LOGGED_IN"),
    (nothing, "", "Anna", "Anna", "SAME_AGENT"),
    (resting, "", "Anna", "Bert", "RECIPIENT_NOT_AVAILABLE"),
    (offered, "", "Anna", "Bert", "RECIPIENT_NOT_AVAILABLE"),
    (busy, "", "Anna", "Bert", "RECIPIENT_BUSY"),
]
HANDS = {name: Agent({"chat": None}) for name in ("Anna", "Bert", "Cleo", "Dora")}


@spec("MRE-80")
@pytest.mark.parametrize(("before", "other", "owner", "recipient", "code"), REFUSALS)
def test_transfer_is_refused(
    before: Callable[[Story, str], None], other: str, owner: str, recipient: str, code: str
) -> None:
    story, task = at_work(agents=HANDS, anyone=None)
    before(story, task)
    story.listen()
    story.transfer(other or task, owner, recipient)
    assert story.errors() == [code]


@spec("MRE-84")
@pytest.mark.parametrize(("before", "other", "owner", "participant", "code"), REFUSALS)
def test_conference_is_refused(
    before: Callable[[Story, str], None], other: str, owner: str, participant: str, code: str
) -> None:
    story, task = at_work(agents=HANDS, anyone=None)
    before(story, task)
    story.listen()
    story.confer(other or task, owner, participant)
    assert story.errors() == [code]


@spec("MRE-84")
def test_conference_has_an_mrd_an_end_and_nobody_twice() -> None:
    story, task = at_work(conference_most=2)
    story.confer(task, "Anna", "Bert", mrd="email")
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.confer(task, "Anna", "Bert")
    story.confer(task, "Anna", "Cleo")
    assert story.errors() == ["MRD_MISMATCH", "ALREADY_IN_TASK", "CONFERENCE_FULL"]


@spec("MRE-81", "MRE-114")
@pytest.mark.parametrize("passed_on", [True, False], ids=["transfer", "conference"])
def test_engine_refuses_what_changed_on_the_way_and_the_asker_hears_it(passed_on: bool) -> None:
    """The communication server has checked; then the recipient gets another task."""
    story, task = at_work(agents={"Bert": Agent({"chat": 1})})
    story.want("Cleo", "NOT_READY")
    story.want("Anna", "NOT_READY")
    story.held = {"CommunicationServer"}
    story.task("c2")
    story.listen()
    if passed_on:
        story.transfer(task, "Anna", "Bert")
    else:
        story.confer(task, "Anna", "Bert")
    story.release()
    (error,) = (body for kind, body in story.heard if kind == "Error")
    assert error["Type"] == ("Transfer" if passed_on else "Conference")
    assert (error["Code"], error["TaskId"], error["AgentId"]) == ("RECIPIENT_NOT_AVAILABLE", task, "Bert")
    assert error["RequestId"]
    assert story.owner(task) == "Anna"


@spec("MRE-80", "MRE-81")
def test_recipient_who_rests_before_the_engine_books_is_refused() -> None:
    story, task = at_work()
    story.held = {"RoutingEngine"}
    story.want("Bert", "NOT_READY")
    story.held = set()
    story.listen()
    story.transfer(task, "Anna", "Bert")
    assert story.errors() == ["RECIPIENT_NOT_AVAILABLE"]


@spec("MRE-82", "MRE-99")
def test_recipient_who_rests_after_the_engine_booked_is_not_rung() -> None:
    story, task = at_work()
    story.want("Cleo", "NOT_READY")
    story.held = {"CommunicationServer"}
    story.transfer(task, "Anna", "Bert")
    story.want("Bert", "NOT_READY", "lunch")
    story.release()
    assert story.listen() == [
        "Cleo NOT_READY",
        "Bert NOT_READY (lunch)",
        "Anna of c1 CLOSED (TRANSFERRED)",
        "Anna READY",
        "transferred Anna to Bert",
        "Bert of c1 QUEUED (REJECTED)",
        "selected Anna RESERVED",
        "Anna of c1 RESERVED",
        "Anna RESERVED",
    ]


@spec("MRE-81")
def test_owner_who_finishes_before_the_booking_is_heard_keeps_his_task() -> None:
    story, task = at_work()
    story.held = {"CommunicationServer"}
    story.transfer(task, "Anna", "Bert")
    story.do("Anna", task, "WRAP_UP")
    story.listen()
    story.release()
    assert story.errors() == ["ILLEGAL_TRANSITION"]
    assert story.owner(task) == "Anna"
    assert story.state("Bert") == "READY"
    other = story.task("c2")
    assert story.owner(other) in {"Bert", "Cleo"}
    story.do("Anna", task, "CLOSED")
    assert f"task:{task}" not in story.engine.documents


@spec("MRE-85")
def test_participant_rings_accepts_and_leaves() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.do("Bert", task, "CLOSED")
    assert story.listen() == [
        "conferenced Anna and Bert",
        "Bert of c1 RESERVED",
        "Bert RESERVED",
        "Bert of c1 ACTIVE (ACCEPTED)",
        "Bert ACTIVE",
        "Bert of c1 CLOSED (DONE)",
        "Bert READY",
    ]
    assert story.owner(task) == "Anna"


@spec("MRE-85", "MRE-86")
def test_participant_who_does_not_come_ends_his_leg_alone() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.confer(task, "Anna", "Cleo")
    story.listen()
    story.do("Bert", task, "QUEUED")
    story.pass_time(RINGING)
    assert story.listen() == [
        "Bert of c1 CLOSED (REJECTED)",
        "Bert READY",
        "Cleo of c1 CLOSED (RONA)",
        "Cleo NOT_READY (RONA)",
    ]
    assert story.ask_task(task)["Legs"] == [{"AgentId": "Anna", "State": "ACTIVE", "Role": "OWNER"}]


@spec("MRE-86", "MRE-99")
def test_participant_who_rests_by_now_is_not_rung_and_the_asker_hears_it() -> None:
    story, task = at_work()
    story.held = {"CommunicationServer"}
    story.confer(task, "Anna", "Bert")
    story.want("Bert", "NOT_READY")
    story.release()
    assert story.errors() == ["RECIPIENT_NOT_AVAILABLE"]
    assert len(story.ask_task(task)["Legs"]) == 1


@spec("MRE-72", "MRE-85")
def test_participant_who_is_called_off_leaves_a_task_that_still_rings() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.transfer(task, "Anna", "Cleo")
    story.listen()
    story.do("Bert", task, "CLOSED", "CANCELLED")
    assert story.listen() == ["Bert of c1 CLOSED (CANCELLED)", "Bert READY"]
    assert story.ask_task(task)["State"] == "RESERVED"


@spec("MRE-72")
def test_owner_who_leaves_hands_it_to_who_is_in_longest() -> None:
    story, task = at_work()
    for agent in ("Cleo", "Bert"):
        story.confer(task, "Anna", agent)
        story.do(agent, task, "ACTIVE")
        story.pass_time(1)
    story.listen()
    story.do("Anna", task, "CLOSED", "LEAVE")
    assert story.listen() == ["Anna of c1 CLOSED (LEAVE)", "Anna READY"]
    assert story.owner(task) == "Cleo"
    story.transfer(task, "Cleo", "Anna")
    assert story.owner(task) == "Anna"


@spec("MRE-72")
def test_owner_who_is_done_ends_it_for_all() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.confer(task, "Anna", "Cleo")
    story.listen()
    story.do("Anna", task, "CLOSED")
    assert story.listen() == [
        "Bert of c1 CLOSED (DONE)",
        "Bert READY",
        "Cleo of c1 CLOSED (DONE)",
        "Cleo READY",
        "Anna of c1 CLOSED (DONE)",
        "Anna READY",
    ]
    assert not [name for name in story.communication.deadlines if not name.startswith("forget:")]


@spec("MRE-64", "MRE-72")
def test_owner_who_signs_out_hands_it_to_a_participant() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.want("Anna", "LOGOUT")
    assert story.owner(task) == "Bert"


@spec("MRE-87")
def test_participant_becomes_owner_without_ringing_again() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.listen()
    story.transfer(task, "Anna", "Bert")
    assert story.listen() == ["Anna of c1 CLOSED (TRANSFERRED)", "Anna READY", "transferred Anna to Bert"]
    assert story.ask_task(task)["Legs"] == [{"AgentId": "Bert", "State": "ACTIVE", "Role": "OWNER"}]
    story.do("Bert", task, "CLOSED")
    assert story.engine.documents.keys() == {"agent:Anna", "agent:Bert", "agent:Cleo"}


@spec("MRE-70")
def test_task_that_its_owner_puts_back_leaves_nobody_in_it() -> None:
    story, task = at_work()
    story.confer(task, "Anna", "Bert")
    story.do("Bert", task, "ACTIVE")
    story.pass_time(1)
    story.listen()
    story.do("Anna", task, "QUEUED")
    assert story.listen()[:4] == [
        "Bert of c1 CLOSED (REQUEUED)",
        "Bert READY",
        "Anna of c1 QUEUED (REQUEUED)",
        "Anna READY",
    ]
    assert story.owner(task) == "Cleo"
