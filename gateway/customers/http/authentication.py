"""Who may ask at all: everybody, or whoever shows the configured account; and who is the contact center's own side.

Source: AUTH-1…3, AUTH-5, AUTH-7, SEC-51…54, SEC-L21.
"""

from __future__ import annotations

import hmac
import math
from collections import OrderedDict
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Final

from pydantic import SecretStr

from bayeux.transports.proxy import Client
from gateway.auth.agents import Agents, Credentials
from gateway.auth.passwords import PasswordsBusy
from gateway.auth.throttle import TooManyFailures
from gateway.config.customers import Server
from gateway.config.model import Auth, Tokens, User
from gateway.customers.refusal import Away, Forbidden, NotAuthenticated

KEY_HEADER: Final = "X-Api-Key"
_MOST_ACCOUNTS: Final = 256
"""Of services, that are known at a time; one more lets the oldest be made anew when it is asked for."""


@dataclass(frozen=True, slots=True)
class Account:
    """What a service wants to be shown instead of the server's (AUTH-3)."""

    username: str
    password_hash: str = field(repr=False)
    """By Argon2id."""


class Doorkeeper:
    """Lets in by password, with the bounds on guessing that agents have; ``close`` it at the end.

    Args:
        server: has the account of all that has no other one.
        auth: has the bounds.
    """

    def __init__(self, server: Server, auth: Auth) -> None:
        self._auth = auth
        self._server = self._agents(server.username, server.password_hash) if server.password_hash is not None else None
        self._accounts: OrderedDict[Account, Agents] = OrderedDict()

    def close(self) -> None:
        """Stop checking passwords."""
        for agents in (self._server, *self._accounts.values()):
            if agents is not None:
                agents.close()

    async def admit(self, authorization: str, client: Client, account: Account | None = None) -> None:
        """May this client ask? Raises NotAuthenticated, Away.

        Args:
            account: what has to be shown; None: the server's.
        """
        agents = self._server if account is None else self._agents_of(account)
        if agents is None:
            return
        shown = Credentials(authorization=authorization, cookie="", peer=client.peer, is_secure=client.secure)
        try:
            found = agents.who(shown)
            user = await found if isinstance(found, Awaitable) else found
        except TooManyFailures as failures:
            raise Away("too many wrong passwords", retry_after=math.ceil(failures.retry_after)) from None
        except PasswordsBusy:
            raise Away("try again in a moment", retry_after=1) from None
        if user is None:
            raise NotAuthenticated("credentials are missing or wrong")

    def _agents_of(self, account: Account) -> Agents:
        if account not in self._accounts:
            self._accounts[account] = self._agents(account.username, SecretStr(account.password_hash))
        self._accounts.move_to_end(account)
        while len(self._accounts) > _MOST_ACCOUNTS:
            self._accounts.popitem(last=False)[1].close()
        return self._accounts[account]

    def _agents(self, username: str, password_hash: SecretStr) -> Agents:
        account = User(name=username, password_hash=password_hash)
        return Agents(self._auth.model_copy(update={"users": [account], "tokens": Tokens()}))


class CenterDoor:
    """Tells the contact center's own side from apps, by where it asks from and by a key (AUTH-7).

    Args:
        networks: from where alone it asks; none: from anywhere.
        key: what it shows in ``X-Api-Key``; empty: nothing.
    """

    def __init__(self, networks: Iterable[str] = (), key: str = "") -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self._key = key.encode()

    @property
    def is_told_apart(self) -> bool:
        """Whether anything is configured by which it is known."""
        return bool(self._networks or self._key)

    def admit(self, headers: Mapping[str, str], client: Client) -> None:
        """May who sends this do what the contact center does? Raises Forbidden."""
        if self._networks and not self._is_near(client.peer):
            raise Forbidden("this is asked from the contact center's networks alone")
        if self._key and not hmac.compare_digest(headers.get(KEY_HEADER, "").encode(), self._key):
            raise Forbidden(f"{KEY_HEADER} is missing or wrong")

    def _is_near(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)
