"""The table of options, and what of a service is valid."""

from __future__ import annotations

from dataclasses import fields

import pytest

from gateway.callback.profiles import PRESETS, Profile
from gateway.callback.settings import DEFAULTS, OptionInvalid, Settings
from gateway.config import Sources, load
from gateway.services.editing import path_of
from gateway.services.kinds import EntryWrong, Kind, effective_options, read
from gateway.services.options import LONGEST_TEXT, OPTIONS, Category, check, is_secret, masked
from gateway.services.options import Kind as TextKind


def wrongs(options: dict[str, object], name: str = "sales") -> list[str]:
    with pytest.raises(EntryWrong) as refused:
        read(Kind.SERVICE, name, options)
    return [wrong.path for wrong in refused.value.wrongs]


@pytest.mark.spec("OPT-2")
def test_defaults_are_those_that_callbacks_live_by() -> None:
    written = DEFAULTS.written()
    assert written == {}
    for field in fields(Settings):
        option = OPTIONS[f"_{field.name}"]
        if option.default is not None:
            assert Settings.read({option.name: option.default}) == DEFAULTS, option.name


@pytest.mark.spec("OPT-1", "OPT-2", "OPT-3")
def test_every_option_has_a_kind_and_a_category() -> None:
    assert {option.category for option in OPTIONS.values()} == set(Category)
    assert OPTIONS["_target"].default is None
    assert OPTIONS["_max_dial_attempts"].default == "3"
    assert OPTIONS["_eta_pos_threshold"].kind is TextKind.LIST
    for option in OPTIONS.values():
        if option.default is not None:
            check(option.name, option.default)


@pytest.mark.spec("OPT-1", "TH-7")
@pytest.mark.parametrize(
    ("option", "right", "wrong"),
    [
        ("_max_dial_attempts", ["3", "-1", "0"], ["", "three", "1.5", "9999999999", "١"]),
        ("_cpd_enable", ["true", "FALSE"], ["", "yes", "1"]),
        ("_ttl", ["0", "86400"], ["-1", "1h"]),
        ("_eta_pos_threshold", ["0:10,10:5"], ["0:10,0:5", "a:b", "", "10"]),
        ("_enable_in_queue_checking", ["strict", "true"], ["lax"]),
        ("_threshold_when_eta_unknown", ["pass", "position"], ["wait"]),
        ("_attach_udata", ["single_json", "separate_keys", "gms_storage_id"], ["all"]),
        ("_type", ["ors", "builtin", "built-in"], ["python"]),
        ("_target", ["English=20&Loans=2@StatServer.GA", ""], ["a\x00b", "x" * (LONGEST_TEXT + 1)]),
        ("own", ["anything"], ["a\x1bb"]),
    ],
)
def test_texts_of_an_option(option: str, right: list[str], wrong: list[str]) -> None:
    for text in right:
        check(option, text)
    for text in wrong:
        with pytest.raises(OptionInvalid):
            check(option, text)


@pytest.mark.spec("G-12", "OPT-1")
def test_what_is_left_to_the_request_is_not_judged() -> None:
    check("_max_dial_attempts", "$attempts$")
    check("_eta_pos_threshold", "$steps$")


@pytest.mark.spec("OPT-4")
def test_other_spellings_are_kept_by_the_right_name() -> None:
    kept = read(Kind.SERVICE, "a", {"_urs_strategy_update_subroutine": "x", "max_queued_callbacks_per_service": 5})
    assert kept == {"_urs_strategy_update_sub_routine": "x", "_max_queued_callbacks_per_service": "5"}
    assert wrongs({"_urs_strategy_update_subroutine": "x", "_urs_strategy_update_sub_routine": "y"}) == [
        "_urs_strategy_update_subroutine"
    ]
    assert wrongs({"max_queued_callbacks_per_service": "many"}) == ["_max_queued_callbacks_per_service"]


@pytest.mark.spec("SV-3")
def test_what_a_built_in_service_is_based_on() -> None:
    read(Kind.SERVICE, "a", {"_type": "builtin", "_service": "request-access", "_name": "nothing"})
    read(Kind.SERVICE, "a", {"_type": "built-in", "_name": "request-access"})
    assert wrongs({"_type": "builtin", "_service": "nothing"}) == ["_service"]
    assert wrongs({"_type": "builtin"}) == ["_name"]
    assert path_of("a", {"_type": "ors"}) == path_of("a", {"_service": "callback"}) == "/service/callback/a"
    assert path_of("a", {"_type": "builtin", "_name": "request-access"}) == "/service/a"


@pytest.mark.spec("SM-3", "SM-1")
@pytest.mark.parametrize("profile", Profile)
def test_a_profile_gives_what_it_presets_and_keeps_its_selectors(profile: Profile) -> None:
    options = effective_options(read(Kind.SERVICE, "a", {"_profile": profile.value, "_ttl": "5"}))
    assert options == {**PRESETS[profile], "_profile": profile.value, "_ttl": "5"}
    other = "voice" if PRESETS[profile]["_media_type"] == "chat" else "chat"
    assert wrongs({"_profile": profile.value, "_media_type": other}) == ["_media_type"]
    read(Kind.SERVICE, "a", {"_profile": profile.value, "_mandatory_customer_lookup_keys": "_customer_number"})


@pytest.mark.spec("AUTH-5", "SEC-55")
def test_secrets() -> None:
    assert wrongs({"username": "a"}) == ["password"]
    assert wrongs({"username": "a", "password": "plain"}) == ["password"]
    for name in ("password", "_status_notification_secret", "_api_token"):
        assert is_secret(name)
    for name in ("_target", "_client_timeout", "_provide_code"):
        assert not is_secret(name)
    assert masked({"password": "x", "_ttl": "1", "_secret": ""}) == {"password": "***", "_ttl": "1", "_secret": ""}


def test_bounds() -> None:
    assert wrongs({f"_{number}": "" for number in range(301)}) == [""]


@pytest.mark.spec("TH-13", "SM-4")
def test_the_development_profile_has_the_services_of_the_samples() -> None:
    config = load(Sources(flags={"profile": "development"})).config
    assert config.server.enabled
    assert config.management.enabled
    assert set(config.services) == {
        "chat-delay",
        "chat-immediate",
        "voice-userorig-delay",
        "voice-userorig-immediate",
    }
    queues = {queue.name for queue in config.mre.queues}
    for texts in config.services.values():
        options = effective_options(texts)
        settings = Settings.read(options)
        assert settings.profile.value == options["_profile"]
        assert settings.target.partition("@")[0] in queues
        assert settings.resource_group in config.resources
    assert config.services["chat-delay"]["_threshold_when_eta_unknown"] == "position"
