"""What can go wrong for a client: the network, a refusal of the server, an end, a slow reader.

``TransportFailed`` passes: the client comes back by itself, only the request in hand is lost.
``RequestRefused`` is the server's word on one request, ``CallFailed`` that of the method called.
``ClientDisconnected`` is final.
"""

from __future__ import annotations

from typing import Any

from bayeux.protocol.errors import BayeuxError


class ClientError(BayeuxError):
    """Everything the client raises on purpose."""


class TransportFailed(ClientError):
    """The network or the HTTP answer; whether the server took the request is not known.

    Args:
        status: of the HTTP answer, 0 if there was none.
    """

    def __init__(self, reason: str, status: int = 0) -> None:
        super().__init__(reason)
        self.status = status


class ConnectFailed(TransportFailed):
    """No connection: nobody listens, the name is unknown, TLS was not agreed on. Nothing was sent."""


class UpgradeRefused(TransportFailed):
    """The server answered a WebSocket upgrade with something else; another transport may work (NEG-2)."""


class ReplyTimeout(TransportFailed):
    """No reply within ``max_network_delay``, or no answer within the time-out of a call (CLI-2, RPC-7)."""


class SessionLost(TransportFailed):
    """The client had to make a new session, so the answer to a call will not come (RPC-7)."""


class TokenUnavailable(TransportFailed):
    """The application's own function gave no token for a handshake; the next handshake asks it again."""


SESSION_UNKNOWN = 402
FIRST_OF_SERVERS = 500


class RequestRefused(ClientError):
    """The server's reply was ``successful: false``; the text is its ``error`` as it stood."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = reply
        """The whole reply."""
        self.error: str = str(reply.get("error") or "no reason given")
        """``CODE:ARGS:TEXT``, or whatever the server wrote."""
        code, *words = self.error.split(":", 2)
        is_code = len(words) == 2 and code.isascii() and code.isdigit()
        self.code: int = int(code) if is_code else 0
        """The number in front, 0 if there is none."""
        super().__init__(self.error)

    @property
    def is_of_session(self) -> bool:
        """It says nothing of what was asked for: the session has gone."""
        return self.code == SESSION_UNKNOWN or "nknown client" in self.error

    @property
    def is_of_server(self) -> bool:
        """Neither does this: the server cannot say at the moment."""
        return self.code >= FIRST_OF_SERVERS


class HandshakeRefused(RequestRefused):
    """No session was made, and the server did not ask us to try again."""


class SubscribeRefused(RequestRefused):
    """None of the channels of this request counts as subscribed."""


class ReplayGap(SubscribeRefused):
    """The server has no longer what came after the position asked for (RPL-20)."""


class UnsubscribeRefused(RequestRefused):
    """The server says it did not unsubscribe us; here the subscription has ended all the same."""


class PublishRefused(RequestRefused):
    """The message reached nobody."""


class CallRefused(RequestRefused):
    """A remote call did not reach its method: the policy, a listener, or no such target (RPC-6)."""


class CallFailed(ClientError):
    """The method of a remote call answered with a failure (RPC-4).

    Args:
        target: what was called.
        data: what the method says of it, any JSON value; of an exception in a method of ours
            ``{"class": …, "message": …}`` (RPC-3).
    """

    def __init__(self, target: str, data: Any) -> None:
        super().__init__(f"{target} failed: {data!r:.200}")
        self.target = target
        self.data = data


class ClientDisconnected(ClientError):
    """The client has ended and will not come back: closed, or the server advised ``none`` (ADV-8)."""


class SubscriptionOverflow(ClientError):
    """The reader of a subscription was slower than its events; those that had room came first."""
