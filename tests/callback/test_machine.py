"""What a callback becomes, in each profile, of what customer, queue, agents and time do."""

from __future__ import annotations

import pytest

from gateway.callback import machine
from gateway.callback.effects import (
    AskQueue,
    Dialog,
    Forget,
    Gone,
    JoinQueue,
    LeaveQueue,
    NextTarget,
    NotYet,
    ReleaseNumber,
    Route,
    WrongState,
)
from gateway.callback.events import NotQueued, TargetUnknown
from gateway.callback.profiles import Profile, ProfileUnsupported
from gateway.callback.settings import Settings
from gateway.callback.states import PublicState, Reason
from gateway.callback.threshold import QueueReport
from gateway.callback.timers import Timer
from tests.callback.story import BEGIN, FAR, NEAR, Story, given, near, there

DELAYED = (Profile.VOICE_WAIT, Profile.CHAT_WAIT)
VOICE = (Profile.VOICE_WAIT, Profile.VOICE_NOW)

each_profile = pytest.mark.parametrize("profile", list(Profile))
each_delayed = pytest.mark.parametrize("profile", DELAYED)


# Delayed: until an agent is near


@pytest.mark.spec("SM-20")
@each_delayed
def test_delayed_callback_begins_in_the_queue(profile: Profile) -> None:
    story = Story(profile)
    assert (story.step, story.instance.state) == ("WAIT_AGENT", PublicState.QUEUED)
    assert story.effects == (JoinQueue(), AskQueue())
    assert story.answer is Dialog.CONFIRMATION


@pytest.mark.spec("SM-21")
@each_delayed
def test_customer_is_told_when_an_agent_is_near(profile: Profile) -> None:
    story = Story(profile).sees(FAR)
    assert (story.step, story.told) == ("WAIT_AGENT", [])
    story.sees(NEAR)
    assert (story.step, story.told) == ("WAIT_CONFIRM", [1])
    assert story.left(Timer.CONFIRM) == 30


@pytest.mark.spec("TH-9")
def test_queue_is_looked_at_again_after_half_the_estimate() -> None:
    story = Story(Profile.CHAT_WAIT).sees(QueueReport(position=9, total=9, eta=50))
    assert story.left(Timer.WATCH) == 25
    assert story.waits(25).did(AskQueue)
    assert story.left(Timer.WATCH) == 30, "and if no answer comes"


@pytest.mark.spec("TH-12")
def test_nobody_is_told_before_the_shortest_wait() -> None:
    story = Story(Profile.CHAT_WAIT, min_queue_wait="60").sleeps(59)
    assert story.polls(NEAR)["_agent_ready_threshold_passed"] is False
    assert story.sleeps(1).sees(NEAR).told == [1]


@pytest.mark.spec("SM-28")
@each_delayed
def test_no_agent_comes_near_in_time(profile: Profile) -> None:
    story = Story(profile).waits(14_160)
    assert (story.step, story.reason) == ("DONE", "NOT_AVAILABLE")
    assert story.did(LeaveQueue)


@pytest.mark.spec("SV-21")
@each_delayed
def test_connect_before_an_agent_is_near_is_told_when_to_come_again(profile: Profile) -> None:
    story = Story(profile).sees(QueueReport(position=9, total=9, eta=41)).connects()
    assert story.answer == NotYet(retry_after=21)
    assert story.step == "WAIT_AGENT"


@pytest.mark.spec("SV-21")
def test_contact_before_an_agent_is_near_is_refused() -> None:
    assert isinstance(Story(Profile.CHAT_WAIT).comes().answer, NotYet)


# Delayed: until the customer answers


@pytest.mark.spec("SM-22", "SM-23")
@each_delayed
def test_customer_who_does_not_answer_is_told_three_times(profile: Profile) -> None:
    story = near(profile).waits(30)
    assert (story.told, story.left(Timer.NOTIFY)) == ([1], 30)
    assert story.waits(30).told == [1, 2]
    assert story.waits(60).told == [1, 2, 3]
    assert story.step == "WAIT_CONFIRM"
    story.waits(30)
    assert (story.step, story.reason, story.told) == ("DONE", "FAIL_USER_NO_CONFIRM", [1, 2, 3])
    assert story.effects == (LeaveQueue(),)


@pytest.mark.spec("SM-22")
def test_customer_may_answer_in_the_pause_between_two_attempts() -> None:
    story = near(Profile.CHAT_WAIT).waits(45).connects()
    assert story.step == "WAIT_CONTACT"
    assert story.waits(60).told == [1]


