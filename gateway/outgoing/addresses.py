"""What an address leads to: the open internet, a network of ours, or nothing that anybody should call.

Of IPv6 only what is given to the internet counts as open, less what is set apart in it, so a range that is thought of
later is refused until it is listed. Addresses that carry one of IPv4 inside are as good as that one.

Source: SEC-70; IANA's registries of special-purpose addresses; the metadata addresses of cloud providers.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

Ip = IPv4Address | IPv6Address
_Networks = tuple[IPv4Network | IPv6Network, ...]


class Reach(Enum):
    """Where an address leads."""

    OPEN = "open"
    PRIVATE = "private"
    """This machine, or a network that is somebody's own."""
    REFUSED = "refused"
    """No single host, nobody's, a link's, or where a cloud tells its machines their secrets."""


def _networks(texts: str) -> _Networks:
    return tuple(ip_network(text) for text in texts.split())


_SECRETS: Final = _networks("100.100.100.200/32 168.63.129.16/32 192.0.0.192/32 fd00:ec2::254/128 fd20:ce::254/128")
"""Metadata, besides what is link-local."""
_PRIVATE: Final = _networks("10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 172.16.0.0/12 192.168.0.0/16 ::1/128 fc00::/7")
_APART: Final = _networks(
    "0.0.0.0/8 169.254.0.0/16 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 "
    "224.0.0.0/3 2001::/23 2001:db8::/32 3fff::/20"
)
_INTERNET: Final = IPv6Network("2000::/3")

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
_6TO4: Final = IPv6Network("2002::/16")


def reach(text: str) -> Reach:
    """Where an address leads, as a resolver wrote it; what is no address, or holds on one link only, is refused."""
    try:
        address = ip_address(text)
    except ValueError:
        return Reach.REFUSED
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            return Reach.REFUSED
        address = _inside(address)
    if _is_in(address, _SECRETS):
        return Reach.REFUSED
    if _is_in(address, _PRIVATE):
        return Reach.PRIVATE
    if _is_in(address, _APART) or (address.version == 6 and address not in _INTERNET):
        return Reach.REFUSED
    return Reach.OPEN


def _inside(address: IPv6Address) -> Ip:
    """The address of IPv4 that one of IPv6 stands for, else the same."""
    bits = int(address)
    if address in _MAPPED or address in _NAT64:
        return IPv4Address(bits & 0xFFFF_FFFF)
    if address in _6TO4:
        return IPv4Address(bits >> 80 & 0xFFFF_FFFF)
    return address


def _is_in(address: Ip, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks)
