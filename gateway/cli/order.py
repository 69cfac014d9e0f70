"""One order to the internal listener of a gateway, and its answer.

Source: OPS-10, OPS-17, OPS-40.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from gateway.failure import ExitCode, Failure
from gateway.running import Running

PATIENCE = 10.0


def order(
    running: Running, method: str, path: str, body: Mapping[str, Any] | None = None, *, patience: float = PATIENCE
) -> Any:
    """What the gateway answers; raises Failure."""
    headers = {"Authorization": f"Bearer {running.token}", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection(urlsplit(running.internal).netloc, timeout=patience)
    try:
        connection.request(method, path, None if body is None else json.dumps(body).encode(), headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Failure(
            f"{running.internal} cannot be reached ({error}): start a gateway with `bayeux-gateway serve`",
            ExitCode.UNAVAILABLE,
        ) from None
    finally:
        connection.close()
    if response.status == http.client.UNAUTHORIZED:
        raise Failure(f"{running.internal} does not take our token: is internal.token that of the gateway there?")
    if response.status == http.client.SERVICE_UNAVAILABLE:
        text = answer.get("statusMessage", response.reason)
        raise Failure(f"{running.internal} cannot do it at present: {text}", ExitCode.TRY_AGAIN)
    if response.status != http.client.OK:
        raise Failure(f"{running.internal} refused: {answer.get('statusMessage', response.reason)}")
    return answer
