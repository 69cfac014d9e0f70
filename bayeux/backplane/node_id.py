"""The id of a node: new at every start, alphanumeric, of a fixed length (CLU-1)."""

from __future__ import annotations

from typing import Final

from bayeux.protocol.client_id import RandomBytes, new_client_id

NODE_ID_LENGTH: Final = 8  # 41 bits: no two of a hundred nodes that live at once are called the same


def new_node_id(random_bytes: RandomBytes) -> str:
    """A fresh id of eight characters ``[0-9a-z]``."""
    return new_client_id(random_bytes)[:NODE_ID_LENGTH]
