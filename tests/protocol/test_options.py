"""Options that contradict each other stop the start."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.options import Options


@pytest.mark.spec("SEC-4", "CN-10", "WS-17", "SEC-37")
@pytest.mark.parametrize(
    "wrong",
    [
        {"duplicate_meta_connect_http_code": 408},
        {"duplicate_meta_connect_http_code": 200},
        {"max_message_size": 2_000_000},
        {"timeout": -1.0},
        {"max_batch_messages": -5},
        {"ws_ping_interval": 5.0, "ws_ping_timeout": 20.0},
        {"ws_idle_timeout": 30.0},
        {"browser_cookie_same_site": "None", "browser_cookie_secure": "off"},
        {"transports": ()},
        {"transports": ("carrier-pigeon",)},
    ],
)
def test_contradictions_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Options(**wrong)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"timeout": "30"}, "timeout: '30' is not a number"),
        ({"timeout": float("nan")}, "timeout: nan is not a number"),
        ({"timeout": True}, "timeout: True is not a number"),
        ({"max_queue": 10.0}, "max_queue: 10.0 is not a whole number"),
        ({"gzip": "no"}, "gzip: 'no' is not True or False"),
        ({"ws_rebind": "clientId"}, "ws_rebind: 'clientId' is not one of 'clientid', 'bound', 'never'"),
        ({"allowed_origins": "https://a.example"}, "allowed_origins: 'https://a.example' is not a tuple of"),
        ({"transports": "websocket"}, "transports: 'websocket' is not a tuple of"),
        ({"browser_cookie_path": "/a\r\nX: y"}, "browser_cookie_path: .* is not a printable text"),
        ({"json_codec": object()}, "json_codec: .* is not a JsonCodec"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named(wrong: dict[str, Any], words: str) -> None:
    """It was found out by the first client, or never: a misspelt ``ws_rebind`` was none of its choices."""
    with pytest.raises(ValueError, match=words):
        Options(**wrong)


def test_whole_seconds_and_lists_will_do() -> None:
    assert Options(timeout=20, transports=["websocket"]).timeout == 20  # type: ignore[arg-type]


def test_a_mount_replaces_some_and_only_known_ones() -> None:
    assert Options().replaced({"max_interval": 20.0}).max_interval == 20.0
    with pytest.raises(ValueError, match="unknown option: max_intervall"):
        Options().replaced({"max_intervall": 20.0})
