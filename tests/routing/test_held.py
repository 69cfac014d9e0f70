"""Held tasks: they stand in their queue, and no agent gets them, until somebody takes their place."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.bus.bus import COMMUNICATION_SERVER
from gateway.routing.messages import compose
from gateway.routing.plan import CHAT, Agent, Queue
from tests.routing.story import NOON, Story, step

spec = pytest.mark.spec
pytestmark = spec("MRE-100")

BRIEF = {"Sales": Queue("Sales", "chat", ttl=60)}


def hold(story: Story, client_id: str, **params: Any) -> str:
    return story.task(client_id, held=True, **params)


def positions(story: Story, *names: str) -> list[tuple[int, int]]:
    found = [story.ask_task(name) for name in names]
    return [(each["Position"], each["Waiting"]) for each in found]


def offers(story: Story) -> list[str]:
    return [line for line in story.listen() if line.startswith("selected")]


def test_it_stands_in_the_queue_and_is_offered_to_nobody() -> None:
    story = Story()
    story.sign_in("Anna")
    held = hold(story, "c1")
    assert story.listen() == ["nobody of c1 QUEUED"]
    assert positions(story, held) == [(1, 1)]
    story.want("Anna", "NOT_READY")
    story.task("c2")
    story.want("Anna", "READY")
    assert offers(story) == ["selected Anna RESERVED"]
    assert story.ask_task(held)["Legs"] == []


def test_it_counts_for_who_stands_behind_it() -> None:
    story = Story()
    first, held = story.task("c1"), hold(story, "c2")
    story.pass_time(1)
    last = story.task("c3")
    urgent = story.task("c4", priority=8)
    assert positions(story, urgent, first, held, last) == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_its_wait_is_estimated_like_everybodys() -> None:
    story = Story()
    story.sign_in("Anna")
    for number in range(3):
        task = story.task(f"c{number}")
        story.do("Anna", task, "ACTIVE")
        story.do("Anna", task, "CLOSED")
        story.pass_time(10)
    story.want("Anna", "NOT_READY")
    story.task("c8")
    assert story.ask_task(hold(story, "c9"))["EstimatedWait"] == 20


@spec("TH-13")
def test_it_learns_how_many_agents_of_its_queue_are_ready() -> None:
    agents = {"Anna": Agent({"chat": 1}, {"french": True}), "Bert": Agent({"chat": None}, {"french": True})}
    french = Queue("Sales", "chat", (step("french"),))
    story = Story(agents=agents, anyone=Agent({"chat": None}), queues={"Sales": french})
    held = hold(story, "c1")

    def ready() -> int:
        return int(story.ask_task(held)["ReadyAgents"])

    assert ready() == 0
    story.sign_in("Anna", "Bert", "Cleo")
    assert ready() == 2
    story.do("Anna", story.task("c2"), "ACTIVE")
    assert ready() == 1, "who has all he may have is not ready"
    story.want("Bert", "NOT_READY")
    assert ready() == 0
    story.restart()
    story.want("Bert", "READY")
    assert ready() == 1
    story.want("Bert", "LOGOUT")
    assert ready() == 0


def test_who_does_not_know_its_id_asks_by_the_one_he_gave_it() -> None:
    """That of a task which is not held was never an address, and is none."""
    story = Story()
    held = hold(story, "c1")
    assert story.ask_task("c1")["TaskId"] == held
    story.task("c2")
    story.listen()
    story.say("GetTaskState", TaskId="c2")
    assert story.errors() == ["UNKNOWN_TASK"]


@pytest.mark.parametrize("fast", [False, True])
def test_it_outlives_its_queues_time_and_needs_no_agents(fast: bool) -> None:
    story = Story(queues=BRIEF, no_agent_fast=fast)
    held = hold(story, "c1")
    story.sign_in("Anna")
    story.want("Anna", "LOGOUT")
    story.pass_time(3600)
    assert positions(story, held) == [(1, 1)]


@pytest.mark.parametrize("restarted", [False, True])
def test_time_of_its_own_ends_it(restarted: bool) -> None:
    story = Story(queues=BRIEF)
    hold(story, "c1", ttl=90)
    if restarted:
        story.restart()
    story.pass_time(89.9)
    story.listen()
    story.pass_time(0.1)
    assert story.listen() == ["selected nobody NO_AGENT_AVAILABLE", "nobody of c1 CLOSED (NO_AGENT_AVAILABLE)"]


def test_closed_it_stands_there_no_more() -> None:
    story = Story()
    held, behind = hold(story, "c1"), story.task("c2")
    story.listen()
    story.do("", held, "CLOSED", "CANCELLED")
    story.do("", held, "CLOSED", "CANCELLED")
    assert story.listen() == ["nobody of c1 CLOSED (CANCELLED)"]
    assert positions(story, behind) == [(1, 1)]
    assert not [key for key in story.engine.documents if key == f"task:{held}"]


@spec("MRE-48")
def test_the_same_again_is_the_same_place() -> None:
    story = Story()
    held = hold(story, "c1")
    story.pass_time(5)
    story.task("c2")
    assert hold(story, "c1") == held
    assert positions(story, held) == [(1, 2)]


@spec("MRE-126")
@pytest.mark.parametrize("restarted", [False, True])
def test_whoever_takes_its_place_stands_where_it_stood(restarted: bool) -> None:
    story = Story()
    story.task("c1")
    story.pass_time(1)
    held = hold(story, "c2", priority=5)
    story.pass_time(1)
    story.task("c3")
    if restarted:
        story.restart()
    story.pass_time(10)
    story.listen()
    task = story.task("c4", place="c2", priority=1)
    assert story.listen() == ["nobody of c4 QUEUED", "nobody of c2 CLOSED (PLACE_TAKEN)"]
    assert positions(story, task) == [(2, 3)]
    assert story.ask_task(held)["State"] == "CLOSED"
    if restarted:
        story.restart()
    story.sign_in("Anna")
    assert story.owner(task) == ""
    story.sign_in("Bert")
    assert story.owner(task) == "Bert"


def test_of_two_that_came_at_one_moment_the_place_tells_which_goes_first() -> None:
    """The id of the task that takes a place is later than that of the one behind it."""
    story = Story()
    hold(story, "c1")
    second = story.task("c2")
    task = story.task("c3", place="c1")
    assert positions(story, task, second) == [(1, 2), (2, 2)]
    story.sign_in("Anna")
    assert (story.owner(task), story.owner(second)) == ("Anna", "")


def test_place_is_taken_by_its_id_too() -> None:
    story = Story()
    held = hold(story, "c1")
    story.task("c2")
    assert positions(story, story.task("c3", place=held)) == [(1, 2)]


def test_whoever_takes_a_place_finds_the_steps_open_that_would_have_been() -> None:
    queues = {"Sales": Queue("Sales", "chat", (step("expert", 20), step("")), ttl=60)}
    agents = {"Xaver": Agent({"chat": None}, {"expert": True})}
    story = Story(agents=agents, anyone=Agent({"chat": None}), queues=queues)
    story.sign_in("Xaver", ready=False)
    story.sign_in("Nils")
    hold(story, "c1")
    story.pass_time(20)
    assert story.owner(story.task("c2", place="c1")) == "Nils"


@spec("MRE-91")
def test_whoever_takes_a_place_has_all_his_time() -> None:
    """It was not he who waited; and who was served begins anew."""
    story = Story(queues=BRIEF)
    hold(story, "c1")
    story.pass_time(600)
    task = story.task("c2", place="c1")
    story.pass_time(59)
    story.sign_in("Anna")
    story.do("Anna", task, "ACTIVE")
    story.want("Anna", "NOT_READY")
    story.do("Anna", task, "QUEUED")
    story.pass_time(59)
    assert story.ask_task(task)["State"] == "QUEUED"
    story.pass_time(1)
    assert story.ask_task(task)["State"] == "CLOSED"


def test_place_is_taken_once() -> None:
    story = Story()
    hold(story, "c1")
    story.pass_time(1)
    first = story.task("c2", place="c1")
    story.pass_time(1)
    between = story.task("c3")
    second = story.task("c4", place="c1")
    assert positions(story, first, between, second) == [(1, 3), (2, 3), (3, 3)]


def test_where_the_place_is_gone_one_queues_as_usual() -> None:
    story = Story()
    story.do("", hold(story, "c1"), "CLOSED")
    first = story.task("c2")
    story.pass_time(1)
    assert positions(story, first, story.task("c3", place="c1")) == [(1, 2), (2, 2)]


def test_task_that_is_not_held_loses_its_place_to_nobody() -> None:
    story = Story()
    first = story.task("c1")
    story.pass_time(1)
    for name in ("c1", first):
        assert story.ask_task(story.task(f"c2 {name}", place=name))["Position"] > 1
    assert positions(story, first) == [(1, 3)]


def test_place_in_one_queue_is_none_in_another() -> None:
    """It ends, for who had it is somewhere else."""
    story = Story(queues={**BRIEF, "Help": Queue("Help", "chat")})
    held = hold(story, "c1")
    story.pass_time(1)
    first = story.task("c2", queue="Help")
    story.pass_time(1)
    assert positions(story, first, story.task("c3", queue="Help", place="c1")) == [(1, 2), (2, 2)]
    assert story.ask_task(held)["State"] == "CLOSED"
    assert not [key for key in story.engine.documents if key == f"task:{held}"]


def test_place_is_handed_on_by_who_is_not_there_either() -> None:
    story = Story()
    hold(story, "c1")
    behind = story.task("c2")
    hold(story, "c3", place="c1")
    assert positions(story, "c3", behind) == [(1, 2), (2, 2)]
    assert positions(story, story.task("c4", place="c3"), behind) == [(1, 2), (2, 2)]


def test_who_says_since_when_he_waits_stands_before_who_came_later() -> None:
    story = Story()
    story.pass_time(100)
    first = story.task("c1")
    held = hold(story, "c2", since=NOON + 50)
    task = story.task("c3", since=NOON + 60)
    assert positions(story, held, task, first) == [(1, 3), (2, 3), (3, 3)]
    early = story.task("c4", since=NOON + 9e9)
    assert positions(story, early) == [(4, 4)], "nobody has waited since tomorrow"
    story.sign_in("Anna")
    assert story.owner(task) == "Anna"


@spec("MRE-128")
def test_it_is_one_of_those_a_queue_has_room_for() -> None:
    story = Story(queues={"Sales": Queue("Sales", "chat", most=2)})
    hold(story, "c1")
    story.task("c2")
    story.listen()
    hold(story, "c3")
    assert story.errors() == ["INTERNAL"]
    task = story.task("c4", place="c1")
    assert positions(story, task) == [(1, 2)], "who takes a place needs none of his own"


@pytest.mark.parametrize(
    "params",
    [{"held": "perhaps"}, {"held": True, "mode": "pull", "preferredAgent": "Anna"}, {"held": True, "since": "noon"}],
)
def test_what_cannot_be_meant_is_refused(params: dict[str, Any]) -> None:
    story = Story()
    story.task("c1", **params)
    assert story.errors() == ["MISSING_FIELD"]


def test_of_a_queue_that_there_is_not_it_stands_nowhere() -> None:
    story = Story()
    story.task("c1", queue="Nowhere", held="true")
    assert story.listen() == ["nobody of c1 QUEUED", "Error UNKNOWN_QUEUE", "nobody of c1 CLOSED (FORCE_CLOSED)"]


@spec("MRE-150")
def test_it_stands_in_its_queue_under_another_plan() -> None:
    story = Story(queues=BRIEF)
    held = hold(story, "c1")
    story.replan(Story(queues={"Sales": Queue("Sales", "chat", ttl=5)}).plan)
    story.pass_time(10)
    assert positions(story, held) == [(1, 1)]
    story.sign_in("Anna")
    assert story.owner(story.task("c2", place="c1")) == "Anna"


@spec("MRE-2")
def test_engine_that_knows_of_no_held_tasks_forgets_them() -> None:
    """It offers one like any other: that is no offer, it is told so, and that its agent is still there."""
    story = Story()
    story.sign_in("Anna")
    story.held = {"RoutingEngine"}
    held = hold(story, "c1")
    story.between.clear()
    story.listen()
    _engine_says(story, "TaskAgentSelected", TaskId=held, AgentId="Anna", Status="RESERVED")
    assert story.listen() == []
    assert [(kind, body.get("State")) for _, kind, body in story.between] == [
        ("TaskState", "CLOSED"),
        ("AgentState", "READY"),
    ]
    _engine_says(story, "TaskAgentSelected", TaskId=held, AgentId="", Status="NO_AGENT_AVAILABLE")
    assert positions(story, held) == [(1, 1)]


def _engine_says(story: Story, kind: str, **body: Any) -> None:
    message = compose(COMMUNICATION_SERVER, kind, body, id=story.new_id(), now=story.now, producer="mre@x")
    story.put(COMMUNICATION_SERVER, message)
    story.run()


# Whatever happens in whatever order

ACTS = st.tuples(
    st.sampled_from(["hold", "bring", "place", "end", "ready", "away", "accept", "close", "restart", "wait"]),
    st.integers(0, 9),
)


@spec("MRE-99")
@given(st.lists(ACTS, max_size=40))
def test_everybody_knows_his_place_whatever_happens(acts: list[tuple[str, int]]) -> None:
    story, line = Story(mrds={"chat": CHAT}), Line()
    for count, (act, number) in enumerate(acts):
        name = f"c{count}"
        match act:
            case "hold" | "bring":
                priority = 4 + number % 3
                held = {"held": True} if act == "hold" else {}
                line.come(story.task(name, priority=priority, **held), -priority, held=bool(held))
            case "place" if line.held:
                before = line.held[number % len(line.held)]
                line.replace(before, story.task(name, place=before))
            case "end" if line.names:
                story.do("", line.names[number % len(line.names)], "CLOSED")
            case "ready" | "away":
                agent = ("Anna", "Bert")[number % 2]
                story.sign_in(agent)
                story.want(agent, "READY" if act == "ready" else "NOT_READY")
            case "accept" | "close":
                for task, leg in _legs(story):
                    if (leg["state"] == "RESERVED") is (act == "accept"):
                        story.do(leg["agent"], task, "ACTIVE" if act == "accept" else "CLOSED")
                        break
            case "restart":
                story.restart()
            case "wait":
                story.pass_time(number)
        line.look(story)
        assert not [task for task, _ in _legs(story) if task in line.held]
        assert positions(story, *line.names) == [(place + 1, len(line.names)) for place in range(len(line.names))]
        story.pass_time(0.01)


class Line:
    """A queue as a plain list."""

    def __init__(self) -> None:
        self._places: list[tuple[int, int, str]] = []
        self._held: set[str] = set()
        self._waiting: set[str] = set()
        self._count = 0

    @property
    def names(self) -> list[str]:
        return [name for *_, name in sorted(self._places) if name in self._waiting]

    @property
    def held(self) -> list[str]:
        return [name for name in self.names if name in self._held]

    def come(self, name: str, priority: int, *, held: bool) -> None:
        self._count += 1
        self._places.append((priority, self._count, name))
        if held:
            self._held.add(name)

    def replace(self, before: str, after: str) -> None:
        self._places = [(priority, count, after if name == before else name) for priority, count, name in self._places]
        self._held.discard(before)

    def look(self, story: Story) -> None:
        """Who waits at present: whoever waits again stands where he stood."""
        self._waiting = {body["id"] for body in _tasks(story) if not body["closed"] and not body["legs"]}


def _tasks(story: Story) -> list[Any]:
    return [body for key, body in story.communication.documents.items() if key.startswith("task:")]


def _legs(story: Story) -> list[tuple[str, Any]]:
    return [(body["id"], leg) for body in _tasks(story) for leg in body["legs"]]
