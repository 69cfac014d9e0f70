"""One way through every resource of the management: page, sign-in, role, body, operation, answer.

Source: MG-1, MG-22, MG-24, ERR-1…4, G-22, G-24, SEC-21, SEC-33, SEC-L9, NF-2.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.customers.http.refusing import Refusing
from gateway.customers.refusal import Forbidden, MediaTypeWrong, MethodNotAllowed, Refused, RequestWrong
from gateway.http.pages import Pages
from gateway.management.audit import Author
from gateway.management.declaration import ANYBODY, JSON, Method
from gateway.management.reception import Reception, Somebody, admit_page
from gateway.management.refusal import Invalid, Kept, TagWrong, Taken, Unknown
from gateway.services.editing import Condition, Editing, EntryKept, EntryTaken, EntryUnknown, TagDiffers
from gateway.services.kinds import EntryWrong, Wrong

MAXIMUM_BODY: Final = 1024 * 1024
"""Bytes (SEC-L9)."""
_TAGS = re.compile(r'\s*(?:\*|(?:W/)?"[^"]*"(?:\s*,\s*(?:W/)?"[^"]*")*)\s*\Z')
_NO_TAG: Final = "\0"
"""Nothing has it: only weak tags were sent, which match nothing."""
_STRONG = re.compile(r'(?<!W/)"([^"]*)"')


class Body(BaseModel):
    """What is sent as JSON; a member that is not known is refused, since somebody means something by it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    answered: ClassVar[frozenset[str]] = frozenset()
    """Members that only answers have: they are passed over, so that what was read can be sent back."""

    @model_validator(mode="before")
    @classmethod
    def _as_sent_back(cls, sent: Any) -> Any:
        if not isinstance(sent, dict):
            return sent
        return {name: value for name, value in sent.items() if name in cls.model_fields or name not in cls.answered}


