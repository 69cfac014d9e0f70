"""Every resource of the management, each with its URL.

Source: MG-1, MG-4…8.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.http.handler import JsonHandler
from gateway.http.openapi import OpenApi, pattern
from gateway.management.groups import (
    PatternGroup,
    PatternGroups,
    PatternOfGroup,
    ResourceGroup,
    ResourceGroups,
    ResourceOfGroup,
)
from gateway.management.handler import Managed, Surroundings
from gateway.management.openapi import document
from gateway.management.services import Option, OptionName, Service, Services
from gateway.management.session import Login, Logout, Me
from gateway.management.templates import Template, TemplateArchive, Templates

RESOURCES: Final[tuple[type[Managed], ...]] = (
    *(Login, Logout, Me),
    *(Services, Service, Option, OptionName),
    *(Templates, Template, TemplateArchive),
    *(PatternGroups, PatternGroup, PatternOfGroup),
    *(ResourceGroups, ResourceGroup, ResourceOfGroup),
)

Route = tuple[str, type[JsonHandler], dict[str, Any]]


def reference(root: str = "/genesys/1") -> dict[str, Any]:
    """All of them as an OpenAPI document."""
    return document(root, RESOURCES)


def management_routes(around: Surroundings) -> list[Route]:
    """Routes for a Tornado application; they stand before those of customers, whose 404 is theirs, too."""
    resources: list[Route] = [(pattern(around.root + each.path), each, {"around": around}) for each in RESOURCES]
    return [*resources, (pattern(f"{around.root}/admin/openapi.json"), OpenApi, {"document": reference(around.root)})]
