"""What is kept of a chat: when it is looked at again."""

from __future__ import annotations

import pytest

from gateway.chats.chat import Chat

NOW = 1000.0


@pytest.mark.spec("CH1-13")
@pytest.mark.parametrize(("timeout", "pause"), [(0.0, 1.0), (2.0, 1.0), (120.0, 30.0)])
def test_a_live_session_is_looked_at_after_a_pause(timeout: float, pause: float) -> None:
    """A service with ``_client_timeout=0`` had its chats looked at, and stored, without end."""
    chat = Chat(
        id="1-a",
        service="chat",
        nickname="alice",
        key="k",
        user="alice",
        is_comet=True,
        had_session=True,
        timeout=timeout,
        expires=NOW + 3600,
        began=NOW,
        seen_at=NOW,
    )
    assert chat.due(NOW) == NOW + pause
