"""Where the Redis servers of an installation are, as its URL says."""

from __future__ import annotations


class Topology:
    """Made by ``Topology.parse(url)``; ``str(topology)`` is the URL without its passwords."""

    @classmethod
    def parse(cls, url: str) -> Topology:
        """Raises ValueError, which names what is wrong and never a password."""
        raise NotImplementedError
