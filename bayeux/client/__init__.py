"""An asyncio client for Bayeux servers: ours, CometD, Faye and Salesforce.

What is listed here is public; what is not may change. ``bayeux.client.sync`` has the same for scripts.
"""

from bayeux.client.advice import Advice
from bayeux.client.batch import Batch
from bayeux.client.call import Call
from bayeux.client.client import BayeuxClient
from bayeux.client.errors import (
    CallFailed,
    CallRefused,
    ClientDisconnected,
    ClientError,
    ConnectFailed,
    HandshakeRefused,
    PublishRefused,
    ReplayGap,
    ReplyTimeout,
    RequestRefused,
    SessionLost,
    SubscribeRefused,
    SubscriptionOverflow,
    TokenUnavailable,
    TransportFailed,
    UnsubscribeRefused,
    UpgradeRefused,
)
from bayeux.client.event import Event, Position
from bayeux.client.extension import Extension
from bayeux.client.extensions.ack import Acknowledge
from bayeux.client.extensions.auth import TokenAuth
from bayeux.client.extensions.binary import Binary
from bayeux.client.extensions.timesync import TimeSync
from bayeux.client.listeners import Listeners, Reply, State, StateChange
from bayeux.client.replay import ALL_RETAINED, ONLY_NEW, Recovery, Replay
from bayeux.client.subscription import Subscription
from bayeux.protocol.binary import BinaryData
from bayeux.protocol.hooks import STOP

__all__ = [
    "ALL_RETAINED",
    "ONLY_NEW",
    "STOP",
    "Acknowledge",
    "Advice",
    "Batch",
    "BayeuxClient",
    "Binary",
    "BinaryData",
    "Call",
    "CallFailed",
    "CallRefused",
    "ClientDisconnected",
    "ClientError",
    "ConnectFailed",
    "Event",
    "Extension",
    "HandshakeRefused",
    "Listeners",
    "Position",
    "PublishRefused",
    "Recovery",
    "Replay",
    "ReplayGap",
    "Reply",
    "ReplyTimeout",
    "RequestRefused",
    "SessionLost",
    "State",
    "StateChange",
    "SubscribeRefused",
    "Subscription",
    "SubscriptionOverflow",
    "TimeSync",
    "TokenAuth",
    "TokenUnavailable",
    "TransportFailed",
    "UnsubscribeRefused",
    "UpgradeRefused",
]
