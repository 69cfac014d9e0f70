"""What a mount answers to an HTTP request: which transport, for which page, as which user.

The order is fixed: origin, preflight, transport, identity (SEC-30: a foreign page is refused before
anything else is looked at).

Source: HTTP-2, HTTP-9, NEG-5, CORS-3, CORS-4, CORS-6, SEC-21, SEC-30, SEC-32, SEC-90.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from inspect import isawaitable

from bayeux.server.steps import is_cancelled_itself
from bayeux.transports import callback_polling, long_polling
from bayeux.transports.adopted.http import PLAIN, HttpRefused, HttpRequest
from bayeux.transports.exchange import HttpExchange, Requester
from bayeux.transports.mount import Mount
from bayeux.transports.origin import Verdict
from bayeux.transports.provenance import Provenance

log: logging.Logger = logging.getLogger(__name__)

UNKNOWN_TRANSPORT = "Unknown Bayeux Transport"
LONGEST_REMEMBERED = 4096  # bytes of a head that its connection keeps between two requests

Start = Callable[[HttpExchange, HttpRequest], None]
"""Begins what a request asks for, once it is known that it may."""


def serve(requester: Requester, mount: Mount, request: HttpRequest, open_socket: Start) -> None:
    """Answer one whole request for ``mount``, now or later; a fault of ours is answered, too (SEC-21).

    Args:
        open_socket: upgrades to a WebSocket, or says why not.
    """
    try:
        _serve(requester, mount, request, open_socket)
    except Exception:
        log.exception("a request could not be served")
        refuse_unread(requester, 500, "Internal error")


def refuse(requester: Requester, mount: Mount | None, refusal: HttpRefused) -> None:
    """Answer a request that cannot be read, and close (SEC-19, SEC-L4, SEC-L7)."""
    if mount is not None and refusal.head is not None:  # CORS-2: a page may read errors, too
        head = replace(refusal.head, keep_alive=False)
        provenance = Provenance(mount, head, requester.peer, requester.secure, "long-polling")
        HttpExchange(requester, provenance).refuse(refusal.status, refusal.reason)
    else:
        refuse_unread(requester, refusal.status, refusal.reason)


def refuse_unread(requester: Requester, status: int, reason: str) -> None:
    """Answer and close, without a look at the request."""
    requester.answer(
        status, reason.encode(), b"Connection: close\r\n", content_type=PLAIN, is_head=False, keep_alive=False
    )


def _serve(requester: Requester, mount: Mount, request: HttpRequest, open_socket: Start) -> None:
    if not (mount.server.is_started or mount.server.is_draining):
        raise RuntimeError("nobody has started the server: await server.start(), or enter it with `async with`")
    provenance = requester.provenance
    if provenance is None or provenance.head is not request.head or not provenance.holds:
        provenance = Provenance(mount, request.head, requester.peer, requester.secure)
        if len(request.head.raw) <= LONGEST_REMEMBERED:
            requester.provenance = provenance
    exchange = HttpExchange(requester, provenance)
    if provenance.is_admitted:
        _begin(long_polling.start, exchange, request)
        return
    transport = provenance.transport
    options = exchange.context.options
    # Without CORS headers a page cannot read an answer; a script is run all the same (SEC-32).
    must_reject = options.reject_bad_origin or transport == "callback-polling"
    if provenance.verdict is Verdict.FOREIGN and must_reject:
        exchange.refuse(403, "Origin not allowed")
    elif provenance.is_preflight:
        exchange.answer(200, content_type=PLAIN)
    elif transport not in options.transports or (transport == "long-polling" and request.head.method != "POST"):
        exchange.refuse(400, UNKNOWN_TRANSPORT)
    elif transport == "websocket":
        _begin(open_socket, exchange, request)
    elif transport == "callback-polling":
        _begin(callback_polling.start, exchange, request)
    else:
        provenance.is_admitted = True
        _begin(long_polling.start, exchange, request)


def _begin(start: Start, exchange: HttpExchange, request: HttpRequest) -> None:
    """Learn who asks, then begin; what the client sends meanwhile is left unread."""
    identify = exchange.mount.identify
    if identify is not None:
        try:
            user = identify(exchange.context)
        except Exception as error:  # noqa: BLE001 - logged by fail
            exchange.fail(error)
            return
        if user is not None and not isinstance(user, str) and isawaitable(user):
            exchange.requester.wait_for(_identify_later(exchange, user, partial(start, exchange, request)))
            return
        exchange.context.user = user
    start(exchange, request)


async def _identify_later(exchange: HttpExchange, user: Awaitable[str | None], proceed: Callable[[], None]) -> None:
    """The same in a task, where nobody else would answer for what raises."""
    try:
        async with asyncio.timeout(exchange.context.options.hook_timeout or None):  # GEN-3
            exchange.context.user = await user
        proceed()
    except asyncio.CancelledError as error:
        if is_cancelled_itself():  # the client has gone
            raise
        exchange.fail(error)
    except Exception as error:  # noqa: BLE001 - logged by fail
        exchange.fail(error)
