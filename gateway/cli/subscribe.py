"""``subscribe``: what comes on some channels, one JSON line a message.

Source: OPS-8, OPS-16.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from bayeux.client.client import BayeuxClient
from bayeux.protocol import json
from gateway.cli.client import Sender, TokenFile, TransportName, Url, make_client, told_in_one_sentence
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load


def subscribe(
    channels: Annotated[list[str], typer.Argument(metavar="CHANNEL...", help="Channels or patterns.")],
    files: Files = None,
    settings: Settings = None,
    *,
    url: Url = None,
    user: Sender = None,
    token_file: TokenFile = None,
    transport: TransportName = None,
    count: Annotated[int, typer.Option(metavar="N", min=0, help="End after N messages; 0 = never.")] = 0,
    dev: Development = False,
) -> None:
    """Print what comes on channels until Ctrl-C; a lost connection is made again.

    Examples: `bayeux-gateway subscribe /demo/**`, `bayeux-gateway subscribe --dev --as Agent1 /v2/me/interactions`
    """
    loaded = load(sources(files, settings, dev=dev))
    client = make_client(loaded, url=url, user=user, token_file=token_file, transport=transport)
    with told_in_one_sentence():
        asyncio.run(_print(client, channels, count))


async def _print(client: BayeuxClient, channels: list[str], count: int) -> None:
    async with client, await client.subscribe(*channels) as subscription:
        typer.echo("Subscribed; Ctrl-C ends.", err=True)
        seen = 0
        async for event in subscription:
            line = {"channel": event.channel, "data": event.data, **event.fields}
            typer.echo(json.encode({**line, "ext": dict(event.ext)} if event.ext else line))
            seen += 1
            if seen == count:
                break
