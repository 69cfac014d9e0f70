"""The OpenAPI document of the API, made of what its resources declare.

Source: OpenAPI 3.1; AG-10…13, AG-140.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from http.client import responses
from typing import Any

import gateway
from gateway.agents.operations import Json
from gateway.api.declaration import JSON_MEDIA, Parameter, Reads, Takes
from gateway.api.resource import Resource
from gateway.auth.http_sessions import COOKIE
from gateway.http.handler import JsonHandler

_ARGUMENT = re.compile(r"\{(\w+)\}")
_OF_AGENTS = (403, 503)
"""HTTP status codes of whatever is for agents: who is not one, and a store that is away."""
_OF_BODIES = (400, 413, 415)
_DEFECT = 500
_REFUSALS = (400, 403, 404, 409, 413, 415, 500, 503)

_SECURITY_SCHEMES: Json = {
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "With the first request; then the cookie is enough.",
    },
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": COOKIE,
        "description": "Changes also need the header `X-CSRF-TOKEN`; answers to GET tell it.",
    },
}
_REFUSAL: Json = {
    "type": "object",
    "required": ["statusCode", "statusMessage"],
    "properties": {
        "statusCode": {"type": "integer", "minimum": 1, "maximum": 20},
        "statusMessage": {"type": "string"},
        "status": {"const": "error"},
        "errorDescription": {"type": "string"},
        "requestId": {"type": "string"},
        "errorId": {"type": "string"},
    },
}


def document(root: str, resources: Sequence[type[Resource]]) -> dict[str, Any]:
    """The whole document.

    Args:
        root: where the resources are, such as ``/api/v2``.
    """
    bodies = {_body_name(each): _body(each.posts) for each in resources if each.posts is not None}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Agent API",
            "version": gateway.__version__,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "What agents ask for. What comes of it is told by Bayeux, at `/api/v2/notifications`.",
        },
        "servers": [{"url": root}],
        "paths": {each.path: _path(each) for each in resources},
        "components": {
            "securitySchemes": _SECURITY_SCHEMES,
            "responses": {str(status): _refusal(status) for status in _REFUSALS},
            "schemas": {"Refusal": _REFUSAL, **bodies},
        },
    }


def _refusal(status: int) -> dict[str, Any]:
    return {
        "description": responses[status],
        "content": {JSON_MEDIA: {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }


def _path(resource: type[Resource]) -> dict[str, Any]:
    item: dict[str, Any] = {"summary": inspect.cleandoc(resource.__doc__ or "").splitlines()[0]}
    arguments = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in _ARGUMENT.findall(resource.path)
    ]
    if arguments:
        item["parameters"] = arguments
    if resource.gets is not None:
        item["get"] = _method("read", resource, resource.gets, ())
    if resource.posts is not None:
        body = {resource.posts.media: {"schema": {"$ref": f"#/components/schemas/{_body_name(resource)}"}}}
        item["post"] = {
            **_method("change", resource, resource.posts, _OF_BODIES),
            "requestBody": {"required": True, "content": body},
        }
    return item


def _method(verb: str, resource: type[Resource], declared: Reads | Takes, also: Sequence[int]) -> dict[str, Any]:
    refuses = {*declared.refuses, *also, _DEFECT} | ({*_OF_AGENTS} if not resource.is_for_everybody else set())
    return {
        "operationId": f"{verb}{resource.__name__}",
        "summary": declared.says,
        "parameters": [_query_parameter(each) for each in declared.query],
        "security": [] if resource.is_for_everybody else [{name: []} for name in _SECURITY_SCHEMES],
        "responses": {
            "200": {"description": "Done.", "content": {JSON_MEDIA: {"schema": _answer(declared)}}},
            **{str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(refuses)},
        },
    }


def _answer(declared: Reads | Takes) -> dict[str, Any]:
    required = [name for name in declared.answer if isinstance(declared, Reads) and len(declared.answer) == 1]
    return {
        "type": "object",
        "required": ["statusCode", *required],
        "properties": {"statusCode": {"enum": [0, 7]}, **declared.answer},
    }


def _body(declared: Takes) -> dict[str, Any]:
    if not declared.operations:
        return {"type": "string"}
    return {"oneOf": [each.schema() for each in declared.operations]}


def _body_name(resource: type[Resource]) -> str:
    """Resources that have their operations of another one have their bodies in common, too."""
    first = next(each for each in reversed(resource.__mro__) if vars(each).get("posts") is resource.posts)
    return f"{first.__name__}Body"


def _query_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": "query",
        "required": parameter.is_required,
        "description": parameter.says,
        "schema": parameter.kind.schema(),
    }


class OpenApi(JsonHandler):
    """The document, for everybody."""

    def initialize(self, document: Json) -> None:
        """Which."""
        self._document = document

    def get(self) -> None:
        """As it is, without the envelope of other answers: tools read it."""
        self.answer(self._document)
