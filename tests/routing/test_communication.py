"""A chat server's conversation with the communication server, the engine behind it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.routing.bus.bus import BusMessage
from gateway.routing.communication.server import CommunicationServer
from gateway.routing.messages import compose
from gateway.routing.plan import Agent, Mrd, Queue
from tests.routing.story import HOME, NOON, RINGING, Story, plan

spec = pytest.mark.spec
CONNECT = {"AgentId": "Anna", "Password": "", "Extension": "7001", "Destination": HOME}
LOGIN = {"AgentId": "Anna", "Password": "", "Mrd": "chat"}


@spec("MRE-42", "MRE-62")
def test_agent_who_signs_in_passes_from_login_to_not_ready() -> None:
    story = Story()
    story.say("Connect", **CONNECT)
    story.say("Login", **LOGIN)
    assert story.listen() == ["Anna LOGIN", "Anna NOT_READY"]


@spec("MRE-40", "MRE-11")
def test_agent_hears_where_he_connected_last() -> None:
    story = Story()
    story.sign_in("Anna")
    story.say("Connect", **{**CONNECT, "Destination": "ChatServer.node2"})
    assert story.listen() == []
    body = {"AgentId": "Anna", "State": "NOT_READY", "Mrd": "chat"}
    message = compose("General", "AgentState", body, id="m1", now=story.now, producer="chat@1")
    step = story.communication.machine.receive("General", message, story.now, story.new_id)
    assert [sending.queue for sending in step.messages] == ["ChatServer.node2", "RoutingEngine"]


@spec("MRE-40", "MRE-41", "MRE-116")
def test_wrong_password_is_refused_and_not_repeated() -> None:
    machine = CommunicationServer(plan(), authenticate=lambda agent, password: password == "right")
    body = {**CONNECT, "Password": "wrong-one"}
    message = compose("General", "Connect", body, id="m1", now=NOON, producer="chat@1")
    step = machine.receive("General", message, NOON, lambda: "e1")
    assert (step.refused, step.documents) == ("AUTH_FAILED", {})
    assert b"wrong-one" not in step.messages[0].message.body


@spec("MRE-21", "MRE-32", "MRE-114")
@pytest.mark.parametrize(
    ("message_type", "text", "code", "buried"),
    [("Conect", b"{}", "UNKNOWN_TYPE", ""), ("Connect", b"{", "MALFORMED_BODY", "not JSON")],
)
def test_what_cannot_be_read_is_told_and_kept_for_people(
    message_type: str, text: bytes, code: str, buried: str
) -> None:
    message = BusMessage(type=message_type, body=text, id="m1", key="", reply_to="ChatServer.node2")
    step = CommunicationServer(plan()).receive("General", message, NOON, lambda: "e1")
    (sending,) = step.messages
    assert (sending.queue, sending.message.type, sending.message.correlation) == ("ChatServer.node2", "Error", "m1")
    assert (step.refused, step.buried) == (code, buried)


@spec("MRE-42", "MRE-124")
def test_second_login_changes_nothing() -> None:
    story = Story()
    story.sign_in("Anna")
    story.say("Login", **LOGIN)
    assert story.listen() == []
    assert story.state("Anna") == "READY"


@spec("MRE-42")
@pytest.mark.parametrize(
    ("message_type", "body", "code"),
    [
        ("Login", LOGIN, "NOT_CONNECTED"),
        ("Login", {**LOGIN, "AgentId": "Bert", "Mrd": "fax"}, "UNKNOWN_MRD"),
        ("Login", {**LOGIN, "AgentId": "Cleo", "Mrd": "email"}, "UNKNOWN_MRD"),
        ("AgentState", {"AgentId": "Bert", "State": "READY", "Mrd": "chat"}, "NOT_LOGGED_IN"),
        ("AgentState", {"AgentId": "Nemo", "State": "READY", "Mrd": "chat"}, "UNKNOWN_AGENT"),
        ("Connect", {**CONNECT, "AgentId": "Nemo"}, "AUTH_FAILED"),
        ("GetAgentState", {"AgentId": "Nemo", "Mrd": "chat"}, "UNKNOWN_AGENT"),
        ("GetTaskState", {"TaskId": "none"}, "UNKNOWN_TASK"),
        ("Task", {"Mrd": "fax", "ClientUniqueId": "c1"}, "UNKNOWN_MRD"),
        ("TaskState", {"AgentId": "Bert", "TaskId": "none", "State": "ACTIVE"}, "UNKNOWN_TASK"),
    ],
)
def test_command_that_cannot_be_is_refused(message_type: str, body: dict[str, str], code: str) -> None:
    both = Agent({"chat": None, "email": None})
    story = Story(agents={"Anna": both, "Bert": both, "Cleo": Agent({"chat": None})}, anyone=None)
    for agent in ("Bert", "Cleo"):
        story.say("Connect", AgentId=agent, Password="", Extension="", Destination=HOME)
    story.say(message_type, **body)
    assert story.errors() == [code]


@spec("MRE-63")
@pytest.mark.parametrize("state", ["RESERVED", "ACTIVE", "UNKNOWN"])
def test_agent_cannot_command_what_comes_from_tasks(state: str) -> None:
    story = Story()
    story.sign_in("Anna")
    story.want("Anna", state)
    assert story.errors() == ["MISSING_FIELD"]
    assert story.state("Anna") == "READY"


@spec("MRE-43", "MRE-68")
def test_state_of_an_agent_is_told_to_both_sides_with_times_that_increase() -> None:
    story = Story()
    story.sign_in("Anna")
    story.between.clear()
    story.want("Anna", "NOT_READY", "lunch")
    story.want("Anna", "READY")
    assert story.listen() == ["Anna NOT_READY (lunch)", "Anna READY"]
    facts = [body for _, kind, body in story.between if kind == "AgentState"]
    assert [fact["State"] for fact in facts] == ["NOT_READY", "READY"]
    assert facts[0]["StateChangeTime"] < facts[1]["StateChangeTime"]


@spec("MRE-62", "MRE-124")
def test_same_state_again_says_nothing_and_another_reason_does() -> None:
    story = Story()
    story.sign_in("Anna", ready=False)
    story.want("Anna", "NOT_READY", "lunch")
    story.want("Anna", "NOT_READY", "lunch")
    story.want("Anna", "NOT_READY", "training")
    assert story.listen() == ["Anna NOT_READY (lunch)", "Anna NOT_READY (training)"]


@spec("MRE-45", "MRE-46", "MRE-47", "MRE-70", "MRE-113")
def test_chat_lives_from_queue_to_end_and_each_change_is_told_once() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1", subject="testing")
    story.do("Anna", task, "ACTIVE")
    story.do("Anna", task, "PAUSED")
    story.do("Anna", task, "ACTIVE")
    story.do("Anna", task, "CLOSED")
    assert story.listen() == [
        "nobody of c1 QUEUED",
        "selected Anna RESERVED",
        "Anna of c1 RESERVED",
        "Anna RESERVED",
        "Anna of c1 ACTIVE (ACCEPTED)",
        "Anna ACTIVE",
        "Anna of c1 PAUSED (PAUSE)",
        "Anna of c1 ACTIVE (RESUME)",
        "Anna of c1 CLOSED (DONE)",
        "Anna READY",
    ]


@spec("MRE-46")
def test_engine_is_told_of_a_task_without_the_customers_name() -> None:
    story = Story()
    story.say("Task", Mrd="chat", ClientUniqueId="c1", name="John", params=["queue", "Sales", "lines", 3])
    (_, _, body) = story.between[0]
    assert body == {"MRD": "chat", "TaskId": body["TaskId"], "params": {"queue": "Sales", "lines": "3"}}


@spec("MRE-48")
def test_task_that_is_brought_twice_is_told_again_until_it_is_closed() -> None:
    story = Story()
    task = story.task("c1")
    story.listen()
    assert story.task("c1") == task
    assert story.listen() == ["nobody of c1 QUEUED"]
    story.do("", task, "CLOSED", "CANCELLED")
    story.listen()
    assert story.task("c1") != task


@spec("MRE-48")
def test_task_that_is_brought_twice_for_another_mrd_is_refused() -> None:
    story = Story()
    story.task("c1")
    story.say("Task", Mrd="email", ClientUniqueId="c1")
    assert story.errors() == ["DUPLICATE_MISMATCH"]


@spec("MRE-114")
def test_task_that_is_not_taken_is_refused_by_the_name_of_whoever_waits_for_it() -> None:
    story = Story()
    story.say("Task", Mrd="fax", ClientUniqueId="c1")
    (error,) = (body for kind, body in story.heard if kind == "Error")
    assert (error["Code"], error["ClientUniqueId"]) == ("UNKNOWN_MRD", "c1")


@spec("MRE-71")
def test_command_about_a_task_needs_a_part_in_it_and_an_allowed_change() -> None:
    story = Story()
    story.sign_in("Anna", "Bert")
    task = story.task("c1")
    story.listen()
    story.do("Bert", task, "ACTIVE")
    story.do("Anna", task, "PAUSED")
    assert story.errors() == ["NOT_TASK_AGENT", "ILLEGAL_TRANSITION"]
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.do("Anna", task, "ACTIVE")
    assert story.listen() == []
    story.do("Anna", task, "CLOSED")
    story.listen()
    story.do("Anna", task, "CLOSED")
    story.do("Anna", task, "ACTIVE")
    assert story.errors() == ["TASK_CLOSED"]


@spec("AG-66", "MRE-74")
def test_what_was_accepted_at_the_last_moment_is_accepted() -> None:
    """The chat server takes an Accept for 30 seconds, and it needs some time to come here."""
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.listen()
    story.pass_time(30.5)
    story.do("Anna", task, "ACTIVE")
    assert story.listen() == ["Anna of c1 ACTIVE (ACCEPTED)", "Anna ACTIVE"]
    story.pass_time(60)
    assert story.listen() == []


@spec("MRE-73", "MRE-74", "MRE-94")
def test_offer_that_rings_out_goes_to_another_agent_and_makes_the_first_not_ready() -> None:
    story = Story()
    story.sign_in("Anna")
    story.pass_time(1)
    story.sign_in("Bert")
    story.task("c1")
    story.listen()
    story.pass_time(RINGING - 0.1)
    assert story.listen() == []
    story.pass_time(0.1)
    assert story.listen() == [
        "Anna of c1 QUEUED (RONA)",
        "Anna NOT_READY (RONA)",
        "selected Bert RESERVED",
        "Bert of c1 RESERVED",
        "Bert RESERVED",
    ]


@spec("MRE-94")
def test_only_agent_who_missed_a_task_gets_it_again_once_he_is_ready() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "QUEUED")
    story.listen()
    story.pass_time(4.9)
    assert story.listen() == []
    story.pass_time(0.1)
    assert story.listen() == ["selected Anna RESERVED", "Anna of c1 RESERVED", "Anna RESERVED"]


@spec("MRE-66")
def test_not_ready_with_work_in_hand_waits_for_its_end() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.want("Anna", "NOT_READY", "lunch")
    assert story.ask_agent("Anna")["Pending"] == {"State": "NOT_READY", "ReasonCode": "lunch"}
    story.do("Anna", task, "CLOSED")
    assert story.listen() == [
        "Anna PENDING_NOT_READY (lunch)",
        "Anna of c1 CLOSED (DONE)",
        "Anna NOT_READY (lunch)",
    ]


@spec("MRE-66")
def test_ready_before_the_last_task_ends_takes_not_ready_back() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.want("Anna", "NOT_READY", "lunch")
    story.listen()
    story.want("Anna", "READY")
    assert story.listen() == ["Anna ACTIVE"]


@spec("MRE-61", "MRE-65", "MRE-96")
def test_third_task_of_an_agent_with_two_waits_until_one_is_closed() -> None:
    story = Story(agents={"Anna": Agent({"chat": 2})})
    story.sign_in("Anna")
    tasks = []
    for name in ("c1", "c2", "c3"):
        tasks.append(story.task(name))
        story.do("Anna", tasks[-1], "ACTIVE") if name != "c3" else None
    assert story.state("Anna") == "BUSY"
    story.listen()
    story.do("Anna", tasks[0], "CLOSED")
    assert story.listen() == [
        "Anna of c1 CLOSED (DONE)",
        "Anna ACTIVE",
        "selected Anna RESERVED",
        "Anna of c3 RESERVED",
    ]


@spec("MRE-64", "MRE-62")
def test_agent_who_signs_out_leaves_his_tasks_to_others() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.sign_in("Bert")
    story.want("Anna", "LOGOUT", "evening")
    assert story.listen() == [
        "Anna PENDING_NOT_READY (evening)",
        "Anna of c1 QUEUED (AGENT_LOGOUT)",
        "Anna NOT_READY (evening)",
        "Anna LOGOUT (evening)",
        "selected Bert RESERVED",
        "Bert of c1 RESERVED",
        "Bert RESERVED",
    ]
    story.want("Anna", "LOGOUT")
    assert story.listen() == []


@spec("MRE-64")
def test_agent_who_signs_out_closes_his_tasks_where_that_is_configured() -> None:
    story = Story(logout_closes=True)
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.want("Anna", "LOGOUT")
    assert "Anna of c1 CLOSED (AGENT_LOGOUT)" in story.listen()


@spec("MRE-70")
@pytest.mark.parametrize("ready", [False, True])
def test_customer_who_leaves_before_anybody_was_there_ends_the_task(ready: bool) -> None:
    story = Story()
    story.sign_in("Anna", ready=ready)
    task = story.task("c1")
    story.listen()
    story.do("", task, "CLOSED")
    whose = "Anna" if ready else "nobody"
    assert story.listen()[0] == f"{whose} of c1 CLOSED (CANCELLED)"
    assert story.engine.documents.keys() == {"agent:Anna"}
    assert all(name.startswith("forget:") for name in story.communication.deadlines)


@spec("MRE-70", "MRE-98")
def test_task_that_nobody_takes_is_closed_at_the_end_of_its_time() -> None:
    story = Story()
    story.task("c1", ttl=20)
    story.listen()
    story.pass_time(20)
    assert story.listen() == ["selected nobody NO_AGENT_AVAILABLE", "nobody of c1 CLOSED (NO_AGENT_AVAILABLE)"]


@spec("MRE-70")
def test_wrap_up_ends_by_itself_where_it_has_a_time() -> None:
    story = Story(
        mrds={"chat": Mrd("chat", max_tasks=3, wrap_up=10)},
        queues={"Sales": Queue("Sales", "chat")},
        anyone=Agent({"chat": None}),
    )
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.do("Anna", task, "WRAP_UP")
    story.pass_time(10)
    assert story.listen() == ["Anna of c1 WRAP_UP", "Anna WORK_READY", "Anna of c1 CLOSED (DONE)", "Anna READY"]


@spec("MRE-70")
def test_task_that_lives_too_long_is_closed() -> None:
    story = Story(task_lifetime=100.0)
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.pass_time(100)
    assert story.listen() == ["Anna of c1 CLOSED (LIFETIME_EXCEEDED)", "Anna READY"]


@spec("MRE-70")
def test_supervisor_closes_a_task_by_force() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.listen()
    story.do("", task, "CLOSED", "FORCE_CLOSED")
    assert story.listen() == ["Anna of c1 CLOSED (FORCE_CLOSED)", "Anna READY"]


@spec("MRE-76", "MRE-77")
def test_closed_task_can_be_asked_for_for_an_hour() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    story.do("Anna", task, "CLOSED")
    assert story.ask_task(task)["State"] == "CLOSED"
    history = story.communication.documents[f"task:{task}"]["history"]
    assert [(entry["from"], entry["to"], entry["code"], entry["agent"]) for entry in history] == [
        ("", "QUEUED", "", ""),
        ("QUEUED", "RESERVED", "", "Anna"),
        ("RESERVED", "ACTIVE", "ACCEPTED", "Anna"),
        ("ACTIVE", "CLOSED", "DONE", "Anna"),
    ]
    story.pass_time(3600)
    story.listen()
    story.say("GetTaskState", TaskId=task)
    assert story.errors() == ["UNKNOWN_TASK"]
    assert story.communication.deadlines == {}


@spec("MRE-75")
def test_task_of_a_workbin_is_active_at_once_even_beyond_the_most() -> None:
    story = Story(agents={"Anna": Agent({"chat": 1})})
    story.sign_in("Anna")
    story.do("Anna", story.task("c1"), "ACTIVE")
    story.listen()
    story.task("c2", mode="pull", preferredAgent="Anna")
    assert story.listen() == [
        "nobody of c2 QUEUED",
        "selected Anna ACTIVE",
        "Anna of c2 ACTIVE (ACCEPTED)",
    ]
    assert story.ask_agent("Anna")["Load"] == 2


@spec("MRE-75", "MRE-62")
def test_agent_who_rests_may_take_a_task_of_his_workbin() -> None:
    story = Story()
    story.sign_in("Anna", ready=False)
    story.task("c1", mode="pull", preferredAgent="Anna")
    assert story.listen()[-1] == "Anna PENDING_NOT_READY"


@spec("MRE-75")
def test_task_of_a_workbin_whose_agent_is_gone_is_refused_and_closed() -> None:
    story = Story()
    story.task("c1", mode="pull", preferredAgent="Anna")
    assert story.listen() == ["nobody of c1 QUEUED", "Error NOT_LOGGED_IN", "nobody of c1 CLOSED (FORCE_CLOSED)"]


@spec("MRE-128", "MRE-114")
def test_task_beyond_what_a_queue_holds_is_refused_to_whoever_brought_it() -> None:
    story = Story(queues={"Sales": Queue("Sales", "chat", most=1)})
    story.task("c1")
    story.listen()
    story.say("Task", id="request", Mrd="chat", ClientUniqueId="c2", params={"queue": "Sales"})
    (error,) = (body for kind, body in story.heard if kind == "Error")
    assert (error["Type"], error["Code"], error["Reason"]) == ("Task", "INTERNAL", "queue full")
    assert error["RequestId"] == "request"
    assert story.listen()[-1] == "nobody of c2 CLOSED (FORCE_CLOSED)"


@spec("MRE-99", "MRE-47")
def test_offer_that_crosses_not_ready_is_undone_without_a_word() -> None:
    """The engine decides before it hears that the agent rests."""
    story = Story()
    story.sign_in("Anna")
    story.held = {"CommunicationServer"}
    story.task("c1")
    story.listen()
    story.want("Anna", "NOT_READY", "lunch")
    story.release()
    assert story.listen() == ["Anna NOT_READY (lunch)"]
    story.sign_in("Bert")
    assert story.state("Bert") == "RESERVED"


@spec("MRE-127")
def test_agents_of_a_chat_server_that_came_back_are_unknown_until_they_connect() -> None:
    story = Story()
    story.sign_in("Anna", "Bert")
    story.say("ChatServerStarted", Destination=HOME)
    assert story.listen() == ["Anna UNKNOWN", "Bert UNKNOWN"]
    story.say("Connect", **CONNECT)
    assert story.listen() == ["Anna READY"]
    story.pass_time(60)
    assert story.listen() == ["Bert LOGOUT (CONNECTION_LOST)"]


@spec("MRE-110")
def test_reply_about_an_agent_tells_his_tasks() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    answer = story.ask_agent("Anna")
    assert answer == {
        "AgentId": "Anna",
        "State": "ACTIVE",
        "MRD": "chat",
        "ReasonCode": "",
        "StateChangeTime": answer["StateChangeTime"],
        "MaxTasks": 3,
        "Load": 1,
        "Tasks": [{"TaskId": task, "State": "ACTIVE"}],
        "Pending": None,
        "Rev": 5,
    }
    story.say("GetAgentState", AgentId="Anna", Mrd="*")
    assert [(each["MRD"], each["State"]) for each in story.heard.pop()[1]["Mrds"]] == [
        ("chat", "ACTIVE"),
        ("email", "LOGOUT"),
    ]


@spec("MRE-111")
def test_reply_about_a_task_tells_its_legs() -> None:
    story = Story()
    story.sign_in("Anna")
    task = story.task("c1")
    story.do("Anna", task, "ACTIVE")
    answer = story.ask_task(task, "Anna")
    assert answer["Legs"] == [{"AgentId": "Anna", "State": "ACTIVE", "Role": "OWNER"}]
    assert (answer["State"], answer["Owner"], answer["Queue"], answer["Code"]) == (
        "ACTIVE",
        "Anna",
        "Sales",
        "ACCEPTED",
    )


@spec("MRE-112")
def test_reply_carries_the_requests_id_and_is_wanted_for_two_seconds() -> None:
    story = Story()
    story.sign_in("Anna")
    step = story.communication.machine.receive("General", _question("q1", story), story.now, story.new_id)
    (sending,) = step.messages
    assert (sending.queue, sending.message.correlation) == ("ChatServer.other", "q1")
    assert sending.message.expires == story.now + 2
    assert step.documents == {}


@spec("MRE-100")
def test_waiting_task_tells_its_position_and_the_time_that_is_left() -> None:
    story = Story()
    first = story.task("c1")
    second = story.task("c2", priority=9)
    assert [story.ask_task(task)["Position"] for task in (first, second)] == [2, 1]
    assert story.ask_task(first)["Waiting"] == 2
    assert story.ask_task(first)["EstimatedWait"] == "n/a"
    story.sign_in("Anna")
    for name in ("c3", "c4", "c5"):
        story.task(name)
    for _ in range(3):
        story.pass_time(10)
        (offered,) = (each["TaskId"] for each in story.ask_agent("Anna")["Tasks"] if each["State"] == "RESERVED")
        story.do("Anna", offered, "ACTIVE")
        story.do("Anna", offered, "CLOSED")
    waiting = [task for task in _tasks(story) if story.ask_task(task)["State"] == "QUEUED"]
    assert [story.ask_task(task)["EstimatedWait"] for task in waiting] == [10]


@spec("MRE-125")
def test_message_that_came_too_late_is_refused() -> None:
    story = Story()
    story.sign_in("Anna")
    late = replace(_question("q1", story), expires=story.now)
    step = story.communication.machine.receive("General", late, story.now, story.new_id)
    assert step.refused == "EXPIRED"


@spec("MRE-126")
def test_all_goes_on_after_a_restart() -> None:
    story = Story()
    story.sign_in("Anna")
    first, second = story.task("c1"), story.task("c2")
    story.restart()
    story.listen()
    story.pass_time(RINGING)
    assert "Anna of c1 QUEUED (RONA)" in story.listen()
    story.restart()
    story.want("Anna", "READY")
    assert story.owner(second) == "Anna"  # she missed the first, which is older
    assert story.ask_task(first)["Position"] == 1


def _question(id: str, story: Story) -> BusMessage:
    body = {"AgentId": "Anna", "Mrd": "chat"}
    return compose(
        "General", "GetAgentState", body, id=id, now=story.now, producer="chat@1", reply_to="ChatServer.other"
    )


def _tasks(story: Story) -> list[str]:
    return [key.removeprefix("task:") for key in story.communication.documents if key.startswith("task:")]