SomeBody = TypeVar("SomeBody", bound=Body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What comes of a request."""

    body: Any = None
    """JSON, or bytes."""
    tag: str = ""
    location: str = ""
    """Below the root."""
    cookie: str | None = None
    """A line of ``Set-Cookie``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every resource works with."""

    editing: Editing
    reception: Reception
    pages: Pages
    root: str
    """Of version 1."""
    max_json_depth: int


class Managed(Refusing):
    """A path of the management; what it does not declare answers 405."""

    realm = "management"

    gets: ClassVar[Method | None] = None
    posts: ClassVar[Method | None] = None
    puts: ClassVar[Method | None] = None
    deletes: ClassVar[Method | None] = None

    somebody: Somebody
    """Who asks, where a sign-in is needed."""

    def initialize(self, around: Surroundings) -> None:
        """Tornado: once a request."""
        self.around = around
        self.pages = around.pages

    # What resources implement; all raise Refused, Unavailable, and what ``Editing`` raises

    async def read(self, *path: str) -> Answer:
        """What there is."""
        raise MethodNotAllowed

    async def take(self, *path: str) -> Answer:
        """Do, or make, something."""
        raise MethodNotAllowed

    async def change(self, *path: str) -> Answer:
        """Set it."""
        raise MethodNotAllowed

    async def remove(self, *path: str) -> Answer:
        """End it."""
        raise MethodNotAllowed

    # What they ask

    @property
    def author(self) -> Author:
        """Who asks, for the audit."""
        return Author(self.somebody.name, self.client.peer, self.request_id)

    @property
    def condition(self) -> Condition:
        """``If-Match``. Raises RequestWrong."""
        header = self.request.headers.get("If-Match", "")
        if not header:
            return Condition()
        if _TAGS.match(header) is None:
            raise RequestWrong("If-Match is * or a list of tags in quotes")
        if header.strip() == "*":
            return Condition(frozenset({"*"}))
        return Condition(frozenset(_STRONG.findall(header) or [_NO_TAG]))

    def sent(self, model: type[SomeBody]) -> SomeBody:
        """The body. Raises RequestWrong, MediaTypeWrong, TooLarge, Invalid."""
        media = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        text = self.whole_body
        if media != JSON:
            raise MediaTypeWrong(f"the body must be {JSON}")
        try:
            decoded = json.decode(text, self.around.max_json_depth)
        except MalformedBody as malformed:
            raise RequestWrong(f"the body is {malformed}") from None
        try:
            return model.model_validate(decoded)
        except ValidationError as invalid:
            raise Invalid([_wrong(each) for each in invalid.errors(include_url=False, include_input=False)]) from None

    # What is declared

    @property
    def maximum_body(self) -> int:
        """Bytes."""
        return MAXIMUM_BODY

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """With all that is wrong, where it is known."""
        body = super().refusal(refused)
        if isinstance(refused, Invalid):
            body["errors"] = [{"path": each.path, "message": each.message} for each in refused.wrongs]
        return body

    # What Tornado calls

    async def get(self, *path: str) -> None:
        """Tornado."""
        await self._answer_to(self.gets, lambda: self.read(*path))

    head = get

    async def post(self, *path: str) -> None:
        """Tornado."""
        await self._answer_to(self.posts, lambda: self.take(*path))

    async def put(self, *path: str) -> None:
        """Tornado."""
        await self._answer_to(self.puts, lambda: self.change(*path))

    async def delete(self, *path: str) -> None:
        """Tornado."""
        await self._answer_to(self.deletes, lambda: self.remove(*path))

    async def patch(self, *path: str) -> None:
        """A method that no resource knows."""
        await self._answer_to(None, self.read)

    def options(self, *path: str) -> None:
        """G-22: it asks nothing of the resource; pages of others are granted nothing."""
        self.tell_methods()
        self.set_status(204)
        self.finish()

    # Its steps

    async def _answer_to(self, declared: Method | None, ask: Callable[[], Awaitable[Answer]]) -> None:
        """Let ask who may, and say what comes of it."""
        with self.refusing():
            admit_page(self.request.method or "", self.request.headers, self.client)
            await self._admit(declared)
            if declared is None:
                raise MethodNotAllowed
            self._answer(declared, await self._asked(ask))

    async def _admit(self, declared: Method | None) -> None:
        if declared is not None and declared.roles == ANYBODY:
            return
        somebody = await self.around.reception.receive(self.request.method or "", self.request.headers, self.client)
        if declared is not None and somebody.role not in declared.roles:
            raise Forbidden(f"a {somebody.role} may not do that")
        self.somebody = somebody

    async def _asked(self, ask: Callable[[], Awaitable[Answer]]) -> Answer:
        """What the configuration refuses, in the words of HTTP."""
        try:
            return await ask()
        except EntryWrong as wrong:
            raise Invalid(wrong.wrongs) from None
        except EntryUnknown:
            raise Unknown("there is no such thing") from None
        except EntryTaken:
            raise Taken("there is one of that name") from None
        except EntryKept as kept:
            raise Kept(str(kept)) from None
        except TagDiffers:
            raise TagWrong("it was changed in the meantime; read it again") from None

    def _answer(self, declared: Method, answer: Answer) -> None:
        if answer.tag:
            self.set_header("ETag", f'"{answer.tag}"')
        if answer.location:
            self.set_header("Location", self.around.root + answer.location)
        if answer.cookie is not None:
            self.add_header("Set-Cookie", answer.cookie)
        if declared.status == 204:
            self.set_status(204)
            self.finish()
        elif isinstance(answer.body, bytes):
            self.set_header("Content-Type", declared.answer_media)
            self.set_header("Content-Security-Policy", "default-src 'none'; sandbox")
            self.set_header("Content-Disposition", "attachment")
            self.finish(answer.body)
        else:
            self.answer(answer.body, declared.status)


async def in_thread(work: Callable[..., Any], *arguments: Any) -> Any:
    """What takes longer than the loop can wait."""
    return await asyncio.to_thread(work, *arguments)


def _wrong(error: Any) -> Wrong:
    """What pydantic found."""
    text = "is not known here" if error["type"] == "extra_forbidden" else error["msg"].removeprefix("Value error, ")
    return Wrong(".".join(str(part)[:64] for part in error["loc"]), text)
