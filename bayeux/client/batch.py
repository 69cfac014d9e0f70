"""What a client asks of the server: single requests, and several that travel together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bayeux.client.call import CALL_TIMEOUT, Call
from bayeux.client.errors import (
    CallRefused,
    ClientError,
    PublishRefused,
    ReplayGap,
    RequestRefused,
    SubscribeRefused,
    UnsubscribeRefused,
)
from bayeux.client.event import Message
from bayeux.client.replay import ONLY_NEW, ReplayFrom, Starts, is_gap, matching, wire_of
from bayeux.client.subscription import MAX_QUEUE, Callback, Overflow, Subscription
from bayeux.protocol.channel import META_SUBSCRIBE, META_UNSUBSCRIBE, parse_channel


@dataclass(frozen=True, slots=True)
class Request:
    """A message before it has an id and a session."""

    channel: str
    fields: Mapping[str, Any]
    refused: Callable[[Message], RequestRefused]
    """What an unsuccessful reply is raised as."""
    subscription: Subscription | None = None
    """What a subscribe is for: it gets events from when this is sent, unless it fails."""
    starts: Starts = field(default_factory=dict)
    """Where that subscribe begins."""
    call: Call | None = None
    """What a publish is that waits for an answer."""


def publish(channel: str, data: Any, ext: Mapping[str, Any] | None) -> Request:
    """Raises ChannelInvalid."""
    return Request(parse_channel(channel).text, _content(data, ext), PublishRefused)


def call(made: Call, data: Any, ext: Mapping[str, Any] | None) -> Request:
    """The publish that a remote call is."""
    return Request(made.channel, _content(data, ext), CallRefused, call=made)


def _content(data: Any, ext: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"data": data} if ext is None else {"data": data, "ext": dict(ext)}


def subscribe(subscription: Subscription, starts: Starts) -> Request:
    """One request for all its channels."""
    return Request(
        META_SUBSCRIBE, subscribe_fields(subscription.channels, starts), subscribe_refused, subscription, starts
    )


def subscribe_fields(channels: tuple[str, ...], starts: Starts) -> dict[str, Any]:
    """What a subscribe says of its channels and of where they begin (RPL-11, RPL-19)."""
    fields: dict[str, Any] = {"subscription": _one_or_all(channels)}
    if starts:
        # RPL-20: Salesforce refuses a map without the channel.
        others = {channel: ONLY_NEW for channel in channels if not matching(channel, starts)}
        fields["ext"] = {"replay": wire_of({**starts, **others})}
    return fields


def subscribe_refused(reply: Message) -> SubscribeRefused:
    """The error for a subscribe's reply."""
    return ReplayGap(reply) if is_gap(reply) else SubscribeRefused(reply)


def unsubscribe(patterns: tuple[str, ...]) -> Request:
    """For patterns no subscription needs any more."""
    return Request(META_UNSUBSCRIBE, {"subscription": _one_or_all(patterns)}, UnsubscribeRefused)


def _one_or_all(channels: tuple[str, ...]) -> str | list[str]:
    # An array only where it says more: not every server knows it.
    return channels[0] if len(channels) == 1 else list(channels)


class SubscribeRequests(Protocol):
    """Makes the request of a subscription; the client's."""

    def __call__(
        self,
        channels: tuple[str, ...],
        callback: Callback | None,
        replay: ReplayFrom | None,
        max_queue: int,
        overflow: Overflow,
    ) -> Request:
        """Raises ChannelInvalid, ValueError."""


class Batch:
    """Requests that go to the server in one body or frame, in this order.

    Made by ``BayeuxClient.batch``. A server may bound how many it takes (ours: 100, SEC-L11).

    Args:
        make_subscribe: makes the request of a subscription.
    """

    def __init__(self, make_subscribe: SubscribeRequests) -> None:
        self.requests: list[Request] = []
        self._make_subscribe = make_subscribe

    def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> None:
        """As ``BayeuxClient.publish``. Raises ChannelInvalid."""
        self.requests.append(publish(channel, data, ext))

    def call(
        self,
        target: str,
        data: Any = None,
        *,
        timeout: float | None = CALL_TIMEOUT,
        ext: Mapping[str, Any] | None = None,
    ) -> Call:
        """As ``BayeuxClient.call``; ask the call for its result behind the block. Raises ChannelInvalid."""
        made = Call(target, timeout)
        self.requests.append(call(made, data, ext))
        return made

    def subscribe(
        self,
        *channels: str,
        callback: Callback | None = None,
        replay: ReplayFrom | None = None,
        max_queue: int = MAX_QUEUE,
        overflow: Overflow = "fail",
    ) -> Subscription:
        """As ``BayeuxClient.subscribe``; reading a subscription that is refused raises the refusal."""
        request = self._make_subscribe(channels, callback, replay, max_queue, overflow)
        self.requests.append(request)
        assert request.subscription is not None
        return request.subscription

    def give_up(self) -> None:
        """It is not sent: who reads its subscriptions or asks for the results of its calls is told so."""
        error = ClientError("the batch was not sent, because its block raised")
        for request in self.requests:
            if request.subscription is not None:
                request.subscription.end(error)
            if request.call is not None:
                request.call.fail(error)
