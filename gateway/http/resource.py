"""What every declared resource has in common: its methods, its body and the pages that ask for it.

Bodies are collected by us, so that one that is too large is answered like everything else. What a request may say
and what an answer looks like is for each API to add.

Source: CORS-2…6, SEC-17, SEC-30, SEC-L9.
"""

from __future__ import annotations

import http.client
from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, Final, cast

from tornado.http1connection import HTTP1Connection
from tornado.web import stream_request_body

from bayeux.transports.proxy import Client
from gateway.http.handler import JsonHandler
from gateway.http.pages import Pages

DRAINED: Final = 7 * 1024 * 1024
"""Of what is too large so much is read and thrown away: a client that is still sending would not see our answer."""


@stream_request_body
class Declared(JsonHandler):
    """A path of an API; ``initialize`` sets ``pages``."""

    path: ClassVar[str]
    """Below the root of its API; what is in braces is an argument of its methods."""

    pages: Pages
    """Which pages of other origins may ask."""

    @property
    @abstractmethod
    def maximum_body(self) -> int:
        """Bytes."""

    @abstractmethod
    def known_methods(self) -> Iterable[str]:
        """Those that are declared, for ``Allow``."""

    @property
    def sent_body(self) -> bytes | None:
        """What was sent; None for more than may be."""
        return bytes(self._sent) if len(self._sent) <= self.maximum_body else None

    @property
    def client(self) -> Client:
        """Who asks, by those proxies that are believed."""
        request = self.request
        return self.pages.client(
            request.remote_ip or "", is_secure=request.protocol == "https", headers=request.headers
        )

    def admit_page(self) -> None:
        """Let the page behind this request read the answer. Raises OriginRefused."""
        for name, value in self.pages.admit(self.request.method or "", self.request.headers, self.client).items():
            self.set_header(name, value)

    def tell_methods(self) -> None:
        """With the answer to a method that is none of these."""
        self.set_header("Allow", ", ".join([*self.known_methods(), "OPTIONS"]))

    # What Tornado calls

    def prepare(self) -> None:
        """The head is here, the body is not."""
        self._sent = bytearray()
        connection = cast(HTTP1Connection, self.request.connection)
        connection.set_max_body_size(self.maximum_body + DRAINED)

    def data_received(self, chunk: bytes) -> None:
        """A part of the body."""
        if len(self._sent) <= self.maximum_body:
            self._sent += chunk

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Also for methods that Tornado does not know."""
        if status_code == http.client.METHOD_NOT_ALLOWED:
            self.tell_methods()
        super().write_error(status_code, **kwargs)
