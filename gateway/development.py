"""What only a gateway under ``--dev`` serves: a user may send himself something, and anybody may be a customer.

Source: OPS-24; the page at ``/`` uses the first, black-box tests the second.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bayeux.protocol.channel import parse_channel
from bayeux.protocol.errors import ChannelInvalid, Unavailable
from bayeux.protocol.message import Message
from bayeux.server.remote_call import Caller
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from gateway.agents.operations import ChatService
from gateway.agents.refusal import FAILED, OUT_OF_RANGE, Refused

SEND_TO_ME = "/service/dev/send-to-me"
"""Takes ``{"channel": …, "data": …}`` and delivers it to the sender's own sessions, under a private name."""


def serve_development_channels(server: BayeuxServer) -> None:
    """Listen on them."""

    def send_to_me(session: ServerSession | None, message: Message) -> None:
        match message.data:
            case {"channel": str(channel), "data": data}:
                pass
            case _:
                return
        try:
            is_private = server.is_private(parse_channel(channel))
        except ChannelInvalid:
            return
        if session is not None and session.user is not None and is_private:
            server.deliver_to_user(session.user, channel, data)

    server.on(SEND_TO_ME, send_to_me)


def serve_development_customers(server: BayeuxServer, chats: ChatService) -> None:
    """Answer remote calls of who plays a customer: ``dev/chat/begin``, ``say``, ``notice``, ``position``, ``leave``
    and ``read``.

    ``key`` of ``begin`` and ``messageId`` of ``say`` make it safe to call again what was not answered.
    What is wrong with a call is its failure: ``{"statusCode": …, "statusMessage": …}``.
    """

    async def customer(caller: Caller, data: Any, operation: str) -> Any:
        try:
            return await _perform(chats, operation, data)
        except Refused as refused:
            caller.failure({"statusCode": refused.status_code, "statusMessage": refused.text})
        except Unavailable:
            caller.failure({"statusCode": FAILED, "statusMessage": "try again in a moment"})
        return None

    server.remote_call("dev/chat/{operation}", customer)


async def _perform(chats: ChatService, operation: str, data: Any) -> Any:
    match operation, data:
        case "begin", {"nickname": str(nickname), "queue": str(queue), "userData": dict(user_data), **more}:
            key = str(more.get("key", ""))
            return await chats.begin_chat(nickname=nickname, queue=queue, user_data=user_data, key=key)
        case "say", {"chat": str(chat), "text": str(text), **more}:
            return await chats.say(chat, text, message_id=str(more.get("messageId", "")))
        case "notice", {"chat": str(chat), "kind": str(kind)}:
            return await chats.notice(chat, kind)
        case "position", {"chat": str(chat)}:
            found = await chats.queue_position(chat)
            return asdict(found) if found is not None else None
        case "leave", {"chat": str(chat)}:
            return await chats.leave(chat)
        case "read", {"chat": str(chat)}:
            return list(await chats.transcript(chat))
        case _:
            raise Refused(OUT_OF_RANGE, "there is no such call, or something is missing")
