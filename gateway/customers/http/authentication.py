"""Who may ask at all: everybody, or whoever shows the configured account.

Source: AUTH-1, AUTH-2, AUTH-5, SEC-51…53, SEC-L21.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable

from bayeux.transports.proxy import Client
from gateway.auth.agents import Agents, Credentials
from gateway.auth.passwords import PasswordsBusy
from gateway.auth.throttle import TooManyFailures
from gateway.config.customers import Server
from gateway.config.model import Auth, Tokens, User
from gateway.customers.refusal import Away, NotAuthenticated


class Doorkeeper:
    """Lets in by password, with the bounds on guessing that agents have; ``close`` it at the end.

    Args:
        server: has the account.
        auth: has the bounds.
    """

    def __init__(self, server: Server, auth: Auth) -> None:
        self._accounts: Agents | None = None
        if server.password_hash is not None:
            account = User(name=server.username, password_hash=server.password_hash)
            self._accounts = Agents(auth.model_copy(update={"users": [account], "tokens": Tokens()}))

    def close(self) -> None:
        """Stop checking passwords."""
        if self._accounts is not None:
            self._accounts.close()

    async def admit(self, authorization: str, client: Client) -> None:
        """May this client ask? Raises NotAuthenticated, Away."""
        if self._accounts is None:
            return
        shown = Credentials(authorization=authorization, cookie="", peer=client.peer, is_secure=client.secure)
        try:
            found = self._accounts.who(shown)
            user = await found if isinstance(found, Awaitable) else found
        except TooManyFailures as failures:
            raise Away("too many wrong passwords", retry_after=math.ceil(failures.retry_after)) from None
        except PasswordsBusy:
            raise Away("try again in a moment", retry_after=1) from None
        if user is None:
            raise NotAuthenticated("credentials are missing or wrong")
