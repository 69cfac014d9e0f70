"""What can go wrong for a client: the network, a refusal of the server, an end, a slow reader.

``TransportFailed`` passes: the client comes back by itself, only the request in hand is lost.
``RequestRefused`` is the server's word on one request. ``ClientDisconnected`` is final.
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
    """No reply within ``max_network_delay`` (CLI-2)."""


class RequestRefused(ClientError):
    """The server's reply was ``successful: false``; the text is its ``error`` as it stood."""

    def __init__(self, reply: dict[str, Any]) -> None:
        self.reply = reply
        """The whole reply."""
        self.error = str(reply.get("error") or "no reason given")
        """``CODE:ARGS:TEXT``, or whatever the server wrote."""
        code, *words = self.error.split(":", 2)
        is_code = len(words) == 2 and code.isascii() and code.isdigit()
        self.code = int(code) if is_code else 0
        """The number in front, 0 if there is none."""
        super().__init__(self.error)


class HandshakeRefused(RequestRefused):
    """No session was made, and the server did not ask us to try again."""


class SubscribeRefused(RequestRefused):
    """None of the channels of this request counts as subscribed."""


class UnsubscribeRefused(RequestRefused):
    """The server says it did not unsubscribe us; here the subscription has ended all the same."""


class PublishRefused(RequestRefused):
    """The message reached nobody."""


class ClientDisconnected(ClientError):
    """The client has ended and will not come back: closed, or the server advised ``none`` (ADV-8)."""


class SubscriptionOverflow(ClientError):
    """The reader of a subscription was slower than its events; those that had room came first."""
