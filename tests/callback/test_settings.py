"""Options as values, and the profiles that they select."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.callback import settings, threshold
from gateway.callback.profiles import PRESETS, SELECTORS, Direction, Media, Profile, ProfileUnsupported, select
from gateway.callback.settings import DEFAULTS, InQueueCheck, OptionInvalid, Settings


@pytest.mark.spec("OPT-1")
def test_texts_become_values() -> None:
    read = Settings.read(
        {
            "_media_type": "chat",
            "_wait_for_agent": "True",
            "_ttl": " 7200 ",
            "_throttle_callbacks_per_service_1": "-1",
            "_enable_in_queue_checking": "strict",
            "_target": "Billing@StatServer.GA",
            "_unknown_here": "kept elsewhere",
        }
    )
    assert (read.media_type, read.wait_for_agent, read.ttl) == (Media.CHAT, True, 7_200)
    assert (read.throttle_callbacks_per_service_1, read.enable_in_queue_checking) == (-1, InQueueCheck.STRICT)
    assert read.target == "Billing@StatServer.GA"


@pytest.mark.spec("OPT-1")
@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("_ttl", "-1"),
        ("_ttl", "1.5"),
        ("_ttl", "٣"),
        ("_ttl", "1000000000"),
        ("_ttl", ""),
        ("_provide_code", "yes"),
        ("_media_type", "fax"),
        ("_enable_in_queue_checking", "sometimes"),
    ],
)
def test_text_of_the_wrong_type_is_refused_by_the_options_name(option: str, text: str) -> None:
    for reading in (lambda: Settings.read({option: text}), lambda: settings.check(option, text)):
        with pytest.raises(OptionInvalid) as refused:
            reading()
        assert refused.value.option == option
        assert str(refused.value).startswith(option)


@pytest.mark.spec("TH-7")
def test_bad_threshold_is_refused_when_saved_and_the_defaults_when_it_was() -> None:
    with pytest.raises(OptionInvalid):
        settings.check("_eta_pos_threshold", "10:5,10:6")
    assert Settings.read({"_eta_pos_threshold": "10:5,10:6"}).eta_pos_threshold == threshold.DEFAULT


def test_any_text_may_be_saved_for_an_option_of_others() -> None:
    settings.check("_treatment_waiting_for_agent", "GMSApplications/wait")
    settings.check("ttl", "no option")


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "_ttl": st.integers(0, 999_999_999).map(str),
            "_userorig_connect_limit": st.integers(-9, 9).map(str),
            "_provide_code": st.sampled_from(["true", "false"]),
            "_media_type": st.sampled_from(Media),
            "_eta_pos_threshold": st.sampled_from(["0:5,35:0", "0:10,10:5,20:2,30:1,40:0"]),
            "_text_wait_for_agent": st.text(max_size=9).map(str.strip),
        },
    )
)
def test_settings_are_written_as_they_are_read(options: dict[str, str]) -> None:
    read = Settings.read(options)
    assert Settings.read(read.written()) == read
    assert DEFAULTS.written() == {}


@pytest.mark.spec("SM-1", "SM-3")
@pytest.mark.parametrize("profile", list(Profile))
def test_preset_of_a_profile_selects_it(profile: Profile) -> None:
    assert Settings.read(PRESETS[profile]).profile is profile
    assert set(PRESETS[profile]) >= SELECTORS


@pytest.mark.spec("SM-2")
def test_confirmation_without_waiting_is_ignored() -> None:
    assert Settings.read({"_wait_for_user_confirm": "true"}).profile is Profile.VOICE_NOW


@pytest.mark.spec("SM-1")
def test_direction_is_for_calls() -> None:
    assert select(Media.CHAT, Direction.USERTERMINATED, wait_for_agent=True) is Profile.CHAT_WAIT
    with pytest.raises(ProfileUnsupported):
        select(Media.VOICE, Direction.USERTERMINATED, wait_for_agent=True)
