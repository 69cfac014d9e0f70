"""A stock ticker that changes faster than some can read: who is slow gets the latest prices, not the missed ones.

    python examples/stocks.py --port 8080

``/stocks/*`` has them as they come: a client that cannot keep up finds one price a stock when it is back. ``/board``
has them all on one channel, each stock twice a second at most.

    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client, client.subscribe("/board") as board:
        for _ in range(5):
            print(board.get(timeout=5).data)
"""

import argparse
import asyncio
import random
import signal
import sys

from bayeux import BayeuxServer, FlowControl

server = BayeuxServer()
server.control_flow("/stocks/*", FlowControl(latest_only=True))
server.control_flow("/board", FlowControl(latest_only=True, every=0.5, key=lambda data: data["stock"]))


async def trade() -> None:
    prices = {"acme": 100.0, "globex": 250.0, "initech": 40.0}
    number = 0
    while True:
        stock = random.choice(list(prices))
        prices[stock] = round(max(1.0, prices[stock] + random.uniform(-1.0, 1.0)), 2)
        number += 1
        price = {"stock": stock, "price": prices[stock], "number": number}
        server.publish(f"/stocks/{stock}", price)
        server.publish("/board", price)
        await asyncio.sleep(0.01)


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        trading = asyncio.create_task(trade())
        print(f"Stocks at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()
        trading.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
