"""Who is here: clients say their name in the handshake, and subscribers of ``/presence`` hear of every change.

Who is out of reach is *away* as long as the session waits for its client, and gone after that.

    python examples/presence.py --port 8080

Try it from a second shell, or from two:

    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd", ext={"name": "ann"}) as client:
        print(client.subscribe("/presence").get(timeout=5).data)
"""

import argparse
import asyncio
import signal
import sys

from bayeux import BayeuxServer, EndReason, Message, Options, ServerChannel, ServerSession

AWAY_AFTER = 1.0  # between two polls every client is out of reach for a moment

server = BayeuxServer(Options(max_interval=30.0))


def people() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"here": [], "away": []}
    for session in server.sessions:
        is_away = session.away_since is not None and server.clock() - session.away_since > AWAY_AFTER
        found["away" if is_away else "here"].append(session.attributes["name"])
    return {state: sorted(names) for state, names in found.items()}


def tell_changes() -> None:
    if (now := people()) != server.attributes.get("people"):
        server.attributes["people"] = now
        server.publish("/presence", now)


@server.listeners.session_added
def come(session: ServerSession, message: Message) -> None:
    session.attributes["name"] = str(message.ext.get("name", "somebody"))
    tell_changes()


@server.listeners.session_removed
def leave(session: ServerSession, reason: EndReason) -> None:
    tell_changes()


@server.listeners.subscribed
def welcome(session: ServerSession, channel: ServerChannel, message: Message | None) -> None:
    session.deliver("/presence", people())


async def watch() -> None:
    while True:
        tell_changes()  # somebody may have gone out of reach, or have come back
        await asyncio.sleep(AWAY_AFTER / 2)


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        watching = asyncio.create_task(watch())
        print(f"Presence at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()
        watching.cancel()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
