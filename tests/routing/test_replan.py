"""Operators change the plan while agents work."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.routing.plan import CHAT, EMAIL, Agent, Queue
from tests.routing.story import Story, plan, step

pytestmark = pytest.mark.spec("MRE-150")

ONE = replace(CHAT, max_tasks=1)
TWO = replace(CHAT, max_tasks=2)
EXPERTS = Queue("Sales", "chat", (step("french >= 5"),))


def offered(story: Story) -> list[str]:
    """Who was selected since the last time."""
    return [line.split()[1] for line in story.listen() if line.startswith("selected")]


def working(story: Story, agent: str, client: str) -> str:
    """An agent who has accepted a task."""
    story.sign_in(agent)
    task = story.task(client)
    story.do(agent, task, "ACTIVE")
    story.listen()
    return task


@pytest.mark.parametrize("order", [("communication", "engine"), ("engine", "communication")])
def test_a_raised_maximum_lets_what_waits_be_offered(order: tuple[str, str]) -> None:
    story = Story(mrds={"chat": ONE})
    working(story, "Anna", "c1")
    story.task("c2")
    assert (story.state("Anna"), offered(story)) == ("BUSY", [])
    story.replan(plan(mrds={"chat": TWO}), *order)
    assert offered(story) == ["Anna"]
    assert story.state("Anna") == "ACTIVE"


@pytest.mark.spec("MRE-65")
def test_a_lowered_maximum_takes_nothing_away() -> None:
    story = Story(mrds={"chat": TWO})
    task = working(story, "Anna", "c1")
    story.replan(plan(mrds={"chat": ONE}))
    assert (story.state("Anna"), story.owner(task)) == ("BUSY", "Anna")
    story.task("c2")
    assert offered(story) == []


def test_an_attribute_makes_a_step_match() -> None:
    anna = Agent({"chat": None})
    story = Story(agents={"Anna": anna}, queues={"Sales": EXPERTS})
    story.sign_in("Anna")
    story.task("c1")
    assert offered(story) == []
    story.replan(plan(agents={"Anna": replace(anna, attributes={"french": 7})}, queues={"Sales": EXPERTS}))
    assert offered(story) == ["Anna"]


def test_what_waits_is_offered_in_its_order() -> None:
    """The queue of more priority first, though what waits in the other one is older."""
    queues = {"Sales": Queue("Sales", "chat"), "Help": Queue("Help", "chat")}
    nobody = Agent({"chat": None})
    locked = {name: replace(queue, steps=(step("vip"),)) for name, queue in queues.items()}
    story = Story(agents={"Anna": nobody}, queues=locked, offers_most=2, mrds={"chat": replace(CHAT, max_tasks=1)})
    story.sign_in("Anna")
    tasks = [story.task("old"), story.task("help", queue="Help")]
    story.listen()
    queues["Help"] = replace(queues["Help"], priority=5)
    story.replan(plan(agents={"Anna": nobody}, queues=queues, mrds={"chat": replace(CHAT, max_tasks=1)}))
    assert [story.owner(each) for each in tasks] == ["", "Anna"]


def test_what_waits_in_a_removed_queue_waits_in_the_default_one() -> None:
    story = Story()
    story.task("c1")
    service = {"Service": Queue("Service", "chat")}
    removed = plan(mrds={"chat": replace(CHAT, default_queue="Service")}, queues=service)
    story.replan(removed)
    story.restart()
    story.sign_in("Anna", ready=False)
    story.want("Anna", "READY")
    assert offered(story) == ["Anna"]


def test_what_waits_of_a_removed_mrd_is_given_up_and_what_is_in_hand_comes_to_its_end() -> None:
    story = Story()
    task = working(story, "Anna", "c1")
    story.sign_in("Anna", mrd="email", ready=False)
    waiting = story.task("m1", mrd="email")
    story.replan(plan(mrds={"email": EMAIL}, queues={"Mail": Queue("Mail", "email")}))
    assert story.ask_task(waiting)["State"] == "QUEUED"
    story.do("Anna", task, "CLOSED", "DONE")
    assert story.ask_task(task)["State"] == "CLOSED"

    story.replan(plan(mrds={"chat": CHAT}, queues={"Sales": Queue("Sales", "chat")}))
    assert story.ask_task(waiting)["State"] == "CLOSED"


def test_who_leaves_a_removed_mrd_is_gone_when_it_comes_back() -> None:
    story = Story()
    story.sign_in("Anna")
    story.replan(plan(mrds={"email": EMAIL}, queues={"Mail": Queue("Mail", "email")}))
    story.want("Anna", "LOGOUT")
    story.replan(plan())
    story.task("c1")
    assert offered(story) == []


@pytest.mark.spec("MRE-120")
def test_the_same_plan_again_changes_nothing() -> None:
    story = Story(mrds={"chat": ONE})
    working(story, "Anna", "c1")
    story.task("c2")
    story.replan(plan(mrds={"chat": TWO}))
    before = [dict(role.documents) for role in (story.communication, story.engine)]
    story.listen()
    story.replan(plan(mrds={"chat": TWO}))
    assert story.listen() == []
    assert [role.documents for role in (story.communication, story.engine)] == before
