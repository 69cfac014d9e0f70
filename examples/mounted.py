"""Push in a Tornado application that is there already: one line among its routes, two around its life.

    python examples/mounted.py --port 8080

The routes that were there stay as they are. Try it from a second shell:

    from urllib.request import urlopen

    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client, client.subscribe("/news") as news:
        urlopen("http://127.0.0.1:8080/announce", data=b"text=It+works")
        print(news.get(timeout=5).data)
"""

import argparse
import asyncio
import signal
import sys

from bayeux import BayeuxServer, make_handlers
from tornado.web import Application, RequestHandler

server = BayeuxServer()


class Home(RequestHandler):
    def get(self) -> None:
        self.write(f"{len(server.sessions)} clients are here\n")


class Announce(RequestHandler):
    def post(self) -> None:
        server.publish("/news", {"text": self.get_body_argument("text")})
        self.set_status(204)


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    application = Application([*make_handlers(server), (r"/", Home), (r"/announce", Announce)])
    async with server:
        http = application.listen(port, "127.0.0.1", idle_connection_timeout=60.0)
        print(f"Tornado at http://127.0.0.1:{port}/, Bayeux at /cometd", flush=True)
        await end.wait()
        http.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
