"""One way through every resource of the customers: page, account, parameters, operation, answer.

Source: G-4, G-7…9, G-14…17, G-22…25, G-27, ERR-1…4, AUTH-2, AUTH-3, AUTH-7, NT-2, NF-2, NF-3, SEC-33, SEC-62.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar
from urllib.parse import quote

from bayeux.protocol import json
from gateway.auth.customers import HEADER as USER_HEADER
from gateway.auth.customers import LONGEST as LONGEST_USER
from gateway.auth.customers import UserTokens, bearer, header_user
from gateway.callbacks.registry import Registry
from gateway.chats.chats import Chats
from gateway.customers.http.authentication import Account, CenterDoor, Doorkeeper
from gateway.customers.http.compression import WORTH_IT, packed, takes_gzip, unpacked
from gateway.customers.http.declaration import Json, Method
from gateway.customers.http.origin import OwnOrigin
from gateway.customers.http.parameters import read_object, read_parameters
from gateway.customers.http.refusing import Refusing
from gateway.customers.refusal import Forbidden, MethodNotAllowed, NotAuthenticated, PathUnknown, RequestWrong
from gateway.customers.storage import Storage
from gateway.customers.values import File, Values
from gateway.http.pages import OriginRefused, Pages
from gateway.instances.services import Services
from gateway.push.notifications import Notifications
from gateway.services.patterns import Group

VERSION: Final = "/1"
_MEDIA_TYPE = re.compile(r"[\w.+-]{1,64}/[\w.+-]{1,64}(\s*;[\x20-\x7e]{0,128})?\Z", re.ASCII)
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9._-]")
_JSON_MEDIA: Final = "application/json;charset=UTF-8"
_AT_ONCE: Final = 64 * 1024
"""Bytes of a body that are read on the loop; more are, in a thread."""

Answer = Json | Sequence[Any] | str | File | None
"""JSON, a text, a file, or a body that is empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every resource works with."""

    storage: Storage
    services: Services
    patterns: Callable[[], Mapping[str, Group]]
    """Pattern groups as they are configured at the moment."""
    callbacks: Registry
    notifications: Notifications
    doorkeeper: Doorkeeper
    tokens: UserTokens
    """AUTH-8."""
    center: CenterDoor
    origins: OwnOrigin
    pages: Pages
    root: str
    """Where the resources are, whatever alias a request came by: URLs that we tell begin with it."""
    maximum_body: int
    max_json_depth: int
    chats: Chats | None = None
    """None: no agent works behind this gateway."""


T = TypeVar("T")


class Customer(Refusing):
    """A path of the customers' API; what it does not declare answers 405."""

    realm = "customers"

    gets: ClassVar[Method | None] = None
    posts: ClassVar[Method | None] = None
    puts: ClassVar[Method | None] = None
    deletes: ClassVar[Method | None] = None

    def initialize(self, around: Surroundings) -> None:
        """Tornado: once a request."""
        self.around = around
        self.pages = around.pages

    # What resources implement

    async def read(self, *path: str) -> Answer:
        """What there is. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def take(self, values: Values, *path: str) -> Answer:
        """Do something with what was sent. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def take_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        """``take`` of what declares ``takes_json``. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def change(self, values: Values, *path: str) -> Answer:
        """Have it be otherwise. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def change_object(self, sent: Mapping[str, Any], *path: str) -> Answer:
        """``change`` of what declares ``takes_json``. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def remove(self, *path: str) -> Answer:
        """End it. Raises Refused, Unavailable."""
        raise MethodNotAllowed

    async def account(self) -> Account | None:
        """What has to be shown instead of the server's account (AUTH-3). Raises Refused, Unavailable."""
        return None

    @property
    def user(self) -> str:
        """Whose device asks; empty = it does not say (G-14)."""
        return header_user(self.request.headers.get(USER_HEADER, ""))

    @property
    def base(self) -> str:
        """Absolute URL of the surface as this client knows it, such as ``http://localhost:8080/genesys`` (G-25)."""
        request = self.request
        return self.around.origins.of(request.protocol, request.headers) + self.around.root.removesuffix(VERSION)

    def admit_center(self) -> None:
        """May who asks do what the contact center's own side does? Raises Forbidden (AUTH-7)."""
        self.around.center.admit(self.request.headers, self.client)

    # What is declared

    @property
    def maximum_body(self) -> int:
        """As configured."""
        return self.around.maximum_body

    async def answer_to(self, declared: Method | None, ask: Callable[[], Awaitable[Answer]]) -> None:
        """Let ask who may, and say what comes of it."""
        with self.refusing():
            self._admit_page()
            shown = self.request.headers.get("Authorization", "")
            await self.around.doorkeeper.admit(shown, self.client, await self.account())
            if declared is None:
                raise MethodNotAllowed
            if len(self.user) > LONGEST_USER:
                raise RequestWrong(f"{USER_HEADER} has at most {LONGEST_USER} characters")
            if self.user and not self.around.tokens.prove(self.user, bearer(shown)):
                raise NotAuthenticated(f"{USER_HEADER} has to be proven by a token")
            await self._answer(await ask())

    def answer(self, value: Any, status: int = 200) -> None:
        """Finish with this JSON value, in the spelling of this API."""
        self.set_status(status)
        self._send(json.encode(value), _JSON_MEDIA)

    # What Tornado calls

    def set_default_headers(self) -> None:
        """G-15."""
        super().set_default_headers()
        self.set_header("Cache-Control", "no-cache, no-store")
        self.set_header("Pragma", "no-cache")
        self.set_header("Expires", "Thu, 01 Jan 1970 00:00:00 GMT")

    async def get(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self.gets, lambda: self.read(*path))

    head = get

    async def post(self, *path: str) -> None:
        """Tornado."""

        await self.answer_to(self.posts, lambda: self._hand(self.posts, self.take, self.take_object, path))

    async def delete(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self.deletes, lambda: self.remove(*path))

    async def put(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self.puts, lambda: self._hand(self.puts, self.change, self.change_object, path))

    async def patch(self, *path: str) -> None:
        """A method that no resource knows."""
        await self.answer_to(None, self.read)

    async def options(self, *path: str) -> None:
        """G-22, G-23: a preflight asks nothing of the resource."""
        with self.refusing():
            self._admit_page()
            self.tell_methods()
            self.set_status(204)
            self.finish()

    # Its steps

    def _admit_page(self) -> None:
        try:
            self.admit_page()
        except OriginRefused as refused:
            raise Forbidden(str(refused)) from None
        if "Access-Control-Allow-Methods" in self._headers:
            self.set_header("Access-Control-Allow-Methods", ", ".join([*self.known_methods(), "OPTIONS"]))

    async def _hand(
        self,
        declared: Method | None,
        by_values: Callable[..., Awaitable[Answer]],
        by_object: Callable[..., Awaitable[Answer]],
        path: Sequence[str],
    ) -> Answer:
        """What was sent to who takes it, in the form that is declared."""
        if declared is not None and declared.takes_json is not None:
            return await by_object(await self._read_body(self._read_object), *path)
        return await by_values(await self._read_body(self._read_values), *path)

    async def _read_body(self, read: Callable[[bytes], T]) -> T:
        sent = self.whole_body
        if len(sent) <= _AT_ONCE and "Content-Encoding" not in self.request.headers:
            return read(sent)
        return await asyncio.to_thread(read, sent)

    def _read_values(self, sent: bytes) -> Values:
        content_type, body = self._unpacked(sent)
        return read_parameters(content_type, body, self.request.query, self.around.max_json_depth)

    def _read_object(self, sent: bytes) -> Mapping[str, Any]:
        return read_object(*self._unpacked(sent), self.around.max_json_depth)

    def _unpacked(self, sent: bytes) -> tuple[str, bytes]:
        headers = self.request.headers
        encoding = headers.get("Content-Encoding", "")
        body = unpacked(sent, encoding, self.maximum_body) if sent and encoding else sent
        return headers.get("Content-Type", ""), body

    async def _answer(self, answer: Answer) -> None:
        if answer is None:
            self.clear_header("Content-Type")
            self.finish()
        elif isinstance(answer, File):
            self._send_file(answer)
        elif isinstance(answer, str):
            await self._send_packed(answer.encode(), "text/plain;charset=UTF-8")
        else:
            await self._send_packed(json.encode(answer), _JSON_MEDIA)

    async def _send_packed(self, body: bytes, content_type: str) -> None:
        """G-27; whether it is packed depends on who asks."""
        self.set_header("Vary", ", ".join(filter(None, [self._headers.get("Vary"), "Accept-Encoding"])))
        if len(body) > WORTH_IT and takes_gzip(self.request.headers.get("Accept-Encoding", "")):
            body = await asyncio.to_thread(packed, body)
            self.set_header("Content-Encoding", "gzip")
        self._send(body, content_type)

    def _send_file(self, file: File) -> None:
        """As a download, in a sandbox: what a customer sent must not act as a page of ours (SEC-62)."""
        plain = _NOT_IN_NAMES.sub("_", file.name)[-128:]
        label = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file.name[-128:], safe='')}"
        self.set_header("Content-Disposition", label)
        self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
        is_sane = _MEDIA_TYPE.match(file.media_type) is not None
        self._send(file.content, file.media_type if is_sane else "application/octet-stream")

    def _send(self, body: bytes, content_type: str) -> None:
        self.set_header("Content-Type", content_type)
        self.finish(body)


class UnknownPath(Customer):
    """Whatever no resource has (G-22)."""

    async def answer_to(self, declared: Method | None, ask: Callable[[], Awaitable[Answer]]) -> None:
        """Any method."""
        self.refuse(PathUnknown("there is nothing at this path"))
