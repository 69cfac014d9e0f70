"""What the backplane's keys and channels are called.

Each begins with the prefix and the version of its format (OPS-64, 77). What one script touches carries one hash tag, so
that it lies on one server of a Cluster. What others chose, such as channels and clientIds, goes in hashed: no name can
leave its slot or reach another key (SEC-82), and who reads the keys learns no clientId.

Source: OPS-64, OPS-77, SEC-46, SEC-82.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

VERSION: Final = 1
"""Of keys and of what stands in them."""

_PREFIX = re.compile(r"[A-Za-z0-9_.-]{1,32}\Z")
_NODE = re.compile(r"[A-Za-z0-9]{1,32}\Z")


def is_node_id(text: str) -> bool:
    """Whether a node can be called so; what a client says may be anything."""
    return _NODE.match(text) is not None


class Keys:
    """The names of one installation.

    Args:
        prefix: keeps it apart from others in the same Redis.

    Raises ValueError.
    """

    def __init__(self, prefix: str = "bayeux") -> None:
        if _PREFIX.match(prefix) is None:
            raise ValueError(f"prefix {prefix!r}: up to 32 letters, digits, dots, dashes and underscores")
        self.prefix = prefix
        self._base = f"{prefix}:{VERSION}"
        self._events = f"{self._base}:events:{{{prefix}:"

    # of a partition

    def events(self, partition: int) -> str:
        """Its pub/sub channel."""
        return f"{self._events}{partition}}}"

    def partition(self, channel: str) -> int | None:
        """Whose pub/sub channel it is; None if of none."""
        number = channel[len(self._events) : -1]
        return int(number) if channel.startswith(self._events) and number.isdecimal() else None

    def state(self, partition: int) -> str:
        """Its epoch and place."""
        return self._of_partition("state", partition)

    def journal(self, partition: int) -> str:
        """What was published there lately."""
        return self._of_partition("journal", partition)

    def last(self, partition: int, node: str) -> str:
        """What a node published there last."""
        return f"{self._of_partition('last', partition)}:{node}"

    def channels(self, partition: int) -> str:
        """Those with history."""
        return self._of_partition("channels", partition)

    def history(self, partition: int, channel: str) -> tuple[str, str]:
        """A channel's events, and what is to be known about them."""
        name = hashed(channel)
        return (
            f"{self._of_partition('history', partition)}:{name}",
            f"{self._of_partition('about', partition)}:{name}",
        )

    # of a node

    def lease(self, node: str) -> str:
        """There while the node is."""
        return f"{self._base}:lease:{{{self.prefix}:{node}}}"

    def lane(self, node: str) -> str:
        """What others say to it."""
        return f"{self._base}:lane:{{{self.prefix}:{node}}}"

    def checkpoint(self, node: str) -> str:
        """What it said last about its sessions."""
        return f"{self._base}:checkpoint:{{{self.prefix}:{node}}}"

    @property
    def nodes(self) -> str:
        """Who was there lately."""
        return f"{self._base}:nodes"

    @property
    def agreed(self) -> str:
        """What all nodes have the same of."""
        return f"{self._base}:agreed"

    # of a session

    def session(self, client_id: str) -> str:
        """Its claim and record."""
        return f"{self._base}:session:{hashed(client_id)}"

    def _of_partition(self, kind: str, partition: int) -> str:
        return f"{self._base}:{kind}:{{{self.prefix}:{partition}}}"


def hashed(text: str) -> str:
    """Of fixed length and harmless characters."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
