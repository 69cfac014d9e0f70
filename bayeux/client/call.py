"""Remote calls: a publish whose answer is an event with its id.

Source: RPC-1…7, the ``remoteCall`` of CometD's client.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bayeux.client.conversation import Conversation, Exchange
from bayeux.client.errors import CallFailed, ClientError, ReplyTimeout
from bayeux.client.event import Message
from bayeux.protocol.channel import Kind, parse_channel
from bayeux.protocol.errors import ChannelInvalid

CALL_TIMEOUT = 10.0  # that of CometD's client (RPC-7)


class Call:
    """A remote call; made by ``Batch.call``, its result is there at the end of the batch's block.

    Args:
        timeout: seconds to wait for the answer, from when it is sent; None waits while the session lives.

    Raises ChannelInvalid when made: a target has no wildcards and no parameters (RPC-1).
    """

    def __init__(self, target: str, timeout: float | None) -> None:
        name = parse_channel(f"/service/{target.removeprefix('/')}")
        if name.kind is not Kind.SERVICE or name.is_wild or name.is_template:
            raise ChannelInvalid(f"{target!r} cannot be called: a target is a name like contacts/find")
        self.target = target
        self.channel: str = name.text
        """On which the call is published, and answered."""
        self.timeout = timeout
        self._deadline: float | None = None
        self._conversation: Conversation | None = None
        self._exchange: Exchange | None = None
        self._settled = asyncio.Event()
        self._answer: Message | None = None
        self._error: Exception = ClientError("the batch of this call has not been sent")

    def result(self) -> Any:
        """What the method returned, any JSON value.

        Raises CallFailed with what it says of its failure; CallRefused; TransportFailed,
        ReplyTimeout among them, and ClientDisconnected, when nobody knows; ClientError before
        the block has ended.
        """
        if self._answer is None:
            raise self._error
        if self._answer.get("successful") is not True:
            raise CallFailed(self.target, self._answer.get("data"))
        return self._answer.get("data")

    # -- the client's part -----------------------------------------------------------------

    def expect_answer(self, conversation: Conversation, message: Message) -> None:
        """It is about to be sent as ``message``."""
        self._deadline = None if self.timeout is None else asyncio.get_running_loop().time() + self.timeout
        self._conversation = conversation
        self._exchange = conversation.expect_answer(message, self._settled.set)

    def replied(self, reply: Message) -> bool:
        """Take what came first, the reply or the answer; whether it was the answer, which may be a failure."""
        if "data" in reply:
            self._answer = reply
        return "data" in reply

    async def wait(self) -> None:
        """Until there is an answer, or none will come; which, ``result`` tells."""
        if self._answer is not None or self._exchange is None:
            return
        try:
            async with asyncio.timeout_at(self._deadline):
                await self._settled.wait()
        except TimeoutError:
            self._error = ReplyTimeout(f"no answer from {self.target} within {self.timeout:g} s")
            return
        if self._exchange.error is None:
            [self._answer] = self._exchange.replies
        else:
            self._error = self._exchange.error

    def fail(self, error: Exception) -> None:
        """It was refused, or could not be sent."""
        self._error = error
        self.abandon()

    def abandon(self) -> None:
        """Wait no more; an answer that comes later is nobody's."""
        if self._exchange is not None and self._conversation is not None:
            self._conversation.abandon(self._exchange)
            self._exchange = None
