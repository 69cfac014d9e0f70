"""Bayeux (CometD) push for Tornado and asyncio: server, transports, client.

What is listed here is public; what is not may change.
"""

from bayeux.client import BayeuxClient
from bayeux.protocol.channel import ChannelName, parse_channel
from bayeux.protocol.effects import EndReason
from bayeux.protocol.errors import BayeuxError, ChannelInvalid, ProtocolError
from bayeux.protocol.message import Message
from bayeux.protocol.options import Options
from bayeux.server.channels import ServerChannel
from bayeux.server.extension import STOP, Extension
from bayeux.server.security import Authorizer, Denied, Granted, Operation, SecurityPolicy, Verdict
from bayeux.server.server import BayeuxServer
from bayeux.server.sessions import ServerSession
from bayeux.server.transport import Context
from bayeux.transports.listener import Listener
from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers

__all__ = [
    "STOP",
    "Authorizer",
    "BayeuxClient",
    "BayeuxError",
    "BayeuxServer",
    "ChannelInvalid",
    "ChannelName",
    "Context",
    "Denied",
    "EndReason",
    "Extension",
    "Granted",
    "Listener",
    "Message",
    "Mount",
    "Operation",
    "Options",
    "ProtocolError",
    "SecurityPolicy",
    "ServerChannel",
    "ServerSession",
    "Verdict",
    "make_handlers",
    "parse_channel",
]
