"""Who the client is when a proxy stands before us.

What a proxy says is believed only if the proxy is trusted: otherwise everybody could claim any
address (SEC-96).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

MAX_HOPS = 20  # trusted proxies one behind the other


@dataclass(frozen=True, slots=True)
class Client:
    """How the client reached the outermost server that we trust."""

    peer: str
    secure: bool
    http2: bool
    host: str

    @property
    def own_origin(self) -> str:
        """What a browser calls this server."""
        return f"{'https' if self.secure else 'http'}://{self.host}"


class Proxies:
    """The networks whose ``X-Forwarded-For``, ``-Proto``, ``-Host`` and ``Via`` are believed.

    Raises ValueError for what is not a network.
    """

    def __init__(self, networks: Iterable[str] = ()) -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self.are_trusted: bool = bool(self._networks)
        """Whether any proxy is believed."""

    def client(self, peer: str, secure: bool, headers: Mapping[str, str]) -> Client:
        """The client of a request that came from ``peer``."""
        host = headers.get("host", "")
        if not self._trusts(peer):
            return Client(peer, secure, False, host)
        protocol = _last(headers.get("x-forwarded-proto", ""))
        if protocol in ("http", "https"):
            secure = protocol == "https"
        first_hop = headers.get("via", "").split(",")[0].strip()
        return Client(
            self._forwarded_for(peer, headers.get("x-forwarded-for", "")),
            secure,
            first_hop.removeprefix("HTTP/").startswith("2"),
            _last(headers.get("x-forwarded-host", "")) or host,
        )

    def _forwarded_for(self, peer: str, forwarded_for: str) -> str:
        """Each proxy adds whom it heard from, so the client is the last whom we do not trust."""
        for each in reversed(forwarded_for.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            address = each.strip()
            if not _is_address(address):
                break
            peer = address
            if not self._trusts(address):
                break
        return peer

    def _trusts(self, peer: str) -> bool:
        if not self._networks or not _is_address(peer):
            return False
        address = ip_address(peer)
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)


def _last(values: str) -> str:
    """A proxy adds its own word behind what it was sent."""
    return values.rpartition(",")[2].strip().lower()


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
