"""What every answer of the gateway has in common: headers, a request id, errors without traces.

Source: OPS-53, SEC-21, SEC-22, SEC-34, AG-140.
"""

from __future__ import annotations

import http.client
import logging
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Any

import orjson
from tornado import httputil
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from gateway.http.request_id import request_id

log = logging.getLogger(__name__)
access = logging.getLogger("gateway.access")

NO_PERMISSION = "camera=(), geolocation=(), microphone=(), payment=(), usb=()"
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
_WATCHED = ("/health", "/metrics", "/admin/bus")
"""What is asked for again and again; each time would be a line of the log."""
_STATUS_CODES = {400: 1, 403: 3, 404: 6, 405: 10}
"""The ``statusCode`` of an error that has no better one (AG-140); others are 4."""


def _set_common_headers(handler: RequestHandler) -> None:
    handler.clear_header("Server")  # SEC-22
    handler.set_header("X-Content-Type-Options", "nosniff")
    handler.set_header("Referrer-Policy", "no-referrer")
    handler.set_header("Cross-Origin-Resource-Policy", "same-origin")
    handler.set_header("X-Request-Id", request_id(handler.request.headers))


class JsonHandler(RequestHandler):
    """Answers JSON."""

    error_id: str | None = None
    """Where the log tells what went wrong, for a 500."""

    def set_default_headers(self) -> None:
        """SEC-34."""
        _set_common_headers(self)
        self.set_header("Cache-Control", "no-store")

    @property
    def request_id(self) -> str:
        """The id of this request (OPS-53)."""
        return self._headers["X-Request-Id"]

    def answer(self, value: Any, status: int = 200) -> None:
        """Finish with this JSON value."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(orjson.dumps(value))

    def compute_etag(self) -> None:
        """None: nothing here may be stored."""

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The envelope of AG-140, with the ids to look for and nothing of what happened (SEC-21)."""
        body: dict[str, Any] = {
            "statusCode": _STATUS_CODES.get(status_code, 4),
            "statusMessage": http.client.responses.get(status_code, "Error"),
            "requestId": self.request_id,
        }
        if self.error_id:
            body["errorId"] = self.error_id
        self.answer(body, status_code)

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """A trace belongs to the log, under an id that the answer names."""
        if isinstance(value, HTTPError):
            return
        self.error_id = secrets.token_hex(4)
        fields = {"error_id": self.error_id, "request_id": self.request_id, "path": self.request.path}
        log.error("a request failed", exc_info=(typ, value, tb) if typ and value else None, extra=fields)


class NotFound(JsonHandler):
    """Whatever no other route wants."""

    def prepare(self) -> None:
        """Any method."""
        raise HTTPError(404)


class StaticFiles(StaticFileHandler):
    """Files of a page, with the headers a page needs (SEC-34)."""

    def set_extra_headers(self, path: str) -> None:
        """Also on 304 and for HEAD."""
        _set_common_headers(self)
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        self.set_header("Cross-Origin-Opener-Policy", "same-origin")
        self.set_header("Permissions-Policy", NO_PERMISSION)

    def set_default_headers(self) -> None:
        """For errors too."""
        _set_common_headers(self)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The name of the status, and no more."""
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(f"{http.client.responses.get(status_code, 'Error')}\n")


def log_access(name: str) -> Callable[[RequestHandler], None]:
    """One line a request, in a log of its own (OPS-52); ``name`` tells the listener."""

    def write(handler: RequestHandler) -> None:
        request: httputil.HTTPServerRequest = handler.request
        access.log(
            logging.DEBUG if request.path.startswith(_WATCHED) and request.method == "GET" else logging.INFO,
            "request",
            extra={
                "listener": name,
                "method": request.method,
                "path": request.path,
                "status": handler.get_status(),
                "duration_ms": round(request.request_time() * 1000, 1),
                "peer": request.remote_ip,
                "request_id": handler._headers.get("X-Request-Id", ""),
            },
        )

    return write
