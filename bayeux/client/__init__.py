"""An asyncio client for Bayeux servers: ours, CometD and Faye."""

from bayeux.client.batch import Batch
from bayeux.client.client import BayeuxClient
from bayeux.client.conversation import Advice, Event, State
from bayeux.client.errors import (
    ClientDisconnected,
    ClientError,
    ConnectFailed,
    HandshakeRefused,
    PublishRefused,
    ReplyTimeout,
    RequestRefused,
    SubscribeRefused,
    SubscriptionOverflow,
    TransportFailed,
    UnsubscribeRefused,
    UpgradeRefused,
)
from bayeux.client.subscription import Subscription

__all__ = [
    "Advice",
    "Batch",
    "BayeuxClient",
    "ClientDisconnected",
    "ClientError",
    "ConnectFailed",
    "Event",
    "HandshakeRefused",
    "PublishRefused",
    "ReplyTimeout",
    "RequestRefused",
    "State",
    "SubscribeRefused",
    "Subscription",
    "SubscriptionOverflow",
    "TransportFailed",
    "UnsubscribeRefused",
    "UpgradeRefused",
]
