"""How to test an application: the chat of ``chat.py``, with clients in memory and no network.

    pip install 'bayeux-gateway[testing]'
    pytest examples/test_chat.py

The fixtures come with the package: a server whose time stands still, and peers that talk to it.
"""

from collections.abc import Callable

import pytest
from bayeux import BayeuxServer
from bayeux.testing import Conversation

from chat import add_chat


@pytest.mark.asyncio
async def test_a_line_reaches_the_room_and_no_other(
    bayeux_server: BayeuxServer, bayeux_peer: Callable[..., Conversation]
) -> None:
    add_chat(bayeux_server)
    ann = await bayeux_peer("websocket").handshake().connect().subscribe("/chat/lobby")
    bob = await bayeux_peer("websocket").handshake().connect().subscribe("/chat/kitchen")

    await ann.publish("/chat/lobby", {"from": "ann", "text": "hello"})
    await bob
    assert [event["data"]["text"] for event in ann.events] == ["hello"]
    assert bob.events == []


@pytest.mark.asyncio
async def test_an_empty_line_is_refused(bayeux_server: BayeuxServer, bayeux_peer: Callable[..., Conversation]) -> None:
    add_chat(bayeux_server)
    ann = await bayeux_peer().handshake().publish("/chat/lobby", {"from": "ann", "text": " "})
    assert ann.reply["error"] == "404::message_deleted"
