"""``mre tail`` and ``mre send``: look at the bus between the roles, and put a message on it.

Source: MRE-152.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from gateway.cli.order import order
from gateway.cli.sources import Development, Files, Settings, sources
from gateway.config import load
from gateway.failure import Failure
from gateway.running import find_running

LOOK: Final = 0.5
"""Seconds between two looks; the gateway keeps a thousand messages for ten seconds."""
REMEMBERED: Final = 1000
"""Messages that are not shown a second time."""

app = typer.Typer(name="mre", help="Media routing: look at the bus, send a message.", no_args_is_help=True)


@app.command()
def tail(
    files: Files = None,
    settings: Settings = None,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    limit: Annotated[int | None, typer.Option("-n", metavar="N", min=1, help="End after so many messages.")] = None,
    dev: Development = False,
) -> None:
    """Print what the gateway on this machine sends and takes on the bus, until Ctrl-C; passwords are masked.

    It takes nothing away. Each message is shown once, bodies up to 4 KiB. What only other gateways send to each other
    is seen there.

    Examples: `bayeux-gateway mre tail`,  `bayeux-gateway mre tail --json | jq .type`
    """
    running = find_running(load(sources(files, settings, dev=dev)), os.environ)
    cursor: dict[str, int] = {}
    shown: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
    seen = 0
    while True:
        answer = order(running, "GET", f"/admin/bus?{urlencode({'cursor': json.dumps(cursor)})}")
        cursor = answer["cursor"]
        if answer["lost"]:
            sys.stderr.write(f"{answer['lost']} messages went by too quickly\n")
        for message in answer["messages"]:
            if (key := (message["queue"], message["id"])) in shown:
                continue  # one worker has sent it, another one takes it by now
            shown.append(key)
            typer.echo(json.dumps(message, ensure_ascii=False) if as_json else line(message))
            seen += 1
            if seen == limit:
                return
        time.sleep(LOOK)


@app.command()
def send(
    message_type: Annotated[str, typer.Argument(metavar="TYPE", help="Of the message, as `GetTaskState`.")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="Its body, a JSON object; - reads the standard input.")],
    files: Files = None,
    settings: Settings = None,
    *,
    queue: Annotated[
        str | None, typer.Option(metavar="NAME", help="Where to; otherwise the first queue that takes this type.")
    ] = None,
    dev: Development = False,
) -> None:
    """Put one message on the bus, checked as the role that takes it will; print its queue and id.

    What becomes of it `mre tail` shows: answers go to the chat side.

    Example: `echo '{"TaskId": "…"}' | bayeux-gateway mre send GetTaskState -`
    """
    body = {"type": message_type, "queue": queue, "body": _read(file)}
    answer = order(find_running(load(sources(files, settings, dev=dev)), os.environ), "POST", "/admin/bus", body)
    typer.echo(json.dumps({"queue": answer["queue"], "id": answer["id"]}))


def line(message: Mapping[str, Any]) -> str:
    """One message for people."""
    when = datetime.fromtimestamp(message["time"], UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{when} {message['queue']} {message['type']} {message['id']} {message['body']}"


def _read(file: str) -> Any:
    try:
        text = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        body = json.loads(text)
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Failure('a body is a JSON object, as {"AgentId": "Agent1", "Mrd": "chat"}')
    return body
