"""A client over callback-polling (JSONP): queries in, scripts out.

Its scripts are checked and then seen as the responses of long-polling that they stand for, so that whatever
holds there is checked as well.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote

import orjson

from tests.conformance.conversation import LongPolling, Message
from tests.support.wire import HttpConnection, Reply

CALLBACK = "_cometd_jsonp_0"
_SCRIPT = re.compile(rb"/\*\*/([^(]*)\((\[.*\])\);", re.DOTALL)


def query_of(body: bytes, callback: str = CALLBACK) -> str:
    """A query that asks for messages to be handed to a callback."""
    return f"?jsonp={callback}&message={quote(body)}"


def as_response(reply: Reply, callback: str = CALLBACK) -> Reply:
    """What a script stands for; any other answer as it is."""
    if reply.status != 200:
        return reply
    assert reply.header("content-type") == "text/javascript;charset=UTF-8", "JP-4"
    assert reply.header("content-disposition") == "attachment; filename=f.txt", "JP-4"
    assert reply.header("content-encoding") is None, "ENC-2"
    assert reply.header("content-length") == str(len(reply.body)), "LP-13"
    script = _SCRIPT.fullmatch(reply.body)
    assert script is not None and script[1] == callback.encode(), f"JP-4: {reply.body[:100]!r}"
    text = script[2].decode()
    assert not any(each in text for each in ("</", "\u2028", "\u2029")), "JP-4"
    instead = {"content-type": "application/json;charset=UTF-8", "content-length": str(len(script[2]))}
    headers = tuple((name, instead.get(name, value)) for name, value in reply.headers)
    return dataclasses.replace(reply, headers=headers, body=script[2])


class CallbackPolling(LongPolling):
    """As LongPolling, by scripts."""

    transport = "callback-polling"

    def write(
        self,
        connection: HttpConnection,
        body: Message | Sequence[Message] | bytes,
        headers: Mapping[str, str] | None = None,
        *,
        suffix: str = "",
    ) -> None:
        """Ask for a script."""
        query = query_of(body if isinstance(body, bytes) else orjson.dumps(body))
        connection.request("GET", self.endpoint.path + suffix + query, {**(headers or {}), **self.browser.header()})

    async def answer(self, connection: HttpConnection) -> Reply:
        """What the next script on a connection stands for."""
        return self.amends.response(as_response(await super().answer(connection)))
