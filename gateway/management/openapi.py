"""The OpenAPI document of the management, made of what its resources declare.

Source: OpenAPI 3.1; MG-1, MG-22, MG-24.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.customers.http.errors import SCHEMA
from gateway.http import openapi
from gateway.http.openapi import DEFECT, About, path_item, refused_with
from gateway.management.declaration import ANYBODY, JSON, Json, Method
from gateway.management.groups import GROUP
from gateway.management.handler import Managed
from gateway.management.services import SERVICE
from gateway.management.sessions import CSRF_HEADER, NAME
from gateway.management.templates import TEMPLATE

_SECURITY: Final = {
    "password": {"type": "http", "scheme": "basic"},
    "cookie": {"type": "apiKey", "in": "cookie", "name": NAME, "description": "Over TLS with `__Host-` before it."},
}
_REFUSAL: Final = {
    **SCHEMA,
    "properties": {
        **SCHEMA["properties"],
        "errors": {
            "type": "array",
            "description": "With 422: all that is wrong.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_REFUSALS = (400, 401, 403, 404, 409, 412, 413, 415, 422, 429, 503, DEFECT)


def document(root: str, resources: Sequence[type[Managed]]) -> dict[str, Any]:
    """The whole document.

    Args:
        root: where the resources are, such as ``/genesys/1``.
    """
    about = About(
        title="Management API",
        description="Configured services, access numbers, patterns and templates, for administrators.",
        root=root,
        security=_SECURITY,
        refusal=_REFUSAL,
        refusals=_REFUSALS,
    )
    schemas = {"Service": SERVICE, "Group": GROUP, "Template": TEMPLATE}
    return openapi.document(about, {each.path: _path(each) for each in resources}, schemas)


def _path(resource: type[Managed]) -> dict[str, Any]:
    verbs = {method.lower(): declared for method, declared in resource.declared().items()}
    return {**path_item(resource), **{verb: _method(verb, resource, each) for verb, each in verbs.items()}}


def _method(verb: str, resource: type[Managed], declared: Method) -> dict[str, Any]:
    method: dict[str, Any] = {
        "operationId": f"{verb}{resource.__name__}",
        "summary": declared.says,
        "security": [] if declared.roles == ANYBODY else [{name: []} for name in _SECURITY],
        "responses": {str(declared.status): _answer(declared), **refused_with(_refuses(verb, declared))},
    }
    parameters = [_header("If-Match", "The `ETag` that was read; another state is not changed.")]
    given = [
        *(parameters if declared.has_condition else []),
        *([_header(CSRF_HEADER, "Needed with the cookie.")] if verb != "get" and declared.roles != ANYBODY else []),
        *({"name": each, "in": "query", "schema": {"type": "string", "enum": ["true"]}} for each in declared.query),
    ]
    if given:
        method["parameters"] = given
    if declared.body is not None:
        method["requestBody"] = {"required": True, "content": {declared.body_media: {"schema": declared.body}}}
    return method


def _refuses(verb: str, declared: Method) -> set[int]:
    found = {403, 503, DEFECT, *declared.refuses}
    if declared.roles != ANYBODY:
        found |= {401, 429}
    if declared.has_condition:
        found |= {400, 412}
    if declared.body is not None:
        found |= {400, 413, 415, 422}
    return found


def _header(name: str, says: str) -> Json:
    return {"name": name, "in": "header", "description": says, "schema": {"type": "string"}}


def _answer(declared: Method) -> Json:
    if declared.status == 204:
        return {"description": "Done."}
    schema = declared.answer if declared.answer_media == JSON else {"type": "string"}
    answer: dict[str, Any] = {"description": "Done.", "content": {declared.answer_media: {"schema": schema}}}
    if declared.is_tagged:
        answer["headers"] = {"ETag": {"schema": {"type": "string"}}}
    return answer
