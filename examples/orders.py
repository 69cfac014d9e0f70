"""Who may do what, by role: a token in the handshake tells who it is, authorizers tell what that role may.

Clerks see the orders, the boss gives them, nobody else has anything to do with them; in the lobby all may speak.

    python examples/orders.py --port 8080

    from bayeux.client import PublishRefused
    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd", ext={"token": "open sesame"}) as ann:
        ann.subscribe("/orders/*")
        try:
            ann.publish("/orders/1", "Close early")
        except PublishRefused as refused:
            print(refused)

"swordfish" is the token of the boss.
"""

import argparse
import asyncio
import signal
import sys

from bayeux import (
    ALL,
    CREATE,
    NONE,
    SUBSCRIBE,
    BayeuxServer,
    Denied,
    Grant,
    Granted,
    Message,
    SecurityPolicy,
    ServerSession,
)

USERS = {
    "open sesame": Granted(user="ann", roles=frozenset({"clerk"})),
    "swordfish": Granted(user="bob", roles=frozenset({"boss"})),
}


class Tokens(SecurityPolicy):
    def can_handshake(self, server: BayeuxServer, session: ServerSession, message: Message) -> Granted | Denied:
        return USERS.get(str(message.ext.get("token")), Denied(error="403::token_unknown"))


server = BayeuxServer(policy=Tokens())
server.guard("/**", Grant(NONE))  # what nobody below grants is denied, also by subscribing to a wide pattern
server.guard("/lobby", Grant(ALL))
server.guard("/orders/**", Grant(CREATE | SUBSCRIBE, roles="clerk"))
server.guard("/orders/**", Grant(ALL, roles="boss"))


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        print(f"Orders at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
