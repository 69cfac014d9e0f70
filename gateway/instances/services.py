"""The generic service interface of one node: starts services of all kinds, and does what instances are asked.

Kinds and methods are registered by those who know them, before the first request.

Source: SV-1, SV-2, SV-6, SV-7, AUTH-3, AUTH-6, AUTH-7.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.callback.options import Options, Service
from gateway.customers.refusal import NotAuthenticated, PathUnknown, RequestWrong
from gateway.instances.account import leads_past, own_account
from gateway.instances.dispatch import Handling, ServiceMisconfigured, dispatch
from gateway.instances.instance import Instance
from gateway.instances.instances import Instances
from gateway.instances.request import Request

Starter = Callable[[Service, Request], Awaitable[Mapping[str, Any]]]
"""Does what a service is there for, and gives the answer; whatever it raises, nothing has begun (ERR-5)."""
Answerer = Callable[[Instance, Request], Awaitable[Any]]
"""Does what an instance is asked, and gives the answer: JSON, or None for an empty body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What a service may be."""

    start: Starter
    for_center: bool = False
    """Only the contact center's own side may ask, where that is told from others (AUTH-7)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What an instance may be asked; it knows itself of which kind the instance has to be."""

    answer: Answerer
    for_center: bool = False
    """As that of a kind; it may ask whoever the instance's user is."""
    by_get: bool = False
    """GET is as good as POST."""


class Services:
    """All services.

    Args:
        configured: the services as they are configured at the moment: options by name.
    """

    def __init__(self, instances: Instances, configured: Callable[[], Mapping[str, Options]]) -> None:
        self.instances = instances
        self._configured = configured
        self.kinds: dict[str, Kind] = {}
        """By the name of the built-in; ``callback`` is that of services of an orchestrator, too."""
        self.methods: dict[str, Method] = {}
        """By the last segment of the URL."""

    def handling(self, asked: str, request: Request) -> tuple[Handling, Kind]:
        """Who handles a request for a service, whose account was shown.

        Raises ServiceMissing, ServiceMisconfigured; where the app itself chose another one, RequestWrong if there is
        none such, and NotAuthenticated if that wants another account.
        """
        configured, kinds = self._configured(), self.kinds.keys()
        try:
            handling = dispatch(asked, configured, kinds, request.texts)
        except ServiceMisconfigured:
            if self._silent(asked) is not None:
                raise RequestWrong("_redirect names no service that can handle this") from None
            raise
        if leads_past(configured, asked, handling.service.name) and self._silent(asked) != handling.service.name:
            raise NotAuthenticated("the service that was chosen has an account of its own")
        return handling, self.kinds[handling.kind]

    def _silent(self, asked: str) -> str | None:
        """Who handles the request of an app that says nothing of it; None: nobody does."""
        try:
            return dispatch(asked, self._configured(), self.kinds.keys(), {}).service.name
        except ServiceMisconfigured:
            return None

    async def start(self, handling: Handling, request: Request) -> Mapping[str, Any]:
        """The answer of what has begun. Raises Refused, Unavailable."""
        return await self.kinds[handling.kind].start(handling.service, request)

    def method(self, name: str) -> Method:
        """Raises PathUnknown (SV-6)."""
        try:
            return self.methods[name]
        except KeyError:
            raise PathUnknown("there is no such method") from None

    async def instance(self, id: str, user: str, method: Method | None = None) -> Instance:
        """One that is asked something. Raises InstanceUnknown, Unavailable."""
        if method is not None and method.for_center:
            return await self.instances.find_any(id)
        return await self.instances.find(id, user=user)

    async def account_of(self, service_or_id: str) -> tuple[str, str] | None:
        """What a service, or that of an instance, wants instead of the server's account (AUTH-3): name and hash.

        None where it wants nothing else. Raises Unavailable.
        """
        configured = self._configured()
        if service_or_id in configured:
            return own_account(configured, service_or_id)
        instance = await self.instances.look(service_or_id)
        return own_account(configured, instance.service) if instance is not None else None
