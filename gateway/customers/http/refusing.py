"""How customers and administrators are told no: with a status, the headers it needs, and a body that says why.

Source: G-9, G-22, ERR-1…4, SEC-L9.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from tornado.http1connection import HTTP1Connection

from bayeux.protocol.errors import Unavailable
from gateway.customers.http.errors import error, unforeseen
from gateway.customers.refusal import Away, MethodNotAllowed, NotAuthenticated, Refused, TooLarge
from gateway.http.resource import DRAINED, Declared


class Refusing(Declared):
    """A path whose refusals are such; each API has a type of its own for what it declares."""

    realm: ClassVar[str]
    """What a name and a password are asked for."""

    gets: ClassVar[Any] = None
    posts: ClassVar[Any] = None
    puts: ClassVar[Any] = None
    deletes: ClassVar[Any] = None

    @classmethod
    def declared(cls) -> dict[str, Any]:
        """What there is, by its method."""
        methods = {"GET": cls.gets, "POST": cls.posts, "PUT": cls.puts, "DELETE": cls.deletes}
        return {method: each for method, each in methods.items() if each is not None}

    def known_methods(self) -> Iterable[str]:
        """By what is declared; HEAD is where GET is."""
        for method in self.declared():
            yield method
            if method == "GET":
                yield "HEAD"

    @property
    def whole_body(self) -> bytes:
        """As it was sent. Raises TooLarge."""
        body = self.sent_body
        if body is None:
            raise self._too_large
        return body

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """What is refused in here is answered so."""
        try:
            yield
        except Unavailable:
            self.refuse(Away("try again in a moment", retry_after=1))
        except Refused as refused:
            self.refuse(refused)

    def refuse(self, refused: Refused) -> None:
        """Answer that it was not done, and why."""
        if isinstance(refused, MethodNotAllowed):
            self.tell_methods()
        if isinstance(refused, NotAuthenticated):
            self.set_header("WWW-Authenticate", f'Basic realm="{self.realm}", charset="UTF-8"')
        if refused.retry_after is not None:
            self.set_header("Retry-After", str(refused.retry_after))
        if isinstance(refused, TooLarge):
            self.set_header("Connection", "close")  # G-9
        self.answer(self.refusal(refused), refused.status)

    def refusal(self, refused: Refused) -> dict[str, Any]:
        """The body that tells why not."""
        return error(refused)

    # What Tornado calls

    def prepare(self) -> None:
        """A body that is far too large is not even awaited (G-9)."""
        super().prepare()
        length = self.request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length[:19]) > self.maximum_body + DRAINED:
            connection = self.request.connection
            assert isinstance(connection, HTTP1Connection)
            connection.set_max_body_size(int(length[:19]))  # or Tornado would answer before us
            self.refuse(self._too_large)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """What was no refusal of ours."""
        if status_code == MethodNotAllowed.status:
            self.tell_methods()
        self.answer(unforeseen(status_code, self.request_id), status_code)

    @property
    def _too_large(self) -> TooLarge:
        return TooLarge(f"the body has more than {self.maximum_body} bytes")