@pytest.mark.spec("SM-30")
@each_delayed
def test_app_that_nothing_can_be_pushed_to_finds_out_by_asking(profile: Profile) -> None:
    story = Story(profile, pushed=False)
    assert story.polls(NEAR)["_agent_ready_threshold_passed"] is True
    assert (story.step, story.told) == ("WAIT_CONFIRM", [])
    for _ in range(10):
        story.waits(29).polls(NEAR)
    assert story.step == "WAIT_CONFIRM"
    story.waits(30).polls(NEAR)
    assert story.left(Timer.CONFIRM) == 30, "also in the pause"
    story.waits(30 + 30 + 30)
    assert story.step == "WAIT_CONFIRM"
    assert story.waits(60).reason == "FAIL_USER_NO_CONFIRM"


@pytest.mark.spec("SM-30")
def test_asking_does_not_prolong_the_time_of_who_was_told() -> None:
    story = near(Profile.CHAT_WAIT).waits(20)
    story.polls(NEAR)
    assert story.left(Timer.CONFIRM) == 10


@pytest.mark.spec("SM-2")
def test_without_confirmation_nobody_is_told() -> None:
    story = Story(Profile.CHAT_WAIT, wait_for_user_confirm="false").sees(NEAR)
    assert (story.step, story.told) == ("WAIT_CONFIRM", [])
    assert story.connects().answer is Dialog.START_CHAT


@pytest.mark.spec("TH-10")
def test_near_agent_stays_near_until_the_customer_answers() -> None:
    story = near(Profile.CHAT_WAIT)
    assert story.polls(FAR)["_agent_ready_threshold_passed"] is True
    story.connects()
    assert story.polls(FAR)["_agent_ready_threshold_passed"] is False


# Until the customer comes


@pytest.mark.spec("SM-24", "SV-20")
def test_connect_of_a_caller_gives_a_number() -> None:
    story = near(Profile.VOICE_WAIT).connects()
    assert (story.step, story.answer) == ("WAIT_CONTACT", Dialog.DIAL_NUMBER)
    assert story.instance.access is not None
    assert story.left(Timer.CONTACT) == 30, "the booking's time"


@pytest.mark.spec("SM-24", "SV-20")
def test_connect_of_a_chatter_gives_a_chat() -> None:
    story = near(Profile.CHAT_WAIT).connects()
    assert (story.step, story.answer) == ("WAIT_CONTACT", Dialog.START_CHAT)
    assert story.left(Timer.CONTACT) == 120, "the client's time"


@pytest.mark.spec("SM-31")
@pytest.mark.parametrize(
    ("profile", "answer"), [(Profile.VOICE_NOW, Dialog.DIAL_NUMBER), (Profile.CHAT_NOW, Dialog.START_CHAT)]
)
def test_immediate_callback_begins_with_the_way_to_an_agent(profile: Profile, answer: Dialog) -> None:
    story = Story(profile)
    assert (story.step, story.instance.state, story.answer) == ("WAIT_CONTACT", PublicState.QUEUED, answer)
    assert story.effects == (), "a place in the queue is for who is there"


@pytest.mark.spec("SV-22")
@pytest.mark.parametrize("profile", VOICE)
def test_repeated_connect_shows_the_same_number(profile: Profile) -> None:
    story = given(profile)
    first = story.instance
    for _ in range(5):
        story.connects()
    assert (story.answer, story.instance) == (Dialog.DIAL_NUMBER, first)


@pytest.mark.spec("SM-25", "SM-32")
@each_profile
def test_customer_who_is_there_is_routed(profile: Profile) -> None:
    story = there(profile)
    assert (story.step, story.instance.state) == ("ROUTING", PublicState.ROUTING)
    assert story.did(Route)
    assert story.did(ReleaseNumber) is (profile in VOICE)
    assert story.instance.access is None


def test_chat_may_begin_without_a_connect() -> None:
    """The app was told of the agent, and knows where chats are."""
    assert near(Profile.CHAT_WAIT).comes().step == "ROUTING"


@pytest.mark.spec("SM-26")
def test_number_that_was_not_called_is_taken_back() -> None:
    story = near(Profile.VOICE_WAIT).connects()
    access = story.instance.access
    assert access is not None
    story.waits(30)
    assert story.step == "WAIT_AGENT"
    assert story.effects == (ReleaseNumber(access), AskQueue())
    assert story.sees(NEAR).told == [1, 1], "a further notice, as the first of its round"


@pytest.mark.spec("SM-26")
def test_chat_that_was_not_begun_is_waited_for_again() -> None:
    assert near(Profile.CHAT_WAIT).connects().waits(120).step == "WAIT_AGENT"


@pytest.mark.spec("SM-27")
@each_delayed
def test_fourth_connect_ends_it(profile: Profile) -> None:
    story = Story(profile)
    for _ in range(3):
        story.sees(NEAR).connects().waits(120)
    story.sees(NEAR).connects()
    assert story.answer == WrongState()
    assert (story.step, story.reason) == ("DONE", "FAIL_USER_NO_CONFIRM")
    assert story.did(LeaveQueue)


