"""Which options count for a notice to a device."""

from __future__ import annotations

import pytest

from gateway.push.provider import DeliveryFailed, Device
from gateway.push.providers.options import Chosen, PushOptions
from tests.push.provider_parts import notice

OPTIONS = PushOptions(
    general={"apple.sound": "general", "apple.badge": "1", "debug.apple.badge": "2", "fcm.title": "general"},
    providers={"gold": {"apple.sound": "gold", "debug.apple.sound": "gold debug", "fcm.title": "gold"}},
    events={
        "service": {"fcm.body": "any", "fcm.title": "any"},
        "service.agentavailable": {"fcm.title": "near"},
        "service.agent": {"fcm.title": "never"},
    },
)


def chosen(tag: str = "service.chat.refresh.1", **device: object) -> Chosen:
    fields: dict[str, object] = {"type": "ios", "id": "t", **device}
    return OPTIONS.chosen(notice(tag=tag), Device(**fields))  # type: ignore[arg-type]


@pytest.mark.spec("NT-16")
def test_a_provider_wins_over_the_general_section() -> None:
    assert chosen().text("apple.sound") == "general"
    assert chosen(provider="gold").text("apple.sound") == "gold"
    assert chosen(provider="gold").text("apple.badge") == "1"
    assert chosen(provider="unknown").text("apple.sound") == "general"


@pytest.mark.spec("NT-16")
def test_an_event_wins_over_the_provider_and_the_longer_name_over_the_shorter() -> None:
    assert chosen(provider="gold").text("fcm.title") == "any"
    near = chosen("service.agentavailable.1-2", provider="gold")
    assert (near.text("fcm.title"), near.text("fcm.body")) == ("near", "any")
    assert chosen("other.service", provider="gold").text("fcm.title") == "gold"


@pytest.mark.spec("NT-8", "NT-16")
def test_devices_that_are_tried_out_have_their_own() -> None:
    assert chosen(debug=True).number("apple.badge") == 2
    assert chosen(debug=True, provider="gold").text("apple.sound") == "gold debug"
    assert chosen(debug=True).text("apple.sound") == "general"


@pytest.mark.spec("NT-9")
def test_what_comes_with_a_notice_or_a_device_changes_how_it_looks() -> None:
    told = notice(properties={"apple.sound": "notice"})
    device = Device(type="ios", id="t", properties={"apple.sound": "device", "apple.badge": "7"})
    found = OPTIONS.chosen(told, device)
    assert (found.text("apple.sound"), found.number("apple.badge")) == ("notice", 7)


@pytest.mark.spec("SEC-71")
@pytest.mark.parametrize(
    "name", ["apple.host", "apple.keystore", "apple.topic", "customhttp.url", "fcm.apiKey", "fcm.host"]
)
def test_what_comes_with_them_says_neither_where_to_nor_by_whose_key(name: str) -> None:
    properties = {name: "theirs", f"debug.{name}": "theirs"}
    device = Device(type="ios", id="t", properties=properties, debug=True)
    assert PushOptions(general={name: "ours"}).chosen(notice(properties=properties), device).text(name) == "ours"


def test_an_empty_text_takes_away_what_is_said_below() -> None:
    options = PushOptions(general={"apple.sound": "ping"}, events={"quiet": {"apple.sound": ""}})
    assert options.chosen(notice(tag="quiet"), Device(type="ios", id="t")).text("apple.sound") == ""


@pytest.mark.parametrize(
    ("text", "number"), [("0", 0), ("17", 17), ("", None), ("-1", None), ("x", None), ("1" * 10, None)]
)
def test_numbers(text: str, number: int | None) -> None:
    assert Chosen([{"n": text}]).number("n") == number


@pytest.mark.spec("NT-15")
def test_what_is_needed_and_missing_is_named() -> None:
    with pytest.raises(DeliveryFailed, match=r"apple\.keystore") as failed:
        chosen().needed("apple.keystore")
    assert not failed.value.permanent
