"""What apps are shown, against the answers of the original."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.callback import dialogs, queue_position
from gateway.callback.effects import Dialog
from gateway.callback.instance import Access
from gateway.callback.profiles import Profile
from gateway.callback.threshold import QueueReport
from tests.callback.story import BASE, Story, given, near, sample


def shown(story: Story) -> dict[str, Any]:
    assert isinstance(story.answer, Dialog)
    return dialogs.dialog(story.answer, story.instance, story.now, BASE)


def with_access(story: Story, access: Access) -> Story:
    story.instance = replace(story.instance, access=access)
    return story


@pytest.mark.spec("DN-2")
@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (Profile.CHAT_WAIT, "01-chat-delay-create.response"),
        (Profile.VOICE_WAIT, "10-voice-userorig-delay-create.response"),
        (Profile.CHAT_WAIT, "20-seq-create.response"),
    ],
)
def test_delayed_callback_is_confirmed(profile: Profile, name: str) -> None:
    printed = sample(name)
    dialog = shown(Story(profile, id=printed["_id"]))
    assert dialog | printed == dialog
    assert set(dialog) == {"_dialog_id", "_action", "_text", "_ok_title", "_id"}


def test_house_may_say_it_in_its_own_words() -> None:
    assert shown(Story(Profile.CHAT_WAIT, text_wait_for_agent="Bald."))["_text"] == "Bald."


@pytest.mark.spec("DN-3", "RS-6")
def test_caller_is_given_a_number() -> None:
    printed = sample("11-voice-userorig-delay-connect.response")
    story = near(Profile.VOICE_WAIT, id=printed["_id"]).connects()
    story = with_access(story, Access(number="6504663205", expires=story.now + 29.97))
    assert shown(story) == printed


@pytest.mark.spec("DN-3", "SV-22")
def test_repeated_number_has_less_time_left() -> None:
    story = given(Profile.VOICE_NOW).waits(12.5).connects()
    assert shown(story)["_expiration_time"] == "17"


@pytest.mark.spec("DN-3", "RS-6")
@pytest.mark.parametrize(
    ("number", "code", "url"),
    [("1-800-1234", "", "tel:18001234"), ("+1 (800) 1234", "042137", "tel:+18001234,042137")],
)
def test_phone_dials_digits_and_the_code(number: str, code: str, url: str) -> None:
    story = given(Profile.VOICE_NOW)
    dialog = shown(with_access(story, Access(number=number, code=code, expires=story.now + 30)))
    assert (dialog["_tel_url"], dialog["_access_number"]) == (url, number)
    assert dialog["_access_code"] == (code or "n/a")


@pytest.mark.spec("DN-4")
@pytest.mark.parametrize(
    ("profile", "name"),
    [
        (Profile.CHAT_WAIT, "02-chat-delay-connect.response"),
        (Profile.CHAT_NOW, "12-chat-immediate-create.response"),
    ],
)
def test_chatter_is_told_where_to_chat(profile: Profile, name: str) -> None:
    printed = sample(name)
    assert shown(given(profile, id=printed["_id"])) == printed


@pytest.mark.spec("DN-4", "DN-6")
def test_start_chat_names_subject_and_user_as_far_as_they_are_known() -> None:
    story = given(Profile.CHAT_NOW)
    anonymous = replace(story.instance, user="", chat_parameters={"subject": "Bill", "language": "fr"})
    dialog = dialogs.start_chat(anonymous, BASE)
    assert "_user_header" not in dialog
    assert dialog["_chat_parameters"] == {"subject": "Bill", "language": "fr"}


@pytest.mark.spec("SV-41")
@pytest.mark.parametrize("flag", ["false", "true"])
def test_notice_names_the_action_with_its_flag(flag: str) -> None:
    printed = sample("01-chat-delay-create.push")["message"]["_action"]
    story = near(Profile.CHAT_WAIT, provide_code=flag)
    assert dialogs.confirmation_action(story.instance) == printed.replace("false", flag)


@pytest.mark.spec("DN-5", "SV-40")
def test_menu_leads_to_connect_and_disconnect() -> None:
    menu = dialogs.menu(near(Profile.CHAT_WAIT).instance, BASE)
    assert (menu["_action"], menu["_id"]) == ("DisplayMenu", "369-1")
    entries = [entry for group in menu["_content"] for entry in group["_group_content"]]
    assert [entry["_user_action_url"] for entry in entries] == [
        f"{BASE}/1/service/369-1/connect",
        f"{BASE}/1/service/369-1/disconnect",
    ]


@pytest.mark.spec("SV-30", "SV-31", "G-20", "TH-5")
def test_place_in_a_queue_that_cannot_estimate() -> None:
    printed = sample("03-check-queue-position.response")
    told = Story(Profile.CHAT_WAIT).polls(QueueReport(position=2, total=2, eta=None))
    assert told == printed | {"_id": "369-1"}


@pytest.mark.spec("SV-30", "SV-31", "G-20", "TH-6")
def test_place_in_a_queue_that_can() -> None:
    printed = sample("03-check-queue-position.response.eta")
    told = Story(Profile.CHAT_WAIT, eta_pos_threshold="0:5,35:0").polls(QueueReport(position=2, total=2, eta=30))
    assert told == printed | {"_id": "369-1", "ewt": 30}


@pytest.mark.spec("TH-6")
def test_place_far_from_an_agent() -> None:
    story = Story(Profile.CHAT_WAIT)
    told = story.polls(QueueReport(position=7, total=8, eta=90))
    assert told["_agent_ready_threshold_passed"] is False
    assert told["_agent_ready_threshold_passed_reason"] == "threshold not reached: eta 90, position 7"
    assert queue_position.answer(story.instance, QueueReport(position=6, total=8, eta=80))["_position"] == 6
