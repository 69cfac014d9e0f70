"""What a held connect keeps of its reply."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.effects import HeldConnect
from bayeux.protocol.reply import Reply


def held(**fields: Any) -> HeldConnect:
    return HeldConnect(Reply(fields), 30.0, False, None, "long-polling")


@pytest.mark.spec("MSG-12")
@pytest.mark.parametrize("identity", [{"id": "7"}, {"id": 7}, {"id": ""}, {}])
def test_folded_connect_has_the_same_reply(identity: dict[str, Any]) -> None:
    connect = held(**identity, channel="/meta/connect")
    before = list(connect.reply.items())
    connect.fold()
    assert list(connect.reply.items()) == before
    assert connect.reply.request is None


@pytest.mark.spec("MSGX-1")
@pytest.mark.parametrize("fields", [{"ext": {"a": 1}}, {"channel": "/meta/connect/"}])
def test_reply_that_says_more_is_kept_as_it_is(fields: dict[str, Any]) -> None:
    connect = held(**{"id": "7", "channel": "/meta/connect", **fields})
    reply = connect.reply
    connect.fold()
    assert connect.reply is reply
