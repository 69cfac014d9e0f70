"""A chat with a page: rooms come and go as they are used, empty lines are refused, all others get the time.

    python examples/chat.py --port 8080

Open http://127.0.0.1:8080/ in two windows; there is also http://127.0.0.1:8080/#kitchen. Or look in from Python:

    from bayeux.client.sync import Client

    with Client("http://127.0.0.1:8080/cometd") as client, client.subscribe("/chat/*") as lines:
        client.publish("/chat/lobby", {"from": "ann", "text": "hello"})
        print(lines.get(timeout=5).data["text"])
"""

import argparse
import asyncio
import signal
import sys
import time

from bayeux import BayeuxServer, Message, ServerSession, make_handlers
from tornado.web import Application, RequestHandler

PAGE = """<!doctype html><meta charset=utf-8><link rel=icon href="data:,"><title>Chat</title><ul></ul>
<form><fieldset disabled><label>Say <input name=text autocomplete=off></label> <button>Send</button></fieldset></form>
<script>
const room = `/chat/${location.hash.slice(1) || "lobby"}`, me = `guest ${Math.floor(Math.random() * 1000)}`;
const socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/#.*/, "") + "cometd");
let clientId;
const send = (message) => socket.send(JSON.stringify([{clientId, ...message}]));
const connect = () => send({channel: "/meta/connect", connectionType: "websocket"});
socket.onopen = () => send({channel: "/meta/handshake", version: "1.0", supportedConnectionTypes: ["websocket"]});
socket.onmessage = ({data}) => JSON.parse(data).forEach((message) => {
    if (message.channel === "/meta/handshake") {
        clientId = message.clientId;
        send({channel: "/meta/subscribe", subscription: room});
        connect();
        document.querySelector("fieldset").disabled = false;
    } else if (message.channel === "/meta/connect") connect();
    else if (message.channel === room && message.data) document.querySelector("ul").append(
        Object.assign(document.createElement("li"), {textContent: `${message.data.from}: ${message.data.text}`}));
});
document.querySelector("form").onsubmit = (event) => {
    send({channel: room, data: {from: me, text: event.target.text.value}});
    event.target.reset();
    return false;
};
</script>"""  # A few lines speak Bayeux; a real page takes cometd or faye from npm, which also come back by themselves.


class Page(RequestHandler):
    def get(self) -> None:
        self.write(PAGE)


def add_chat(server: BayeuxServer) -> None:
    @server.on("/chat/{room}")
    def hear(session: ServerSession | None, message: Message, room: str) -> bool:
        line = message.data
        if not isinstance(line, dict) or not str(line.get("text", "")).strip():
            return False
        message.data = {"from": str(line.get("from", "somebody")), "text": str(line["text"]), "at": time.time()}
        return True


async def main(port: int) -> None:
    end = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, end.set)
    async with BayeuxServer() as server:
        add_chat(server)
        pages = Application([*make_handlers(server), (r"/", Page)]).listen(port, "127.0.0.1")
        print(f"Chat at http://127.0.0.1:{port}/", flush=True)
        await end.wait()
        pages.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8080)
    port = parser.parse_args().port
    try:
        asyncio.run(main(port))
    except OSError as error:
        sys.exit(f"cannot listen on port {port}, choose another with --port: {error.strerror}")
