"""The OpenAPI document of the API, made of what its resources declare.

Source: OpenAPI 3.1; AG-10…13, AG-140.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.agents.operations import Json
from gateway.api.declaration import JSON_MEDIA, Parameter, Reads, Takes
from gateway.api.resource import Resource
from gateway.auth.http_sessions import COOKIE
from gateway.http import openapi
from gateway.http.openapi import DEFECT, About, path_item, refused_with

_OF_AGENTS = (403, 503)
"""HTTP status codes of whatever is for agents: who is not one, and a store that is away."""
_OF_BODIES = (400, 413, 415)
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
    about = About(
        title="Agent API",
        description="What agents ask for. What comes of it is told by Bayeux, at `/api/v2/notifications`.",
        root=root,
        security=_SECURITY_SCHEMES,
        refusal=_REFUSAL,
        refusals=_REFUSALS,
    )
    bodies = {_body_name(each): _body(each.posts) for each in resources if each.posts is not None}
    return openapi.document(about, {each.path: _path(each) for each in resources}, bodies)


def _path(resource: type[Resource]) -> dict[str, Any]:
    item = path_item(resource)
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
    refuses = {*declared.refuses, *also, DEFECT} | ({*_OF_AGENTS} if not resource.is_for_everybody else set())
    return {
        "operationId": f"{verb}{resource.__name__}",
        "summary": declared.says,
        "parameters": [_query_parameter(each) for each in declared.query],
        "security": [] if resource.is_for_everybody else [{name: []} for name in _SECURITY_SCHEMES],
        "responses": {
            "200": {"description": "Done.", "content": {JSON_MEDIA: {"schema": _answer(declared)}}},
            **refused_with(refuses),
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
