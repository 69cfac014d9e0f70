"""One map of parameters, however they were sent: multipart, form or JSON, and the query string below them.

Pure: bytes in, values by name out.

Source: G-3…8, NT-2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl

from tornado.httputil import (
    HTTPFile,
    HTTPInputError,
    ParseBodyConfig,
    ParseMultipartConfig,
    parse_body_arguments,
)

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.customers.refusal import MediaTypeWrong, RequestWrong
from gateway.customers.values import File, Value, is_name

MULTIPART: Final = "multipart/form-data"
FORM: Final = "application/x-www-form-urlencoded"
JSON: Final = "application/json"

_UTF_8: Final = ("", "charset=utf-8")
_MOST: Final = 4000
"""Parts of a form; operations have bounds of their own below this one, and can name them."""
_CONFIG = ParseBodyConfig(multipart=ParseMultipartConfig(max_parts=_MOST + 1))


def read_parameters(content_type: str, body: bytes, query: str, max_json_depth: int) -> Mapping[str, Value]:
    """What a request says; the body wins over the query, and of a name that comes twice the last one (G-7).

    Args:
        content_type: the header; without a body it does not matter.
        query: as it came, with its percent signs.

    Raises RequestWrong, MediaTypeWrong.
    """
    given = {**_form(query), **(_sent(content_type, body, max_json_depth) if body else {})}
    if not all(map(is_name, given)):
        # A form of several parts cannot have such names; what is the same comes of all three (G-3).
        raise RequestWrong("a name is empty or has control characters")
    return given


def read_object(content_type: str, body: bytes, max_json_depth: int) -> Mapping[str, Any]:
    """The JSON object that a request is, with all that stands in it; without a body an empty one.

    Raises RequestWrong, MediaTypeWrong.
    """
    media, charset = _media(content_type)
    if (body or media) and (media != JSON or charset not in _UTF_8):
        raise MediaTypeWrong(f"the body must be {JSON}, in UTF-8")
    return _object(body, max_json_depth) if body else {}


def _sent(content_type: str, body: bytes, max_json_depth: int) -> Mapping[str, Value]:
    media, charset = _media(content_type)
    if media == MULTIPART:
        return _multipart(f"{media};{content_type.partition(';')[2]}", body)
    if media not in (FORM, JSON) or charset not in _UTF_8:
        raise MediaTypeWrong(f"the body must be {MULTIPART}, {FORM} or {JSON}, in UTF-8")
    return _json(body, max_json_depth) if media == JSON else _form(_text(body))


def _media(content_type: str) -> tuple[str, str]:
    """Type and parameters, in lower case."""
    media, _, more = content_type.partition(";")
    return media.strip().lower(), more.replace('"', "").strip().lower()


def _multipart(content_type: str, body: bytes) -> Mapping[str, Value]:
    texts: dict[str, list[bytes]] = {}
    files: dict[str, list[HTTPFile]] = {}
    try:
        parse_body_arguments(content_type, body, texts, files, config=_CONFIG)
    except HTTPInputError:
        raise RequestWrong(f"the body is not {MULTIPART}") from None
    return {
        **{_name(name): _text(values[-1]) for name, values in texts.items()},
        **{_name(name): _file(values[-1]) for name, values in files.items()},
    }


def _json(body: bytes, max_depth: int) -> Mapping[str, Value]:
    return {
        name: value if isinstance(value, str) else json.encode(value).decode()  # G-6
        for name, value in _object(body, max_depth).items()
        if value is not None
    }


def _object(body: bytes, max_depth: int) -> Mapping[str, Any]:
    try:
        sent = json.decode(body, max_depth)
    except MalformedBody as malformed:
        raise RequestWrong(f"the body is {malformed}") from None
    if not isinstance(sent, dict):
        raise RequestWrong("the body must be a JSON object")
    return sent


def _form(text: str) -> Mapping[str, Value]:
    try:
        return dict(parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST))
    except ValueError:
        raise RequestWrong(f"what was sent is not {FORM}") from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise RequestWrong("a text is not UTF-8") from None


def _file(file: HTTPFile) -> File:
    return File(_name(file.filename), file.content_type, file.body)


def _name(name: str) -> str:
    """Of a part; in a charset that its sender chose (RFC 2231), some of which let halves of characters through."""
    try:
        name.encode()
    except UnicodeEncodeError:
        raise RequestWrong("a name is not Unicode") from None
    return name
