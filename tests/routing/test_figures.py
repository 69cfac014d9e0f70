"""What is counted of tasks and agents is what happened to them."""

from __future__ import annotations

from collections import Counter

import pytest

from gateway.routing.communication.server import CommunicationServer
from tests.routing.story import Story

pytestmark = pytest.mark.spec("MRE-151")


def server_of(story: Story) -> CommunicationServer:
    machine = story.communication.machine
    assert isinstance(machine, CommunicationServer)
    return machine


def counted_anew(story: Story) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    state = server_of(story).state
    tasks = Counter((task.queue, str(task.state)) for task in state.tasks.values())
    agents = Counter((mrd, str(each.state)) for agent in state.agents.values() for mrd, each in agent.mrds.items())
    return tasks, agents


def test_tasks_and_agents_are_counted_as_they_are_at_each_moment() -> None:
    story = Story()

    def check(tasks: dict[tuple[str, str], int]) -> None:
        state = server_of(story).state
        assert (state.task_counts, state.agent_counts) == counted_anew(story)
        assert state.task_counts == tasks

    story.sign_in("Ada", "Bob")
    story.sign_in("Ada", mrd="email")
    first = story.task("c1")
    second = story.task("c2")
    third = story.task("c3", mrd="email")
    check({("Sales", "RESERVED"): 2, ("Mail", "RESERVED"): 1})
    story.do("Ada", first, "ACTIVE")
    story.do("Bob", second, "QUEUED")
    story.do("Ada", third, "ACTIVE")
    story.do("Ada", third, "CLOSED", "DONE")
    story.communication.restart()
    tasks, _ = counted_anew(story)
    assert tasks["Mail", "CLOSED"] == 1
    check(dict(tasks))
    story.pass_time(2 * story.plan.task_kept)
    assert ("Mail", "CLOSED") not in server_of(story).state.task_counts
    assert server_of(story).state.task_counts == counted_anew(story)[0]


def test_the_time_to_an_offer_begins_again_when_the_task_does() -> None:
    story = Story()
    task = story.task("c1")
    story.pass_time(7)
    story.sign_in("Ada")
    waits = server_of(story).figures.waits
    assert (sum(waits["Sales"].counts), waits["Sales"].total) == (1, 7)
    story.do("Ada", task, "ACTIVE")
    story.do("Ada", task, "QUEUED")
    story.pass_time(1)
    assert sum(waits["Sales"].counts) == 2
    assert 7 <= waits["Sales"].total <= 8


def test_what_was_so_before_a_reign_is_not_counted_again() -> None:
    story = Story()
    story.sign_in("Ada")
    story.task("c1")
    story.communication.restart()
    assert sum(server_of(story).figures.waits["Sales"].counts) == 1


def test_offers_that_rang_out_are_counted_once_each() -> None:
    story = Story()
    story.sign_in("Ada", "Bob")
    story.task("c1")
    story.pass_time(31)
    story.pass_time(31)
    assert server_of(story).figures.rung_out == {"Sales": 2}