@pytest.mark.spec("SM-27")
def test_who_has_had_enough_is_not_told_to_come_again() -> None:
    story = near(Profile.VOICE_WAIT, userorig_connect_limit="1").connects().waits(30).connects()
    assert (story.answer, story.reason) == (WrongState(), "FAIL_USER_NO_CONFIRM")


def test_connect_limit_of_zero_is_none() -> None:
    story = Story(Profile.VOICE_NOW, userorig_connect_limit="0")
    for _ in range(10):
        story.waits(30).connects()
    assert story.answer is Dialog.DIAL_NUMBER


@pytest.mark.spec("SM-33", "SM-34")
def test_immediate_caller_may_ask_for_another_number() -> None:
    story = Story(Profile.VOICE_NOW).waits(30)
    assert (story.step, story.instance.access) == ("WAIT_CONNECT", None)
    assert story.did(ReleaseNumber)
    story.connects()
    assert (story.step, story.answer) == ("WAIT_CONTACT", Dialog.DIAL_NUMBER)
    story.waits(30).connects().waits(30).connects()
    assert (story.answer, story.reason) == (WrongState(), "FAIL_USER_NO_CONFIRM")
    assert not story.did(LeaveQueue), "it had no place there"


@pytest.mark.spec("SM-33")
def test_immediate_chat_that_is_not_begun_is_over() -> None:
    story = Story(Profile.CHAT_NOW).waits(120)
    assert (story.step, story.reason) == ("DONE", "FAIL_USER_NO_CONFIRM")


@pytest.mark.spec("SM-29", "SM-34")
@each_profile
def test_nobody_stays_in_the_queue_for_ever(profile: Profile) -> None:
    story = Story(profile, client_timeout="20000", max_time_to_reach_eta_pos_threshold="20000").waits(14_399)
    assert story.instance.state is PublicState.QUEUED
    assert story.waits(1).reason == "FAIL_TIMEOUT_TTL"


@pytest.mark.spec("SM-29")
def test_waiting_again_does_not_prolong_the_time_in_the_queue() -> None:
    story = near(Profile.VOICE_WAIT).connects().waits(30)
    assert (story.step, story.left(Timer.QUEUED), story.left(Timer.REACH)) == ("WAIT_AGENT", 14_370, 14_160)


# Routing


@pytest.mark.spec("SM-13", "SM-40")
@each_profile
def test_callback_is_done_when_both_talk(profile: Profile) -> None:
    story = there(profile).asks_agent().agent_takes_it()
    assert (story.step, story.reason) == ("DONE", "AGENT_CONNECTED")
    assert story.effects == (), "the chat goes on"


@pytest.mark.spec("SM-13")
@each_profile
def test_callback_may_last_as_long_as_the_talk(profile: Profile) -> None:
    story = there(profile, retain_session_until_ixn_deleted="true").asks_agent().agent_takes_it()
    assert story.instance.state is PublicState.PROCESSING
    assert story.waits(4_000).step == "TALKING"
    story.goes()
    assert (story.step, story.reason, story.effects) == ("DONE", "AGENT_CONNECTED", ())


@pytest.mark.spec("SM-40")
@each_profile
def test_agent_who_rejects_or_is_silent_is_followed_by_another(profile: Profile) -> None:
    story = there(profile).asks_agent().agent_rejects()
    assert (story.step, story.effects) == ("ROUTING", (NextTarget(),))
    assert story.asks_agent().waits(30).effects == (NextTarget(),)
    for _ in range(2):
        story.asks_agent().agent_rejects()
    story.asks_agent().agent_rejects()
    assert (story.reason, story.effects) == ("FAIL_AGENT_CONNECT", (LeaveQueue(),))


@pytest.mark.spec("SM-40")
def test_agent_who_rejected_is_not_waited_for_as_well() -> None:
    story = there(Profile.CHAT_NOW).asks_agent().waits(10).agent_rejects().waits(30)
    assert story.instance.rejections == 1


@pytest.mark.spec("SM-41")
@each_profile
def test_customer_does_not_wait_for_an_agent_for_ever(profile: Profile) -> None:
    story = there(profile).waits(3_599)
    assert story.step == "ROUTING"
    assert story.waits(1).reason == "FAIL_AGENT_CONNECT"


@pytest.mark.spec("SM-42")
@each_profile
def test_customer_leaves_before_an_agent_is_there(profile: Profile) -> None:
    story = there(profile).asks_agent().goes()
    assert (story.reason, story.effects) == ("FAIL_INTERACTION_DELETED", (LeaveQueue(),))


