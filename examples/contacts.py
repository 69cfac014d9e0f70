"""Remote calls: clients ask, the service answers them alone; a failure is an answer, too.

    python examples/contacts.py --port 8080

    from bayeux.client import CallFailed
    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client:
        client.call("contacts/friends/add", "Ann")
        print(client.call("contacts/friends"))
        try:
            client.call("contacts/enemies")
        except CallFailed as failed:
            print(failed.data)

From JavaScript: ``cometd.remoteCall("contacts/friends", null, (reply) => console.log(reply.data))``.
"""

import argparse
import asyncio
import signal
import sys

from bayeux import BayeuxServer, Caller, remote_call, service

server = BayeuxServer()


@service("contacts")
class Contacts:
    def __init__(self) -> None:
        self.groups: dict[str, list[str]] = {"friends": ["Bob"], "family": []}

    @remote_call("contacts/{group}")
    async def names(self, caller: Caller, data: object, group: str) -> list[str] | None:
        await asyncio.sleep(0)  # a database, say: meanwhile other clients are served
        if group in self.groups:
            return self.groups[group]
        caller.failure(f"there is no group {group}")
        return None

    @remote_call("contacts/{group}/add")
    def add(self, caller: Caller, data: object, group: str) -> int | None:
        if group not in self.groups or not isinstance(data, str):
            caller.failure("give the name of a friend or of a member of your family")
            return None
        self.groups[group].append(data)
        server.publish(f"/contacts/{group}", {"added": data})  # for those who watch
        return len(self.groups[group])


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        await server.register(Contacts())
        print(f"Contacts at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
