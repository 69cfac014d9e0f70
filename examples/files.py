"""Drop a file: a client sends it in pieces, the service puts it together and tells subscribers of ``/files``.

    python examples/files.py --port 8080 --folder /tmp

    from bayeux.client import Binary, BinaryData
    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd", extensions=[Binary()]) as client, client.subscribe("/files") as files:
        client.call("drop", BinaryData(b"What a ", last=False))
        client.call("drop", BinaryData(b"day!", meta={"name": "diary.txt"}))
        print(files.get(timeout=5).data)

Pieces of 32 KiB fit into a message as it is bounded by default.
"""

import argparse
import asyncio
import re
import signal
import sys
from pathlib import Path

from bayeux import BayeuxServer, BinaryData, Caller, remote_call, service
from bayeux.extensions import Binary

MAX_BYTES = 10 * 1024 * 1024

server = BayeuxServer()
server.extensions.add(Binary())


@service("drop")
class Drop:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @remote_call("drop")
    def take(self, caller: Caller, piece: object) -> int | None:
        dropped: bytearray = caller.session.attributes.setdefault("dropped", bytearray())
        if not isinstance(piece, BinaryData) or len(dropped) + len(piece.data) > MAX_BYTES:
            dropped.clear()
            caller.failure(f"give at most {MAX_BYTES} bytes")
            return None
        dropped += piece.data
        if piece.last:
            caller.session.attributes["dropped"] = bytearray()
            name = piece.meta.get("name") if isinstance(piece.meta, dict) else None
            if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]{0,99}", name) or (self.folder / name).exists():
                caller.failure("give the file a name of its own, without a path")
                return None
            (self.folder / name).write_bytes(dropped)
            server.publish("/files", {"name": name, "bytes": len(dropped)})
        return len(dropped)


async def main(port: int, folder: Path) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with await server.listen(port) as listener:
        await server.register(Drop(folder))
        print(f"Files at http://127.0.0.1:{listener.port}/cometd", flush=True)
        await end.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--folder", type=Path, default=Path())
    arguments = parser.parse_args()
    try:
        asyncio.run(main(arguments.port, arguments.folder))
    except OSError as error:
        sys.exit(f"cannot listen on port {arguments.port}, choose another with --port: {error.strerror}")