@pytest.mark.spec("SM-43")
@each_profile
def test_target_that_nobody_knows_ends_it(profile: Profile) -> None:
    assert Story(profile).receives(TargetUnknown()).reason == "FAIL_TARGET_NOT_FOUND"
    assert there(profile).receives(TargetUnknown()).reason == "FAIL_TARGET_NOT_FOUND"


@each_delayed
def test_queue_that_does_not_take_it_ends_it(profile: Profile) -> None:
    story = Story(profile).receives(NotQueued())
    assert (story.reason, story.effects) == ("FAIL_QUEUEING", ())


def test_second_request_for_a_chat_that_runs_changes_nothing() -> None:
    story = there(Profile.CHAT_WAIT)
    before = story.instance
    assert story.comes().instance == before
    assert (story.effects, story.answer) == ((), None)
    assert story.connects().answer is Dialog.START_CHAT


def test_caller_who_is_there_gets_no_other_number() -> None:
    assert there(Profile.VOICE_WAIT).connects().answer == WrongState()


# Endings


@pytest.mark.spec("CB-12", "SV-42")
@each_delayed
def test_cancelled_while_waiting_it_gives_back_place_and_number(profile: Profile) -> None:
    story = near(profile).connects().cancels()
    assert (story.step, story.reason) == ("DONE", "CANCELLED")
    assert story.did(LeaveQueue)
    assert story.did(ReleaseNumber) is (profile is Profile.VOICE_WAIT)


@pytest.mark.spec("CB-12")
def test_cancel_leaves_a_running_chat_alone() -> None:
    story = there(Profile.CHAT_NOW).cancels(Reason.CANCELLED_BY_ADMIN)
    assert (story.reason, story.effects) == ("CANCELLED_BY_ADMIN", ())


@pytest.mark.spec("CB-12")
def test_cancel_takes_a_caller_out_of_the_queue() -> None:
    assert there(Profile.VOICE_NOW).cancels().effects == (LeaveQueue(),)


@pytest.mark.spec("CB-13", "SV-23")
@each_profile
def test_what_is_over_is_neither_cancelled_nor_connected(profile: Profile) -> None:
    story = Story(profile).cancels()
    over = story.instance
    assert story.cancels(Reason.CANCELLED_BY_ADMIN).answer == WrongState()
    assert story.connects().answer == WrongState()
    assert story.comes().answer == WrongState()
    assert story.instance == over


@pytest.mark.spec("SV-4", "SV-23")
@each_profile
def test_life_ends_with_everything_that_is_kept(profile: Profile) -> None:
    story = there(profile, ttl="600").waits(600)
    assert (story.reason, story.did(LeaveQueue), story.did(Forget)) == ("FAIL_TIMEOUT_TTL", True, True)
    assert story.connects().answer == Gone()
    assert Story(profile).cancels().waits(86_400).effects == (Forget(),)


def test_who_would_have_to_be_dialled_is_refused() -> None:
    options = Settings.read({"_call_direction": "USERTERMINATED"})
    with pytest.raises(ProfileUnsupported):
        machine.begin("369-1", "help", options, BEGIN)


# Time and crashes


@pytest.mark.spec("SM-73")
def test_connect_at_the_end_of_its_booking_finds_no_number() -> None:
    """The number may be somebody else's by then, however late the deadline's own call is."""
    story = near(Profile.VOICE_WAIT).connects().sleeps(30).connects()
    assert story.step == "WAIT_AGENT"
    assert isinstance(story.answer, NotYet)
    assert story.did(ReleaseNumber)


@pytest.mark.spec("SM-73")
def test_connect_and_last_timeout_end_the_same_in_either_order() -> None:
    options = {"max_number_of_user_availability_confirmation_attempts": "1"}
    connect_first = near(Profile.CHAT_WAIT, **options).sleeps(30).connects()
    timeout_first = near(Profile.CHAT_WAIT, **options).waits(30).connects()
    assert connect_first.instance == timeout_first.instance
    assert connect_first.answer == timeout_first.answer == WrongState()


@pytest.mark.spec("SM-70")
def test_attempts_are_not_made_up_for_after_a_crash() -> None:
    """An hour nobody looked: the customer has the same time to answer as everybody, and is told once for an attempt."""
    story = near(Profile.CHAT_WAIT).sleeps(3_600).waits(0)
    assert (story.told, story.left(Timer.NOTIFY)) == ([1], 30)
    assert story.waits(30).told == [1, 2]


@pytest.mark.spec("SM-70")
@each_profile
def test_booking_keeps_its_end(profile: Profile) -> None:
    story = given(profile).sleeps(20).waits(0)
    assert story.left(Timer.CONTACT) == (10 if profile in VOICE else 100)


def test_news_that_comes_too_late_changes_nothing() -> None:
    story = there(Profile.CHAT_WAIT)
    before = story.instance
    story.sees(NEAR)
    assert (story.instance, story.effects, story.answer) == (before, (), None)
