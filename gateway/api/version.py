"""``/api/v2/diagnostics/version``: which release this is.

Source: AG-15.
"""

from __future__ import annotations

import gateway
from gateway.agents.operations import Json
from gateway.api.declaration import Reads
from gateway.api.resource import Readable


class Version(Readable):
    """Asked before anybody signs in."""

    path = "/diagnostics/version"
    is_for_everybody = True
    gets = Reads(says="The gateway's version.", answer={"version": {"type": "string"}})

    async def read(self, query: Json, *path: str) -> Json:
        """Of this process."""
        return {"version": gateway.__version__}
