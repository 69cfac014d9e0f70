"""Which places may be called at all: by name before anything is resolved, by address before anything is connected.

Source: SEC-70, NT-13.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.outgoing.addresses import Reach, reach
from gateway.outgoing.failures import TargetRefused
from gateway.outgoing.url import Url

_METADATA: Final = frozenset({"metadata", "metadata.google.internal", "metadata.goog", "instance-data"})
_OURS: Final = ("localhost", "local", "internal", "intranet", "lan", "home.arpa", "localdomain")
"""Names that mean something else on each network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What the options say about places to call.

    ``allows_private`` lets through this machine and private networks, and nothing else: links, groups and the metadata
    of clouds stay refused.
    """

    allowed_hosts: tuple[str, ...] = ()
    """Names, or ``*.name`` for all below one; empty = any."""
    allows_private: bool = False

    def check_name(self, url: Url) -> None:
        """Raises TargetRefused."""
        if self.allowed_hosts and not any(_matches(url.host, pattern) for pattern in self.allowed_hosts):
            raise TargetRefused("not one of the allowed hosts")
        if url.address is not None:
            self.check_addresses([url.address])
        elif url.host in _METADATA or not (self.allows_private or _is_public(url.host)):
            raise TargetRefused("a name of a private network")

    def check_addresses(self, addresses: Sequence[str]) -> None:
        """All that a name resolves to: one that is refused speaks against the others. Raises TargetRefused."""
        reaches = {reach(address) for address in addresses}
        if Reach.REFUSED in reaches or (Reach.PRIVATE in reaches and not self.allows_private):
            raise TargetRefused("an address that is not on the open internet")


def _matches(host: str, pattern: str) -> bool:
    wanted = pattern.lower().removesuffix(".")
    return host.endswith(wanted[1:]) and host != wanted[2:] if wanted.startswith("*.") else host == wanted


def _is_public(name: str) -> bool:
    return "." in name and not any(name == each or name.endswith(f".{each}") for each in _OURS)
