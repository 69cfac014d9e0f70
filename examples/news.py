"""A feed that can be replayed: who comes late, or comes back, gets what was missed.

The last hundred headlines are kept for an hour. Every event tells its position; a client says the last one it has.

    python examples/news.py --port 8080

    from bayeux.client import ALL_RETAINED
    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client, client.subscribe("/news", replay=ALL_RETAINED) as news:
        print(news.get(timeout=5).data)

A program that is to go on where it was the last time gives its client a ``Replay`` that keeps positions in a file.
"""

import argparse
import asyncio
import signal
import sys

from bayeux import BayeuxServer, Retention
from bayeux.extensions import Replay

server = BayeuxServer()
server.extensions.add(Replay({"/news": Retention(events=100, ttl=3600.0)}))


async def report() -> None:
    number = 0
    while True:
        number += 1
        server.publish("/news", {"number": number, "headline": f"It is {number} now"})
        await asyncio.sleep(0.2)


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        reporting = asyncio.create_task(report())
        print(f"News at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()
        reporting.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
