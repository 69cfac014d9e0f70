"""Which agent gets which task, and when."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.routing.engine.engine import RoutingEngine
from gateway.routing.plan import CHAT, Agent, Queue
from tests.routing.story import NOON, RINGING, Story, plan, step

spec = pytest.mark.spec

EXPERT = Agent({"chat": None}, {"french": 9})
BEGINNER = Agent({"chat": 1}, {"french": 2})
NOVICE = Agent({"chat": None})
STEPS = Queue("Sales", "chat", (step("french >= 5", 20), step("french >= 1", 40), step("")))


def stepped(**changes: object) -> Story:
    agents = {"Xaver": EXPERT, "Berta": BEGINNER, "Nils": NOVICE}
    return Story(agents=agents, anyone=None, queues={"Sales": STEPS}, **changes)


def offered(story: Story) -> list[str]:
    """Who was selected since the last time."""
    return [line.split()[1] for line in story.listen() if line.startswith("selected")]


@spec("MRE-91")
def test_steps_open_one_after_the_other() -> None:
    """The expert is there, and busy."""
    story = stepped()
    story.sign_in("Xaver", ready=False)
    story.sign_in("Berta", "Nils")
    task = story.task("c1")
    story.pass_time(19.9)
    assert offered(story) == []
    story.pass_time(0.1)
    assert offered(story) == ["Berta"]
    story.do("Berta", task, "ACTIVE")
    story.task("c2")
    story.pass_time(59.9)
    assert offered(story) == []
    story.pass_time(0.1)
    assert offered(story) == ["Nils"]


@spec("MRE-91")
def test_agents_of_an_earlier_step_go_first() -> None:
    story = stepped()
    story.sign_in("Nils", "Berta", "Xaver", ready=False)
    story.task("c1")
    story.pass_time(60)
    story.held = {"RoutingEngine"}
    for agent in ("Nils", "Berta", "Xaver"):
        story.want(agent, "READY")
    story.held = set()
    story.engine.machine.load([])  # nobody has heard yet: all of it comes at once
    story.restart()
    story.run()
    assert offered(story)[0] == "Nils"  # whoever is free first gets what waits
    story.sign_in("Berta", "Xaver")
    story.task("c2")
    assert offered(story) == ["Xaver"]


@spec("MRE-91")
def test_step_without_anybody_passes_at_once() -> None:
    story = stepped()
    story.sign_in("Nils")
    story.task("c1")
    assert offered(story) == ["Nils"]


@spec("MRE-91", "MRE-96")
def test_next_step_opens_when_the_last_agent_of_one_leaves() -> None:
    story = stepped()
    story.sign_in("Xaver", ready=False)
    story.sign_in("Nils")
    story.task("c1")
    assert offered(story) == []
    story.want("Xaver", "LOGOUT")
    assert offered(story) == ["Nils"]


@spec("MRE-95")
def test_free_agent_gets_the_queue_then_the_task_of_most_priority_then_the_oldest() -> None:
    queues = {
        "Sales": Queue("Sales", "chat"),
        "Help": Queue("Help", "chat"),
        "Gold": Queue("Gold", "chat", priority=2),
    }
    story = Story(queues=queues, agents={"Anna": Agent({"chat": 10})})
    names = []
    for name, params in [
        ("old", {"queue": "Sales"}),
        ("older than urgent", {"queue": "Help"}),
        ("urgent", {"queue": "Sales", "priority": 8}),
        ("gold", {"queue": "Gold", "priority": 1}),
    ]:
        story.task(name, **params)
        story.pass_time(1)
    story.sign_in("Anna")
    for _ in range(4):
        (task,) = (each["TaskId"] for each in story.ask_agent("Anna")["Tasks"] if each["State"] == "RESERVED")
        names.append(story.ask_task(task)["ClientUniqueId"])
        story.do("Anna", task, "ACTIVE")
    assert names == ["gold", "urgent", "old", "older than urgent"]


@spec("MRE-73", "MRE-95")
def test_task_that_was_missed_keeps_its_place() -> None:
    story = Story()
    story.sign_in("Anna")
    first = story.task("c1")
    story.pass_time(10)
    second = story.task("c2")
    story.pass_time(RINGING - 10)
    assert [story.ask_task(task).get("Position") for task in (first, second)] == [1, 2]
    story.sign_in("Bert")
    assert story.owner(first) == "Bert"


@spec("MRE-94")
def test_who_rejects_is_left_out_while_another_may_come_and_nobody_starves() -> None:
    story = Story()
    story.sign_in("Anna", "Bert")
    task = story.task("c1")
    for _ in range(6):
        owner = story.owner(task)
        story.do(owner, task, "QUEUED")
        story.pass_time(5)
        assert story.owner(task)
    assert {line.split()[1] for line in story.listen() if line.startswith("selected")} == {"Anna", "Bert"}


@spec("MRE-97")
def test_preferred_agent_has_twenty_seconds_for_himself() -> None:
    story = Story(agents={"Anna": Agent({"chat": 1})})
    story.sign_in("Anna")
    story.do("Anna", story.task("c1"), "ACTIVE")
    story.sign_in("Bert")
    story.listen()
    story.task("c2", preferredAgent="Anna")
    story.pass_time(19.9)
    assert offered(story) == []
    story.pass_time(0.1)
    assert offered(story) == ["Bert"]


@spec("MRE-97", "MRE-96")
@pytest.mark.parametrize("leaves", ["NOT_READY", "LOGOUT"])
def test_task_goes_to_others_when_its_preferred_agent_takes_no_more(leaves: str) -> None:
    story = Story(agents={"Anna": Agent({"chat": 1})})
    story.sign_in("Anna")
    story.do("Anna", story.task("c1"), "ACTIVE")
    story.sign_in("Bert")
    task = story.task("c2", preferredAgent="Anna")
    story.want("Anna", leaves)
    assert story.owner(task) == "Bert"


@spec("MRE-97")
def test_preferred_agent_who_becomes_free_gets_it() -> None:
    story = Story(agents={"Anna": Agent({"chat": 1})})
    story.sign_in("Anna")
    first = story.task("c1")
    story.do("Anna", first, "ACTIVE")
    story.sign_in("Bert")
    second = story.task("c2", preferredAgent="Anna")
    story.do("Anna", first, "CLOSED")
    assert story.owner(second) == "Anna"


@spec("MRE-98")
def test_task_that_nobody_could_take_is_given_up_at_once_where_that_is_configured() -> None:
    story = stepped(no_agent_fast=True)
    story.task("c1")
    assert story.listen()[-1] == "nobody of c1 CLOSED (NO_AGENT_AVAILABLE)"
    story.sign_in("Nils", ready=False)
    story.task("c2")
    assert story.listen() == ["nobody of c2 QUEUED"]
    story.task("c3", skills="french > 5")
    assert story.listen()[-1] == "nobody of c3 CLOSED (NO_AGENT_AVAILABLE)"
    story.want("Nils", "LOGOUT")
    assert story.listen()[-1] == "nobody of c2 CLOSED (NO_AGENT_AVAILABLE)"


@spec("MRE-50")
def test_params_of_a_task_choose_its_agents() -> None:
    story = stepped()
    story.sign_in("Xaver", "Berta", "Nils")
    expert = story.task("c1", skills="french > 5")
    assert story.owner(expert) == "Xaver"
    other = story.task("c2", excludeAgents="Xaver, Berta")
    story.pass_time(60)
    assert story.owner(other) == "Nils"


@spec("MRE-50")
@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"queue": "Nowhere"}, "UNKNOWN_QUEUE"),
        ({"queue": "Mail"}, "MRD_MISMATCH"),
        ({"priority": "11"}, "MISSING_FIELD"),
        ({"priority": "high"}, "MISSING_FIELD"),
        ({"skills": "french >"}, "MISSING_FIELD"),
        ({"ttl": "0"}, "MISSING_FIELD"),
        ({"mode": "pull"}, "MISSING_FIELD"),
    ],
)
def test_params_that_cannot_be_meant_are_refused(params: dict[str, str], code: str) -> None:
    story = Story()
    story.say("Task", Mrd="chat", ClientUniqueId="c1", params={"queue": "Sales", **params})
    assert story.errors() == [code]
    assert story.engine.documents == {}


@spec("MRE-50")
def test_task_without_a_queue_goes_to_that_of_its_mrd() -> None:
    usual = plan()
    story = Story(mrds={"chat": replace(usual.mrds["chat"], default_queue="Sales")}, anyone=NOVICE, queues=usual.queues)
    story.say("Task", Mrd="chat", ClientUniqueId="c1")
    (task,) = (key.removeprefix("task:") for key in story.engine.documents)
    assert story.ask_task(task)["Queue"] == "Sales"


@spec("MRE-50")
def test_fact_about_an_agent_that_comes_late_is_dropped() -> None:
    story = Story()
    story.sign_in("Anna")
    story.engine_hears("AgentState", AgentId="Anna", State="NOT_READY", MRD="chat", ReasonCode="", at=NOON - 1)
    task = story.task("c1")
    assert story.owner(task) == "Anna"


@spec("MRE-50")
def test_logout_that_is_told_takes_offers_back() -> None:
    """As a foreign communication server may tell it, without a word about the task."""
    story = Story()
    story.sign_in("Anna")
    story.task("c1")
    story.held = {"CommunicationServer"}
    story.engine_hears("AgentState", AgentId="Anna", State="LOGOUT", MRD="chat", ReasonCode="", at=NOON + 1)
    (document,) = (body for key, body in story.engine.documents.items() if key.startswith("task:"))
    assert document["legs"] == []


@spec("MRE-124")
def test_new_task_that_comes_twice_is_one() -> None:
    story = Story()
    for mrd in ("chat", "chat", "email"):
        story.engine_hears("NewTask", MRD=mrd, TaskId="t1", params={"queue": "Sales"})
    assert list(story.engine.documents) == ["task:t1"]
    assert [body["Code"] for _, kind, body in story.between if kind == "Error"] == ["DUPLICATE_MISMATCH"]


@spec("MRE-93")
def test_agents_take_turns() -> None:
    story = Story(agents={name: Agent({"chat": 1}) for name in ("Anna", "Bert", "Cleo")})
    for agent in ("Cleo", "Anna", "Bert"):
        story.sign_in(agent)
        story.pass_time(1)
    for number in range(6):
        task = story.task(f"c{number}")
        agent = story.owner(task)
        story.do(agent, task, "ACTIVE")
        story.pass_time(1)
        story.do(agent, task, "CLOSED")
    assert offered(story) == ["Cleo", "Anna", "Bert"] * 2


@spec("MRE-70")
def test_task_put_back_after_work_has_its_whole_time_again() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1", ttl=100)
    story.do("Anna", task, "ACTIVE")
    story.pass_time(500)
    story.do("Anna", task, "QUEUED")
    story.want("Anna", "NOT_READY")
    story.do(story.owner(task), task, "QUEUED")
    story.pass_time(99)
    assert story.ask_task(task)["State"] == "QUEUED"
    story.pass_time(1)
    assert story.ask_task(task)["State"] == "CLOSED"


@spec("MRE-126", "MRE-150")
@pytest.mark.parametrize("default", ["Service", ""])
def test_task_of_a_queue_that_is_configured_no_more(default: str) -> None:
    """Its place is the default queue; where there is none, nobody will ever come."""
    story = Story()
    story.task("c1")
    mrd = replace(CHAT, default_queue=default)
    story.engine.machine = RoutingEngine(plan(mrds={"chat": mrd}, queues={"Service": Queue("Service", "chat")}))
    story.engine.restart()
    story.sign_in("Xaver", ready=False)
    story.want("Xaver", "READY")
    story.pass_time(20)
    assert offered(story) == (["Xaver"] if default else ["nobody"])
