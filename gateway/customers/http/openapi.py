"""The OpenAPI document of the customers' API, made of what its resources declare.

Source: OpenAPI 3.1; G-3, G-14, ERR-1, AUTH-2, NT-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from gateway.auth.customers import HEADER as USER_HEADER
from gateway.auth.customers import LONGEST as LONGEST_USER
from gateway.customers.http import parameters
from gateway.customers.http.declaration import JSON, NOTHING, Json, Method
from gateway.customers.http.errors import SCHEMA
from gateway.customers.http.handler import Customer
from gateway.customers.storage import LONGEST_KEY
from gateway.http import openapi
from gateway.http.openapi import DEFECT, About, path_item, refused_with

_SECURITY: Final = {
    "password": {"type": "http", "scheme": "basic", "description": "Where an account is configured."},
    "token": {"type": "http", "scheme": "bearer", "description": "Proof of `gms_user`, where that is demanded."},
}
_OF_ALL = (400, 401, 503, DEFECT)
_OF_BODIES = (403, 413, 415)
_REFUSALS = (400, 401, 403, 404, 405, 413, 415, 503, DEFECT)

_DATA: Json = {
    "type": "object",
    "description": f"The application's; names of up to {LONGEST_KEY} characters, and none that begins with `_`.",
    "propertyNames": {"minLength": 1, "pattern": r"^[^\x00-\x1f\x7f-\x9f]+$"},
    "additionalProperties": True,
}
_SCHEMAS: Json = {"Data": _DATA}


def document(root: str, resources: Sequence[type[Customer]]) -> dict[str, Any]:
    """The whole document.

    Args:
        root: where the resources are, such as ``/genesys/1``.
    """
    about = About(
        title="Customer API",
        description="What customers' apps ask for. What they are told without asking comes by Bayeux, on `/_genesys`.",
        root=root,
        security=_SECURITY,
        refusal=SCHEMA,
        refusals=_REFUSALS,
    )
    return openapi.document(about, {each.path: _path(each) for each in resources}, _SCHEMAS)


def _path(resource: type[Customer]) -> dict[str, Any]:
    verbs = {method.lower(): declared for method, declared in resource.declared().items()}
    return {**path_item(resource), **{verb: _method(verb, resource, each) for verb, each in verbs.items()}}


def _method(verb: str, resource: type[Customer], declared: Method) -> dict[str, Any]:
    changes = verb != "get"
    refuses = {*_OF_ALL, *declared.refuses, *(_OF_BODIES if changes else ())}
    user = {"type": "string", "minLength": int(declared.needs_user), "maxLength": LONGEST_USER}
    method: dict[str, Any] = {
        "operationId": f"{verb}{resource.__name__}",
        "summary": declared.says,
        "parameters": [{"name": USER_HEADER, "in": "header", "required": declared.needs_user, "schema": user}],
        "security": [{}, *({name: []} for name in _SECURITY)],
        "responses": {"200": {"description": "Done.", **_content(declared)}, **refused_with(refuses)},
    }
    if declared.query is not None:
        asked = {"name": "asked", "in": "query", "required": True, "style": "form", "explode": True}
        method["parameters"].append({**asked, "schema": declared.query})
    if declared.takes_data:
        media = {"schema": {"$ref": "#/components/schemas/Data"}}
        kinds = (parameters.MULTIPART, parameters.FORM, parameters.JSON)
        method["requestBody"] = {"content": dict.fromkeys(kinds, media)}
    if declared.takes_json is not None:
        method["requestBody"] = {"required": True, "content": {JSON: {"schema": declared.takes_json}}}
    return method


def _content(declared: Method) -> dict[str, Any]:
    if declared.media == NOTHING:
        return {}
    schema = declared.answer if declared.media == JSON else {"type": "string"}
    return {"content": {declared.media: {"schema": schema}}}
