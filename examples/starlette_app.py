"""Push in a Starlette application, or FastAPI's, under any ASGI server.

    pip install starlette uvicorn websockets
    python examples/starlette_app.py --port 8080

A mount of the framework at the root, behind all other routes. Try it from a second shell:

    from urllib.request import urlopen

    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client, client.subscribe("/news") as news:
        urlopen("http://127.0.0.1:8080/announce", data=b"It works")
        print(news.get(timeout=5).data)
"""

import argparse
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import uvicorn
from bayeux import BayeuxASGI, BayeuxServer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

server = BayeuxServer()


async def home(request: Request) -> Response:
    return PlainTextResponse(f"{len(server.sessions)} clients are here\n")


async def announce(request: Request) -> Response:
    server.publish("/news", {"text": (await request.body()).decode()})
    return Response(status_code=204)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    async with server:
        yield


app = Starlette(
    routes=[Route("/", home), Route("/announce", announce, methods=["POST"]), Mount("/", app=BayeuxASGI(server))],
    lifespan=lifespan,
)


class Uvicorn(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await server.drain(spread=0.0)  # it waits until every request is answered, and a held connect is none yet
        await super().shutdown(sockets)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it ends itself by the signal it was ended by
    with suppress(KeyboardInterrupt):
        Uvicorn(uvicorn.Config(app, port=parser.parse_args().port, server_header=False)).run()
