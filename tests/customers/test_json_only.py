"""Resources that take one JSON object and nothing else, and those that are put to."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.web import Application

from gateway.customers.http.declaration import Method
from gateway.customers.http.handler import Answer, Customer
from gateway.customers.http.openapi import document
from gateway.customers.side import CustomerSide
from gateway.customers.values import Values
from tests.customers.conftest import FORM, JSON, Api

OBJECT = {"type": "object", "required": ["a"], "properties": {"a": {}}}
WRONG = (400, "GSGException")
MEDIA = (415, "MediaTypeException")


class Box(Customer):
    """A box."""

    path = "/box/{id}"
    posts = Method(says="Fill it.", takes_json=OBJECT)
    puts = Method(says="Fill it anew.", takes_json=OBJECT)

    async def take_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        return {"taken": sent, "path": path}

    async def change_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        return [sent]


class Tin(Customer):
    """A tin."""

    path = "/tin/{id}"
    puts = Method(says="Fill it.", takes_data=True)

    async def change(self, values: Values, *path: str) -> Answer:
        return dict(values)


@pytest.fixture
async def boxes(side: CustomerSide) -> AsyncIterator[Api]:
    arguments = side.routes[0][2]
    routes = [(r"/genesys/1/box/([^/]+)", Box, arguments), (r"/genesys/1/tin/([^/]+)", Tin, arguments)]
    server = HTTPServer(Application(routes))
    socket, port = bind_unused_port()
    server.add_socket(socket)
    yield Api(port)
    server.stop()
    await server.close_all_connections()


@pytest.mark.spec("NT-2", "G-8")
async def test_an_object_comes_whole(boxes: Api) -> None:
    sent = {"a": {"b": [1, None]}, "c": None}
    body = json.dumps(sent)
    assert await boxes.ask("/box/1", "POST", headers=JSON, body=body) == (200, {"taken": sent, "path": ["1"]})
    assert await boxes.ask("/box/1", "PUT", headers=JSON, body=body) == (200, [sent])
    packed = {**JSON, "Content-Encoding": "gzip"}
    assert (await boxes.ask("/box/1", "PUT", headers=packed, body=gzip.compress(body.encode()))) == (200, [sent])
    assert await boxes.ask("/box/1?a=1", "PUT", body=b"") == (200, [{}])


@pytest.mark.spec("NT-2", "G-8")
@pytest.mark.parametrize("method", ["POST", "PUT"])
async def test_nothing_but_json_is_taken(boxes: Api, method: str) -> None:
    assert await boxes.refused("/box/1", method, headers=FORM, body=b"a=1") == MEDIA
    assert await boxes.refused("/box/1", method, headers=FORM, body=b"") == MEDIA
    assert await boxes.refused("/box/1", method, headers={"Content-Type": ""}, body=b"{}") == MEDIA
    latin = {"Content-Type": "application/json; charset=latin-1"}
    assert await boxes.refused("/box/1", method, headers=latin, body=b"{}") == MEDIA
    for body in (b"[]", b"{", b"\xff", b'"a"'):
        assert await boxes.refused("/box/1", method, headers=JSON, body=body) == WRONG


@pytest.mark.spec("G-3", "G-22")
async def test_parameters_are_put_in_any_form(boxes: Api) -> None:
    assert await boxes.ask("/tin/1", "PUT", headers=FORM, body=b"a=1") == (200, {"a": "1"})
    assert await boxes.ask("/tin/1?b=2", "PUT", headers=JSON, body=b'{"a": 1}') == (200, {"a": "1", "b": "2"})
    refused = await boxes.fetch("/genesys/1/tin/1", "POST", body=b"")
    assert (refused.code, refused.headers["Allow"]) == (405, "PUT, OPTIONS")


def test_they_are_described() -> None:
    paths = document("/genesys/1", [Box, Tin])["paths"]
    (media,) = paths["/box/{id}"]["put"]["requestBody"]["content"].items()
    assert media == ("application/json", {"schema": OBJECT})
    assert paths["/tin/{id}"]["put"]["operationId"] == "putTin"
