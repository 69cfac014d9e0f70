"""Bayeux (CometD) push for Tornado and asyncio: server, transports, client.

What is listed here is public; what is not may change.
"""

from bayeux.backplane.backplane import Backplane, NodeInfo
from bayeux.backplane.interface import Extent, History, Position, Retained, Retention, Stretch, Swept
from bayeux.backplane.memory import MemoryHistory
from bayeux.client import BayeuxClient
from bayeux.protocol.binary import BinaryData
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.delivery import DeliveryQueue
from bayeux.protocol.effects import EndReason
from bayeux.protocol.encoded import EncodedMessage
from bayeux.protocol.errors import BayeuxError, ChannelInvalid, ProtocolError, Unavailable
from bayeux.protocol.hooks import STOP, Registry
from bayeux.protocol.json import JsonCodec
from bayeux.protocol.message import Message
from bayeux.protocol.options import Options
from bayeux.protocol.presets import FAYE_PATH, cometd_options, faye_options
from bayeux.protocol.replay import OnGap, Style
from bayeux.protocol.reply import Reply
from bayeux.server.authorizers import ALL, CREATE, NONE, PUBLISH, SUBSCRIBE, Deny, Grant, covers
from bayeux.server.channels import ServerChannel
from bayeux.server.cluster.cluster import Cluster, ClusterListeners
from bayeux.server.cluster.seti import Seti, SetiListeners
from bayeux.server.current import current_context, current_message, current_session
from bayeux.server.dump import dump, dump_text
from bayeux.server.extension import Extension
from bayeux.server.filters import (
    DISCARD,
    Abort,
    DataFilter,
    NoMarkupFilter,
    NoScriptsFilter,
    RegexFilter,
    WalkingFilter,
    configured_filters,
)
from bayeux.server.flow import FlowControl
from bayeux.server.local import LocalSession, Sending
from bayeux.server.marks import (
    ServiceInvalid,
    configure,
    listener,
    on_start,
    on_stop,
    remote_call,
    service,
    subscription,
)
from bayeux.server.remote_call import Caller
from bayeux.server.security import Authorizer, Denied, Granted, Operation, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.server.service import Service
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from bayeux.transports.asgi import BayeuxASGI
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers

__all__ = [
    "ALL",
    "CREATE",
    "DISCARD",
    "FAYE_PATH",
    "NONE",
    "PUBLISH",
    "STOP",
    "SUBSCRIBE",
    "Abort",
    "Authorizer",
    "Backplane",
    "BayeuxASGI",
    "BayeuxClient",
    "BayeuxError",
    "BayeuxServer",
    "BinaryData",
    "Caller",
    "ChannelInvalid",
    "ChannelName",
    "Cluster",
    "ClusterListeners",
    "Context",
    "DataFilter",
    "DeliveryQueue",
    "Denied",
    "Deny",
    "EncodedMessage",
    "EndReason",
    "Extension",
    "Extent",
    "FlowControl",
    "Grant",
    "Granted",
    "History",
    "JsonCodec",
    "Kind",
    "Listener",
    "LocalSession",
    "MemoryHistory",
    "Message",
    "Mount",
    "NoMarkupFilter",
    "NoScriptsFilter",
    "NodeInfo",
    "OnGap",
    "Operation",
    "Options",
    "Position",
    "ProtocolError",
    "RegexFilter",
    "Registry",
    "Reply",
    "Retained",
    "Retention",
    "SecurityPolicy",
    "Sending",
    "ServerChannel",
    "ServerSession",
    "Service",
    "ServiceInvalid",
    "Seti",
    "SetiListeners",
    "Stretch",
    "Style",
    "Swept",
    "Unavailable",
    "Verdict",
    "WalkingFilter",
    "cometd_options",
    "configure",
    "configured_filters",
    "covers",
    "current_context",
    "current_message",
    "current_session",
    "dump",
    "dump_text",
    "faye_options",
    "listener",
    "make_handlers",
    "on_start",
    "on_stop",
    "parse_channel",
    "remote_call",
    "service",
    "subscription",
]
