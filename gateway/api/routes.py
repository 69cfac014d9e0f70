"""Every resource of the API, each with its URL.

Source: AG-1…3, AG-28.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.api.channels import Channel, Channels
from gateway.api.chats import Chat, MyChat, MyChats
from gateway.api.emails import Email, Emails, MyEmail, MyEmails
from gateway.api.interactions import Interaction, Interactions, MyInteraction, MyInteractions
from gateway.api.me import Me
from gateway.api.openapi import document
from gateway.api.resource import Resource, Surroundings
from gateway.api.settings import AgentStates
from gateway.api.version import Version
from gateway.api.workbins import Workbin, Workbins
from gateway.http.handler import JsonHandler
from gateway.http.openapi import OpenApi, pattern

ROOT: Final = "/api/v2"
RESOURCES: Final[tuple[type[Resource], ...]] = (
    Version,
    Me,
    AgentStates,
    Channels,
    Channel,
    MyInteractions,
    MyInteraction,
    Interactions,
    Interaction,
    MyChats,
    MyChat,
    Chat,
    MyEmails,
    MyEmail,
    Emails,
    Email,
    Workbins,
    Workbin,
)


def reference() -> dict[str, Any]:
    """All of them as an OpenAPI document."""
    return document(ROOT, RESOURCES)


def api_routes(around: Surroundings) -> list[tuple[str, type[JsonHandler], dict[str, Any]]]:
    """Routes for a Tornado application; a slash at the end makes no difference (AG-28)."""
    resources = [(pattern(ROOT + each.path), each, {"around": around}) for each in RESOURCES]
    return [*resources, (pattern(f"{ROOT}/openapi.json"), OpenApi, {"document": reference()})]
