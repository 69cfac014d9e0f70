"""The subscribers of a channel: few and many are the same to whoever asks."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.channel import parse_channel
from bayeux.server.channels import FEW, ServerChannel
from bayeux.server.server import BayeuxServer


@pytest.fixture
def channel() -> ServerChannel:
    return ServerChannel(parse_channel("/a"), BayeuxServer())


@pytest.mark.interpreted("its sessions are stand-ins")
@pytest.mark.spec("CHN-1")
@pytest.mark.parametrize("count", [1, FEW, FEW + 1, 300])
def test_subscribers_stand_in_the_order_in_which_they_came(channel: ServerChannel, count: int) -> None:
    sessions: list[Any] = [object() for _ in range(count)]
    for session in sessions:
        channel.admit(session)
    assert list(channel.subscribers) == sessions
    assert sessions[-1] in channel.subscribers
    assert channel.dismiss(sessions[0])
    assert not channel.dismiss(sessions[0])
    assert list(channel.subscribers) == sessions[1:]
    channel.admit(sessions[0])
    assert list(channel.subscribers) == [*sessions[1:], sessions[0]]
    assert all(channel.dismiss(session) for session in sessions)
    assert channel.is_idle


@pytest.mark.spec("CHN-7", "CH-31")
def test_channel_that_was_only_asked_for_its_listeners_is_idle(channel: ServerChannel) -> None:
    asked = (channel.listeners, channel.authorizers, channel.subscribed, channel.unsubscribed)
    assert not any(asked)
    assert channel.is_idle
    remove = channel.subscribed.add(lambda *_: None)
    assert not channel.is_idle
    remove()
    assert channel.is_idle
