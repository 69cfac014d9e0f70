"""What a client is subscribed to: made with the server, delivered, and made again with the next session.

Owns the subscriptions, the tasks of their callbacks, and what the present session may not know of them. Sends
through the client's link; when, the client says.

Source: CLI-1, CLI-3, RPL-15…23.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from bayeux.client.batch import Request, subscribe, subscribe_fields, subscribe_refused
from bayeux.client.conversation import Conversation
from bayeux.client.errors import ConnectFailed, ReplyTimeout, TransportFailed
from bayeux.client.event import Event, Message
from bayeux.client.link import Link
from bayeux.client.replay import Replay, ReplayFrom, Starts, parse_starts
from bayeux.client.subscription import Callback, Overflow, Subscription, Subscriptions
from bayeux.protocol.channel import META_SUBSCRIBE, parse_channel
from bayeux.protocol.errors import ChannelInvalid

RESUBSCRIBE_AT_ONCE = 50  # half of what our server takes in one request (SEC-L11)

log: logging.Logger = logging.getLogger(__name__)


class Subscriber:
    """See the module; one for each client.

    Args:
        replay: the application's wishes about positions.
        give_up: ends a subscription, with the server too.
        max_network_delay: seconds for a reply, and for callbacks at the end.
    """

    def __init__(
        self,
        conversation: Conversation,
        replay: Replay | None,
        give_up: Callable[[Subscription], Awaitable[None]],
        max_network_delay: float,
    ) -> None:
        self._conversation = conversation
        self._replay = replay
        self._give_up = give_up
        self._max_network_delay = max_network_delay
        self._subscriptions = Subscriptions()
        self._at_once = RESUBSCRIBE_AT_ONCE
        self._callbacks: set[asyncio.Task[None]] = set()
        self._unconfirmed: dict[str, Starts | None] = {}
        """Patterns the present session may not know; where a fallback begins, None for where they were."""

    # -- making ----------------------------------------------------------------------------

    def request(
        self,
        channels: tuple[str, ...],
        callback: Callback | None,
        replay: ReplayFrom | None,
        max_queue: int,
        overflow: Overflow,
    ) -> Request:
        """For a subscription that is to be made. Raises ChannelInvalid, ValueError."""
        names = tuple(parse_channel(channel).text for channel in channels)
        starts = parse_starts(names, replay)
        if self._replay is not None:
            starts = self._replay.starts(names, starts)
        subscription = Subscription(
            names,
            self._give_up,
            callback=callback,
            starts=starts,
            processed=None if self._replay is None else self._replay.processed,
            max_queue=max_queue,
            overflow=overflow,
        )
        return subscribe(subscription, starts)

    def expect(self, request: Request) -> None:
        """It is about to be sent; an event may come before the reply (CLI-4)."""
        if request.subscription is not None:
            self._subscriptions.settle(request.starts)
            self._subscriptions.add(request.subscription)

    def subscribed(self, subscription: Subscription, reply: Message) -> None:
        """The server made it."""
        subscription.subscribed(reply)
        if subscription.callback is not None:
            task = asyncio.create_task(subscription.call_back(), name="bayeux client: callback")
            self._callbacks.add(task)
            task.add_done_callback(self._callbacks.discard)

    def after_gap(self, request: Request, refused: Message) -> Request | None:
        """What to ask for instead, if the refusal was for a position and the application agreed on something."""
        starts = None if self._replay is None else self._replay.after_gap(refused, request.starts)
        if starts is None or request.subscription is None:
            return None
        request.subscription.begin(starts)
        return subscribe(request.subscription, starts)

    def drop(self, subscription: Subscription, error: Exception | None) -> None:
        """It was not made."""
        self._subscriptions.remove(subscription)
        subscription.end(error)

    # -- its life --------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Deliver an event to whom it concerns."""
        try:
            self._subscriptions.deliver(event)
        except ChannelInvalid:
            log.debug("an event on a channel that cannot be subscribed to")

    def remove(self, subscription: Subscription) -> tuple[str, ...]:
        """It was given up; the patterns nobody else has."""
        subscription.end()
        if subscription.callback is not None:
            subscription.forget_waiting()
        return tuple(self._subscriptions.remove(subscription))

    def session_began(self) -> None:
        """A session that knows nothing yet."""
        self._unconfirmed = dict.fromkeys(self._subscriptions.patterns)

    async def subscribe_again(self, link: Link) -> None:
        """Tell a new session what is subscribed here, each on its own: one refusal is not all (CLI-3).

        Raises TransportFailed; what was not confirmed is told the next time. So is what was refused for now.
        """
        while patterns := [each for each in self._subscriptions.patterns if each in self._unconfirmed]:
            patterns = patterns[: self._at_once]
            starts = [self._starts_again(pattern) for pattern in patterns]
            messages = [
                self._conversation.message(META_SUBSCRIBE, subscribe_fields((pattern,), begin))
                for pattern, begin in zip(patterns, starts, strict=True)
            ]
            replies = await self._exchange(link, messages)
            answered = [self._answered_again(*each) for each in zip(patterns, starts, replies, strict=True)]
            if not all(answered):
                return  # the connect that follows tells what is to be done with the session

    async def _exchange(self, link: Link, messages: list[Message]) -> list[Message]:
        try:
            return await link.exchange(messages, self._max_network_delay)
        except (ConnectFailed, ReplyTimeout):
            raise
        except TransportFailed:  # which may be a 413 or a close: some servers take fewer at once (BAT-8)
            self._at_once = max(1, len(messages) // 2)
            raise

    def _starts_again(self, pattern: str) -> Starts:
        fallback = self._unconfirmed[pattern]
        return self._subscriptions.starts_again(pattern) if fallback is None else fallback

    def _answered_again(self, pattern: str, starts: Starts, reply: Message) -> bool:
        """False if there is no such session any more. Raises TransportFailed if the server cannot say for now."""
        concerned = self._subscriptions.on(pattern)
        if reply.get("successful") is True:
            self._unconfirmed.pop(pattern, None)
            for subscription in concerned:
                subscription.subscribed(reply)
            return True
        fallback = None if self._replay is None else self._replay.after_gap(reply, starts)
        if fallback is None:
            refused = subscribe_refused(reply)
            if refused.is_of_session:
                return False
            if refused.is_of_server:
                raise TransportFailed(f"the server could not subscribe: {refused}")
            self._unconfirmed.pop(pattern, None)
            self._subscriptions.end(refused, pattern)
            return True
        self._unconfirmed[pattern] = fallback
        for subscription in concerned:
            subscription.begin(fallback)
        return True

    def end(self, error: Exception | None) -> None:
        """No more events for anybody."""
        self._subscriptions.end(error)

    async def finish_callbacks(self) -> None:
        """Wait until callbacks were given what has come, within reason; not for one that waits for this."""
        tasks = {task for task in self._callbacks if task is not asyncio.current_task()}
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._max_network_delay)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._max_network_delay)
