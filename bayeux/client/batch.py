"""What a client asks of the server: single requests, and several that travel together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bayeux.client.errors import PublishRefused, RequestRefused, SubscribeRefused, UnsubscribeRefused
from bayeux.client.subscription import MAX_QUEUE, Overflow, Subscription
from bayeux.protocol.channel import META_SUBSCRIBE, META_UNSUBSCRIBE, parse_channel


@dataclass(frozen=True, slots=True)
class Request:
    """A message before it has an id and a session."""

    channel: str
    fields: Mapping[str, Any]
    refusal: type[RequestRefused]
    """What an unsuccessful reply is raised as."""
    subscription: Subscription | None = None
    """What a subscribe is for: it gets events from when this is sent, unless it fails."""


def publish(channel: str, data: Any, ext: Mapping[str, Any] | None) -> Request:
    """Raises ChannelInvalid."""
    fields = {"data": data} if ext is None else {"data": data, "ext": dict(ext)}
    return Request(parse_channel(channel).text, fields, PublishRefused)


def subscribe(subscription: Subscription) -> Request:
    """One request for all its channels."""
    fields = {"subscription": _one_or_all(subscription.channels)}
    return Request(META_SUBSCRIBE, fields, SubscribeRefused, subscription)


def unsubscribe(patterns: tuple[str, ...]) -> Request:
    """For patterns no subscription needs any more."""
    return Request(META_UNSUBSCRIBE, {"subscription": _one_or_all(patterns)}, UnsubscribeRefused)


def _one_or_all(channels: tuple[str, ...]) -> str | list[str]:
    # An array only where it says more: not every server knows it.
    return channels[0] if len(channels) == 1 else list(channels)


class Batch:
    """Publishes and subscribes that go to the server in one request, in this order.

    Made by ``BayeuxClient.batch``. A server may bound how many it takes (ours: 100, SEC-L11).

    Args:
        give_up: what ends a subscription made here.
    """

    def __init__(self, give_up: Callable[[Subscription], Awaitable[None]]) -> None:
        self.requests: list[Request] = []
        self._give_up = give_up

    def publish(self, channel: str, data: Any, *, ext: Mapping[str, Any] | None = None) -> None:
        """As ``BayeuxClient.publish``. Raises ChannelInvalid."""
        self.requests.append(publish(channel, data, ext))

    def subscribe(self, *channels: str, max_queue: int = MAX_QUEUE, overflow: Overflow = "fail") -> Subscription:
        """As ``BayeuxClient.subscribe``; reading a subscription that is refused raises the refusal."""
        subscription = Subscription(channels, self._give_up, max_queue=max_queue, overflow=overflow)
        self.requests.append(subscribe(subscription))
        return subscription
