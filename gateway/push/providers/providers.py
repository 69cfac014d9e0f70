"""The providers of one node, by the types of devices they are for.

Without credentials all are there all the same, and say what is missing when they are needed; what has to be installed
for a type that is switched on is missed at the start.

Source: NT-3, NT-13, NT-15.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection
from importlib.util import find_spec
from typing import Final

import httpcore2

from gateway.failure import ExitCode, Failure
from gateway.outgoing.client import Outgoing, Speech
from gateway.outgoing.dialling import Resolve
from gateway.outgoing.guard import Guard
from gateway.push.provider import Provider
from gateway.push.providers.options import PushOptions
from gateway.push.providers.webhook import CustomHttp, Webhook

WEBHOOKS: Final = ("httpcb", "orscb")
CUSTOM: Final = "customhttp"
APPLE: Final = "ios"
GOOGLE: Final = ("fcm", "gcm", "android")
TYPES: Final = frozenset({*WEBHOOKS, CUSTOM, APPLE, *GOOGLE})

_NEEDED: Final = {APPLE: ("apns", ("h2", "jwt", "cryptography"))} | dict.fromkeys(
    GOOGLE, ("fcm", ("jwt", "cryptography"))
)
"""Type to the extra that brings what it needs, and modules by which that is seen."""


class Providers:
    """Made at the start, and closed at the end.

    Args:
        enabled: types of devices, as ``push.enabled`` has them; others than those here are others' business.
        allowed_hosts: that notices may be posted to, of those that customers name; empty = any.
        allows_private: also for addresses of private networks.
        now: seconds since 1970.
        tls: whom to trust; by default whom this machine trusts.

    Raises:
        Failure: something has to be installed.
    """

    def __init__(
        self,
        options: PushOptions,
        enabled: Collection[str],
        *,
        allowed_hosts: Collection[str] = (),
        allows_private: bool = False,
        now: Callable[[], float] = time.time,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        network: httpcore2.AsyncNetworkBackend | None = None,
    ) -> None:
        for type_ in sorted(_NEEDED.keys() & set(enabled)):
            _check_installed(type_)
        self._clients: list[Outgoing] = []

        def client(speech: Speech, hosts: Collection[str] = ()) -> Outgoing:
            guard = Guard(allowed_hosts=tuple(hosts), allows_private=allows_private)
            made = Outgoing(guard, speech=speech, tls=tls, resolve=resolve, network=network)
            self._clients.append(made)
            return made

        self._providers: dict[str, Provider] = {}
        wanted = set(enabled)
        if wanted & {*WEBHOOKS, CUSTOM}:
            hooks = client("http/1.1", allowed_hosts)
            self._providers |= dict.fromkeys(WEBHOOKS, Webhook(hooks))
            self._providers[CUSTOM] = CustomHttp(options, hooks)
        if APPLE in wanted:
            from gateway.push.providers.apns import Apns  # noqa: PLC0415 - needs its extra

            self._providers[APPLE] = Apns(options, client("h2"), now)
        if wanted & set(GOOGLE):
            from gateway.push.providers.fcm import Fcm  # noqa: PLC0415 - needs its extra

            self._providers |= dict.fromkeys(GOOGLE, Fcm(options, client("http/1.1"), now))
        self._providers = {type_: each for type_, each in self._providers.items() if type_ in wanted}

    def get(self, type_: str) -> Provider | None:
        """The one for a type of devices, as ``Device.type`` says it; None where it is not switched on."""
        return self._providers.get(type_.lower())

    async def close(self) -> None:
        """End all connections."""
        for each in self._clients:
            await each.close()


def _check_installed(type_: str) -> None:
    """Raises Failure."""
    extra, modules = _NEEDED[type_]
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise Failure(
            f"push.enabled: {type_} needs {', '.join(missing)}: install bayeux-gateway[{extra}], or leave it out",
            ExitCode.CONFIGURATION,
        )
