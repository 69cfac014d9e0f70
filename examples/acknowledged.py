"""Acknowledged messages: what a broken connection swallowed is sent again, in order, as long as the session lives.

Both sides need the extension; clients without it are served as ever.

    python examples/acknowledged.py --port 8080

    from bayeux.client import Acknowledge
    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd", extensions=[Acknowledge()]) as client:
        print(client.subscribe("/orders").get(timeout=5).data)

After a break over WebSocket an order may come twice, as its number tells; but none is missing.
"""

import argparse
import asyncio
import signal
import sys

from bayeux import BayeuxServer, Options
from bayeux.extensions import Acknowledge

server = BayeuxServer(Options(max_interval=60.0))  # a client may be cut off for so long, and loses nothing
server.extensions.add(Acknowledge())


async def take_orders() -> None:
    number = 0
    while True:
        number += 1
        server.publish("/orders", {"number": number, "pizza": "Margherita"})
        await asyncio.sleep(0.05)


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        taking = asyncio.create_task(take_orders())
        print(f"Orders at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()
        taking.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
