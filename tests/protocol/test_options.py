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


def test_a_mount_replaces_some_and_only_known_ones() -> None:
    assert Options().replaced({"max_interval": 20.0}).max_interval == 20.0
    with pytest.raises(ValueError, match="unknown option: max_intervall"):
        Options().replaced({"max_intervall": 20.0})
