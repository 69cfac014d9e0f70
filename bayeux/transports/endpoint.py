"""What a mount answers to an HTTP request: which transport, for which page, as which user.

The order is fixed: origin, preflight, transport, identity (SEC-30: a foreign page is refused before
anything else is looked at).

Source: HTTP-2, HTTP-9, NEG-5, CORS-3, CORS-4, CORS-6, SEC-30, SEC-90.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from functools import partial

from bayeux.transports import long_polling, websocket
from bayeux.transports.adopted.connection import Connection
from bayeux.transports.adopted.http import PLAIN, HttpRefused, HttpRequest, response
from bayeux.transports.exchange import HttpExchange, is_preflight
from bayeux.transports.mount import Mount, TransportName
from bayeux.transports.origin import Verdict

UNKNOWN_TRANSPORT = "Unknown Bayeux Transport"


def serve(connection: Connection, mount: Mount, request: HttpRequest) -> None:
    """Answer one whole request for ``mount``, now or later."""
    is_upgrade = request.method in ("GET", "HEAD") and "websocket" in request.tokens("upgrade")
    transport: TransportName = "websocket" if is_upgrade else "long-polling"
    exchange = HttpExchange(connection, mount, request, transport)
    options = exchange.context.options
    if exchange.verdict is Verdict.FOREIGN and options.reject_bad_origin:
        exchange.refuse(403, "Origin not allowed")
    elif is_preflight(request):
        exchange.answer(200, content_type=PLAIN)
    elif transport not in options.transports or not (is_upgrade or request.method == "POST"):
        exchange.refuse(400, UNKNOWN_TRANSPORT)
    else:
        start = websocket.start if is_upgrade else long_polling.start
        _identify(exchange, partial(start, exchange, request))


def refuse(connection: Connection, mount: Mount | None, refusal: HttpRefused) -> None:
    """Answer a request that cannot be read, and close (SEC-19, SEC-L4, SEC-L7)."""
    if refusal.limit is not None:
        connection.door.rejected(refusal.limit)
    if mount is not None and refusal.request is not None:  # CORS-2: a page may read errors, too
        refusal.request.keep_alive = False
        HttpExchange(connection, mount, refusal.request, "long-polling").refuse(refusal.status, refusal.reason)
    else:
        connection.answer(response(refusal.status, refusal.reason.encode(), b"Connection: close\r\n"), keep_alive=False)


def _identify(exchange: HttpExchange, proceed: Callable[[], None]) -> None:
    """Learn who asks, then go on; what the client sends meanwhile is left unread."""
    identify, context = exchange.mount.identify, exchange.context
    if identify is None:
        proceed()
        return
    try:
        user = identify(context)
    except Exception as error:  # noqa: BLE001 - logged by fail
        exchange.fail(error)
        return
    if inspect.isawaitable(user):
        exchange.connection.wait_for(_identify_later(exchange, user, proceed))
        return
    context.user = user
    proceed()


async def _identify_later(exchange: HttpExchange, user: Awaitable[str | None], proceed: Callable[[], None]) -> None:
    try:
        exchange.context.user = await user
    except Exception as error:  # noqa: BLE001 - logged by fail
        exchange.fail(error)
        return
    proceed()
