"""One way through every resource: origin, sign-in, body, declaration, operation, envelope.

A resource declares what can be got and posted, and implements ``read`` or ``operate``; all else is here.

Source: AG-10…15, AG-140…142, CORS-3, CORS-4, OPS-72, SEC-17, SEC-18, SEC-30, SEC-L9.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody, Unavailable
from gateway.agents.operations import AgentService, Caller, Json
from gateway.agents.refusal import Refused
from gateway.api.answers import (
    Away,
    BodyMalformed,
    BodyTooLarge,
    MediaTypeWrong,
    MethodNotAllowed,
    PageRefused,
    error,
    http_status,
)
from gateway.api.declaration import JSON_MEDIA, Operation, Order, Parameter, Reads, Takes, read_query, take_order
from gateway.api.signing_in import AccessDenied, Reception, SignedIn
from gateway.auth.http_sessions import COOKIE, CSRF_HEADER, cookie_line
from gateway.auth.passwords import PasswordsBusy
from gateway.auth.throttle import TooManyFailures
from gateway.http.pages import OriginRefused, Pages
from gateway.http.resource import Declared

MAXIMUM_BODY: Final = 1024 * 1024  # SEC-L9


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every resource works with."""

    service: AgentService
    reception: Reception
    pages: Pages
    max_json_depth: int


class Resource(Declared):
    """A path of the API; for agents, unless it says that it is for everybody."""

    gets: ClassVar[Reads | None] = None
    posts: ClassVar[Takes | None] = None
    is_for_everybody: ClassVar[bool] = False

    signed_in: SignedIn
    """Who asks; not of what is for everybody."""

    def initialize(self, around: Surroundings) -> None:
        """Tornado: once a request."""
        self.around = around
        self.service = around.service
        self.pages = around.pages

    @property
    def maximum_body(self) -> int:
        """The same for all of them."""
        return MAXIMUM_BODY

    def known_methods(self) -> Iterable[str]:
        """By what is declared."""
        return (method for method, declared in (("GET", self.gets), ("POST", self.posts)) if declared)

    @property
    def caller(self) -> Caller:
        """Who asks."""
        return self.signed_in.caller

    def query(self, parameters: Sequence[Parameter]) -> Json:
        """What the query string asks for. Raises Refused."""
        given = {name: self.get_query_argument(name, strip=False) for name in self.request.query_arguments}
        return read_query(parameters, given)

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """The body that tells why not."""
        return error(refused)

    def body_of(self, media: str) -> bytes:
        """What was posted. Raises BodyTooLarge, MediaTypeWrong."""
        sent = self.sent_body
        if sent is None:
            raise BodyTooLarge(MAXIMUM_BODY)
        given, _, parameters = self.request.headers.get("Content-Type", "").partition(";")
        charset = parameters.replace('"', "").strip().lower()
        is_utf8 = media != JSON_MEDIA or charset in ("", "charset=utf-8")
        if given.strip().lower() != media or not is_utf8 or "Content-Encoding" in self.request.headers:
            raise MediaTypeWrong(media)
        return sent

    async def answer_to(self, ask: Callable[..., Awaitable[Json]], *path: str) -> None:
        """Let ask who may, and say what comes of it."""
        try:
            self.admit_page()
            if not self.is_for_everybody:
                await self._sign_in()
            said = await ask(*path)
        except (PasswordsBusy, Unavailable):
            self.set_header("Retry-After", "1")
            self._refuse(Away())
        except OriginRefused:
            self._refuse(PageRefused())
        except Refused as refused:
            self._refuse(refused)
        else:
            self.answer({"statusCode": 0, **said})

    # What Tornado calls

    async def put(self, *path: str) -> None:
        """A method that this resource does not know."""
        await self.answer_to(self._refuse_method)

    get = post = head = delete = patch = put

    async def options(self, *path: str) -> None:
        """A preflight asks nothing of the resource (CORS-3, CORS-4)."""
        try:
            self.admit_page()
        except OriginRefused:
            self._refuse(PageRefused())
        else:
            self.finish()

    async def _refuse_method(self) -> Json:
        self.tell_methods()
        raise MethodNotAllowed

    # Steps of its way

    async def _sign_in(self) -> None:
        request, client = self.request, self.client
        cookie = self.get_cookie(COOKIE, "") or ""
        try:
            self.signed_in = await self.around.reception.receive(request.method or "", request.headers, cookie, client)
        except TooManyFailures as failures:
            self.set_header("Retry-After", str(math.ceil(failures.retry_after)))
            raise AccessDenied from None
        if self.signed_in.new_cookie is not None:
            self.set_header("Set-Cookie", cookie_line(self.signed_in.new_cookie, secure=client.secure))
        if request.method == "GET":  # AG-13
            self.set_header("X-CSRF-HEADER", CSRF_HEADER)
            self.set_header(CSRF_HEADER, self.signed_in.session.csrf_token)

    def _refuse(self, refused: Refused) -> None:
        self.answer(self.refusal(refused), http_status(refused))


class Readable(Resource, ABC):
    """A resource that can be got."""

    gets: ClassVar[Reads]

    @abstractmethod
    async def read(self, query: Json, *path: str) -> Json:
        """What the answer has besides ``statusCode`` 0. Raises Refused, Unavailable."""

    async def get(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self._read, *path)

    async def _read(self, *path: str) -> Json:
        return await self.read(self.query(self.gets.query), *path)


class Operable(Resource, ABC):
    """A resource that operations can be done on."""

    posts: ClassVar[Takes]

    @abstractmethod
    async def operate(self, order: Order, *path: str) -> Json:
        """What the answer has besides ``statusCode`` 0. Raises Refused, Unavailable."""

    def operations(self) -> tuple[Operation, ...]:
        """Those that are declared, and those that are configured."""
        return self.posts.operations

    async def post(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self._operate, *path)

    async def _operate(self, *path: str) -> Json:
        try:
            body = json.decode(self.body_of(JSON_MEDIA), self.around.max_json_depth)
        except MalformedBody as malformed:
            raise BodyMalformed(f"is {malformed}") from None
        if not isinstance(body, dict):
            raise BodyMalformed("must be an object")
        return await self.operate(take_order(self.operations(), body), *path)
