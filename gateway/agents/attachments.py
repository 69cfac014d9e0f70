"""Files of e-mails: kept apart from the interactions, which are read and written with every change.

Source: AG-80.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from channels.letter import Letter
from gateway.agents.turn import Turn
from gateway.store.store import Room

KEPT: Final = 30 * 24 * 60 * 60.0
"""Seconds; who answers later answers without them."""


class Attachments:
    """Their contents, by the keys that letters know."""

    def __init__(self, room: Room) -> None:
        self._room = room

    async def put(self, turn: Turn, contents: Mapping[str, bytes]) -> None:
        """Keep these; what is kept already stays."""
        keys = {key: _document(key) for key in contents}
        for (key, name), known in zip(keys.items(), await turn.read(*keys.values()), strict=True):
            if known is None:
                turn.write(name, {"content": base64.b64encode(contents[key]).decode()}, ttl=KEPT)

    async def of(self, letter: Letter) -> Mapping[str, bytes]:
        """Those of a letter that are there still."""
        keys = [each.key for each in letter.attachments]
        found = await self._room.read(*map(_document, keys)) if keys else ()
        return {
            key: base64.b64decode(each.body["content"])
            for key, each in zip(keys, found, strict=True)
            if each is not None
        }


def _document(key: str) -> str:
    return f"attachment:{key}"
