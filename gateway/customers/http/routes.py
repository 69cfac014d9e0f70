"""Every resource of the customers' API, each with its URLs.

Source: G-1, G-2, G-22, ST-10, SV-6, PT-1.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.customers.http.callbacks import AllCallbacks, CallbacksOfService, OneCallback
from gateway.customers.http.chats import Chat, ChatOperation
from gateway.customers.http.handler import VERSION, Customer, Surroundings, UnknownPath
from gateway.customers.http.notifications import Publications, Subscription, Subscriptions
from gateway.customers.http.openapi import document
from gateway.customers.http.patterns import Patterns, PatternsOfGroup
from gateway.customers.http.services import InstanceFile, InstanceMethod, InstanceStorage, InstanceValue, Service
from gateway.customers.http.storage import CustomStorage, Storage, StoredFile, StoredValue
from gateway.http.handler import JsonHandler
from gateway.http.openapi import OpenApi, pattern

LEGACY: Final = "/gms-web/gms"

RESOURCES: Final[tuple[type[Customer], ...]] = (
    Storage,
    StoredValue,
    StoredFile,
    CustomStorage,
    Patterns,
    PatternsOfGroup,
    # Before what has the name of a service, or an id, where these have their word.
    AllCallbacks,
    CallbacksOfService,
    OneCallback,
    Service,
    InstanceStorage,
    InstanceValue,
    InstanceFile,
    Chat,
    ChatOperation,
    # After all that has a word of its own where this one has the name of a method.
    InstanceMethod,
    Subscriptions,
    Subscription,
    Publications,
)

Route = tuple[str, type[JsonHandler], dict[str, Any]]


def reference(root: str = "/genesys/1") -> dict[str, Any]:
    """All of them as an OpenAPI document."""
    return document(root, RESOURCES)


def customer_routes(around: Surroundings, *, has_legacy_path: bool) -> list[Route]:
    """Routes for a Tornado application; what else is below a root is theirs, too, for its 404."""
    roots = (around.root, LEGACY + VERSION) if has_legacy_path else (around.root,)
    return [route for root in roots for route in _routes(root, around)]


def _routes(root: str, around: Surroundings) -> list[Route]:
    resources: list[Route] = [(pattern(root + each.path), each, {"around": around}) for each in RESOURCES]
    served = (pattern(f"{root}/openapi.json"), OpenApi, {"document": reference(around.root)})
    return [*resources, served, (f"{root}(?:/.*)?", UnknownPath, {"around": around})]
