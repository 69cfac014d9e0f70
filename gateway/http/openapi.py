"""OpenAPI documents: what those of all our APIs have in common.

Source: OpenAPI 3.1.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import responses
from typing import Any, Final

import gateway
from gateway.http.handler import JsonHandler
from gateway.http.resource import Declared

Json = Mapping[str, Any]

JSON_MEDIA: Final = "application/json"
DEFECT: Final = 500
"""HTTP status that no method can rule out."""

_ARGUMENT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What is told of an API as a whole."""

    title: str
    description: str
    root: str
    """Where its resources are, such as ``/api/v2``."""
    security: Json
    """Schemes by name; whoever meets one of them may ask."""
    refusal: Json
    """JSON Schema of the body of each refusal."""
    refusals: tuple[int, ...]
    """HTTP status codes that refusals have."""


def document(about: About, paths: Json, schemas: Json) -> dict[str, Any]:
    """The whole document.

    Args:
        paths: by path, each as ``path_item`` begins it.
        schemas: what paths refer to, besides ``Refusal``.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": about.title,
            "version": gateway.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": about.description,
        },
        "servers": [{"url": about.root}],
        "paths": paths,
        "components": {
            "securitySchemes": about.security,
            "responses": {str(status): _refusal(status) for status in about.refusals},
            "schemas": {"Refusal": about.refusal, **schemas},
        },
    }


def path_item(resource: type[Declared]) -> dict[str, Any]:
    """What is the same for all methods of a resource."""
    item: dict[str, Any] = {"summary": inspect.cleandoc(resource.__doc__ or "").splitlines()[0]}
    arguments = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _ARGUMENT.findall(resource.path)
    ]
    if arguments:
        item["parameters"] = arguments
    return item


def refused_with(statuses: Iterable[int]) -> dict[str, Any]:
    """The responses of a method that refuses so."""
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def pattern(path: str) -> str:
    """What Tornado compares with the path of a request."""
    return _ARGUMENT.sub("([^/]+)", path) + "/?"


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": responses[status],
        "content": {JSON_MEDIA: {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }


class OpenApi(JsonHandler):
    """A document, for everybody."""

    def initialize(self, document: Json) -> None:
        """Which."""
        self._document = document

    def get(self) -> None:
        """As it is, without the envelope of other answers: tools read it."""
        self.answer(self._document)
