"""``publish``: one message, to everybody on a channel or to one user.

Source: OPS-8, SEC-44.
"""

from __future__ import annotations

import asyncio
import json as plain_json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from bayeux.client.client import BayeuxClient
from bayeux.protocol import json
from bayeux.protocol.errors import MalformedBody
from gateway.cli.client import Sender, TokenFile, TransportName, Url, make_client, told_in_one_sentence
from gateway.cli.order import order
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.failure import Failure
from gateway.running import find_running


def publish(
    channel: Annotated[str, typer.Argument(metavar="CHANNEL")],
    data: Annotated[
        str, typer.Argument(metavar="[JSON|@FILE|-]", help="The message; - reads it from the standard input.")
    ] = "null",
    files: Files = None,
    settings: Settings = None,
    *,
    user: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="To this user's sessions, through the internal listener of this machine."),
    ] = None,
    url: Url = None,
    sender: Sender = None,
    token_file: TokenFile = None,
    transport: TransportName = None,
    dev: Development = False,
) -> None:
    """Publish one message.

    Examples: `bayeux-gateway publish /demo/hello '{"text": "hi"}'`,
    `bayeux-gateway publish --user Agent1 /v2/me/interactions @data.json`
    """
    value = _read(data)
    loaded = load(sources(files, settings, dev=dev))
    if user is not None:
        body = {"user": user, "channel": channel, "data": value}
        answer = order(find_running(loaded, os.environ), "POST", "/internal/publish", body)
        typer.echo(plain_json.dumps({"user": user, "channel": channel, "sessions": answer["sessions"]}))
        return
    client = make_client(loaded, url=url, user=sender, token_file=token_file, transport=transport)
    with told_in_one_sentence():
        asyncio.run(_publish(client, channel, value))


def _read(data: str) -> json.Json:
    """The value that is meant by the argument; raises Failure."""
    try:
        if data == "-":
            text = sys.stdin.buffer.read()
        elif data.startswith("@"):
            text = Path(data[1:]).read_bytes()
        else:
            text = data.encode()
        return json.decode(text, 0)
    except OSError as error:
        raise Failure(f"{data[1:]} cannot be read: {error.strerror}") from None
    except MalformedBody:
        raise Failure("the message is not JSON: give JSON, @FILE or - (a text needs its quotes: '\"text\"')") from None


async def _publish(client: BayeuxClient, channel: str, value: json.Json) -> None:
    async with client:
        await client.publish(channel, value)
