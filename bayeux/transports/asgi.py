"""The door for ASGI servers and frameworks: uvicorn and its like; Starlette, FastAPI.

The same mounts, transports and rules as behind our own doors, but for what an ASGI server has to itself: how
connections are accepted and bounded (SEC-L1…L3), how heads are read (SEC-19, SEC-L4), idle connections (SEC-L6), frames
(SEC-L22, WS-18, ``permessage-deflate``), and headers of its own (uvicorn: ``server_header=False``, SEC-22).

Such a server tells an application of its end only when every request is answered, and a held connect is one that is
not: ``await server.drain(spread=0)`` when the process is told to go, or bound that wait
(uvicorn: ``timeout_graceful_shutdown``).

Source: ASGI 3.0; HTTP-1, DSC-11; section 12 of the Bayeux reference.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial
from typing import Unpack

from bayeux.server.server import BayeuxServer
from bayeux.transports import endpoint
from bayeux.transports.adopted.http import PLAIN, HttpRefused, HttpRequest
from bayeux.transports.asgi_request import (
    Agreed,
    Answer,
    AsgiRequest,
    Event,
    Receive,
    Scope,
    Send,
    head_of,
    read_body,
    target_below_root,
)
from bayeux.transports.asgi_socket import AsgiSocket, agree
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.mount import Mount, Mounting, mount_of, mounts_of

log: logging.Logger = logging.getLogger(__name__)

DENIAL = "websocket.http.response"
"""The extension by which an upgrade can be refused with more than 403."""


class BayeuxASGI:
    """An ASGI 3 application that serves mounts, and answers 404 to all else.

    Alone under an ASGI server it starts and stops the servers of its mounts with its lifespan. Frameworks tell
    mounted applications nothing of theirs: there, enter the server in the framework's own. A mount of a framework
    catches what lies below its path, but not the path itself, to which some clients post: so give it the root, behind
    all other routes::

        @asynccontextmanager
        async def lifespan(app):
            async with server:
                yield


        app = Starlette(routes=[..., Mount("/", app=BayeuxASGI(server))], lifespan=lifespan)

    Args:
        served: mounts; a server stands for a mount of it at ``/cometd``.
        mounting: what ``Mount`` takes besides a server, for the servers among ``served``.

    Raises TypeError, ValueError for what does not make a mount.
    """

    def __init__(self, *served: Mount | BayeuxServer, **mounting: Unpack[Mounting]) -> None:
        self.mounts: tuple[Mount, ...] = mounts_of(served, mounting)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI: serve one request, one socket, or the whole life of the process."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._open(scope, receive, send)
        else:
            raise NotImplementedError(f"an ASGI scope of type {scope['type']!r}")

    # -- requests ------------------------------------------------------------------------------

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, head = AsgiRequest(scope), head_of(scope)
        mount = mount_of(self.mounts, target_below_root(scope))
        if mount is None:
            _miss(asked, is_head=head.method == "HEAD")
        else:
            options = mount.options("long-polling")
            try:
                body = await read_body(head, receive, options)
                if body is None:
                    return
                endpoint.serve(asked, mount, HttpRequest(head, body), _refuse_upgrade)
            except HttpRefused as refusal:
                if refusal.limit is not None:
                    mount.server.reject(refusal.limit)
                endpoint.refuse(asked, mount, refusal)
        outcome = await asked.outcome(receive)
        if isinstance(outcome, Answer):
            await _write(outcome.events("http"), send)

    async def _open(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (await receive())["type"] != "websocket.connect":
            return  # it has gone already
        asked, mount = AsgiRequest(scope), mount_of(self.mounts, target_below_root(scope))
        if mount is None:
            _miss(asked)
        else:
            endpoint.serve(asked, mount, HttpRequest(head_of(scope)), partial(agree, asked))
        outcome = await asked.outcome(receive)
        if isinstance(outcome, Agreed):
            await AsgiSocket(outcome).live(receive, send)
        elif outcome is not None:
            can_tell_why = DENIAL in (scope.get("extensions") or ())
            await _write(outcome.events("websocket.http") if can_tell_why else [{"type": "websocket.close"}], send)

    # -- life ----------------------------------------------------------------------------------

    async def _live(self, receive: Receive, send: Send) -> None:
        """Start what nobody has started, and stop that again; what fails is told, or uvicorn would go on without us."""
        await receive()
        stage = "startup"
        try:
            async with AsyncExitStack() as ours:
                for server in {mount.server: None for mount in self.mounts}:
                    if not server.is_started:
                        await ours.enter_async_context(server)
                await send({"type": "lifespan.startup.complete"})
                await receive()
                stage = "shutdown"
        except Exception as error:
            log.exception("%s failed", stage)
            await send({"type": f"lifespan.{stage}.failed", "message": repr(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def _miss(asked: AsgiRequest, *, is_head: bool = False) -> None:
    """Nothing is mounted there."""
    asked.answer(404, b"Not found", b"", content_type=PLAIN, is_head=is_head, keep_alive=True)


def _refuse_upgrade(exchange: HttpExchange, request: HttpRequest) -> None:
    """The server took it for a plain request, so it knows no WebSockets (uvicorn: without ``websockets``)."""
    exchange.refuse(400, "No WebSockets here")


async def _write(events: Iterable[Event], send: Send) -> None:
    """Answer; a client that has gone meanwhile does not matter any more."""
    try:
        for event in events:
            await send(event)
    except OSError:
        pass
