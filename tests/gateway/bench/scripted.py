"""A session of the load generator with a carrier and an owner that only remember: no socket, no clock."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.bench.marks import Content, Reader
from gateway.bench.session import Manners, Session

RUN = "0123abcd"


class Remembering:
    """Carrier and owner at once: what the session sent, and what it told."""

    def __init__(self) -> None:
        self.sent: list[list[dict[str, Any]]] = []
        self.connects: list[dict[str, Any]] = []
        self.told: list[tuple[Any, ...]] = []
        self.heard: list[Content] = []
        self.closed = 0

    def send(self, body: bytes) -> None:
        self.sent.append(json.loads(body))

    def send_connect(self, body: bytes) -> None:
        (connect,) = json.loads(body)
        self.connects.append(connect)

    def close(self) -> None:
        self.closed += 1

    def hear(self, session: Session, content: Content) -> None:
        self.heard.append(content)

    def ready(self, session: Session) -> None:
        self.told.append(("ready",))

    def answered(self, session: Session, id: str, refusal: str | None) -> None:
        self.told.append(("answered", id, refusal))

    def troubled(self, session: Session, words: str) -> None:
        self.told.append(("troubled", words))

    def ended(self, session: Session, words: str | None) -> None:
        self.told.append(("ended", words))

    def wake_later(self, session: Session, seconds: float) -> None:
        self.told.append(("wake later", round(seconds, 3)))


class Talk:
    """A conversation with a session, in which the test is the server."""

    def __init__(self, *channels: str, **manners: Any) -> None:
        self.world = Remembering()
        self.session = Session(0, channels or ("/a",), Manners("websocket", **manners), self.world)
        self.session.carrier = self.world
        self._reader = Reader(RUN, remembers=False)

    def say(self, *messages: Mapping[str, Any]) -> None:
        body = json.dumps(messages).encode()
        self.session.take(self._reader.read(body, [body]))

    def shake_hands(self, **more: Any) -> Talk:
        self.session.open()
        self.say({"channel": "/meta/handshake", "successful": True, "clientId": "me", **more})
        return self

    def join(self, **more: Any) -> Talk:
        self.shake_hands()
        self.say(
            {"channel": "/meta/connect", "successful": True, "id": "join", **more},
            {"channel": "/meta/subscribe", "successful": True, "subscription": "/a"},
        )
        return self


def event(stream: int, number: int, sent: int = 0, run: str = RUN) -> dict[str, Any]:
    return {"channel": "/a", "data": {"bench": f"{run} {stream} {number} {sent}", "fill": "X"}}
