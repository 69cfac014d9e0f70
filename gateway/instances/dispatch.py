"""Which service handles a request, and what kind of service that is.

Pure: what is configured and what was asked in, who handles it out.

Source: SV-2, SV-3, SV-8, G-11…13, RI-9.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.callback.options import Options, RedirectInvalid, Service, ServiceUnknown, resolve
from gateway.customers.refusal import GSG, Refused

CALLBACK: Final = "callback"
"""The kind of what an orchestrator runs."""

_BUILT_IN: Final = frozenset({"builtin", "built-in"})
_ORCHESTRATED: Final = "ors"


class ServiceMissing(Refused):
    """No service of that name is configured, and none is built in."""

    status = 404
    exception = f"{GSG}services.ServiceNotFoundException"


class ServiceMisconfigured(Refused):
    """It cannot be told who handles the request: nothing that the app could do better."""

    status = 500
    exception = f"{GSG}InternalException"


@dataclass(frozen=True, slots=True)
class Handling:
    """Who handles a request."""

    kind: str
    service: Service


def dispatch(
    asked: str, services: Mapping[str, Options], kinds: Collection[str], request: Mapping[str, str]
) -> Handling:
    """Who handles a request for that name: a configured service, else the built-in that is called so (SV-2).

    Args:
        kinds: those that this node can start.
        request: the parameters that are texts.

    Raises:
        ServiceMissing, ServiceMisconfigured: nothing is to be created.
    """
    known = services if asked in services or asked not in kinds else {**services, asked: _as_built_in(asked)}
    try:
        service = resolve(asked, known, request)
    except ServiceUnknown:
        raise ServiceMissing("there is no such service") from None
    except RedirectInvalid:
        raise ServiceMisconfigured("the redirects of this service end nowhere") from None
    # What a service is stands in its configuration, whatever a request may choose.
    kind = kind_of(known[service.name])
    if kind not in kinds:
        raise ServiceMisconfigured("this service is of a kind that there is not")
    return Handling(kind, service)


def kind_of(configured: Options) -> str:
    """What a service does by its configuration; empty: it does not say (SV-3)."""
    built = configured.get("_type", "").strip().lower()
    if built == _ORCHESTRATED or configured.get("_service_type", "").strip().lower() == CALLBACK:
        return CALLBACK
    named = configured.get("_service", "").strip() or configured.get("_name", "").strip()
    return named if not built or built in _BUILT_IN else ""


def _as_built_in(name: str) -> Options:
    return {"_type": "builtin", "_service": name}
