"""A place that somebody asked us to call, read so strictly that nobody can read it another way.

What two programs might take for different hosts is refused instead of repaired: user info, backslashes, blanks, other
letters than ASCII, numbers that are addresses in disguise.

Source: SEC-70, SEC-72, NT-13; RFC 3986; ports as the Fetch standard blocks them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final, Self
from urllib.parse import urlsplit

from gateway.outgoing.failures import TargetRefused

MOST_CHARACTERS: Final = 2048
_TEXT = re.compile(r"[!-\[\]-~]+")
"""Printable ASCII without blank and backslash."""
_NAME = re.compile(r"(?=.{1,253}$)([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)*[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"\d+|0x[0-9a-f]*")
_PORTS: Final = {"http": 80, "https": 443}
_FIRST_FREE_PORT: Final = 1024
"""Below it are services that somebody might make do things by what we send."""
_TAKEN_PORTS: Final = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697}
    | {10080, 11211}
)
"""The same, above; the standard's, and those of Redis and memcached."""


@dataclass(frozen=True, slots=True)
class Url:
    """An ``http`` or ``https`` URL in its parts."""

    scheme: str
    host: str
    """In small letters; an address of IPv6 without its brackets."""
    port: int
    target: str
    """Path and query, as they are sent."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises TargetRefused."""
        if len(text) > MOST_CHARACTERS or _TEXT.fullmatch(text) is None:
            raise TargetRefused("no URL")
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise TargetRefused("no URL") from None
        if parts.scheme not in _PORTS:
            raise TargetRefused("neither http nor https")
        if "@" in parts.netloc:
            raise TargetRefused("a URL with user info")
        # Without a fragment, which is the reader's own business.
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        url = cls(parts.scheme, _host(parts.netloc), _PORTS[parts.scheme] if port is None else port, target)
        if not url.target.startswith("/") or not _may_be_called(url.port):
            raise TargetRefused("a port that is not for HTTP")
        return url

    @property
    def origin(self) -> str:
        """Of which there is one set of connections; it may be logged."""
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and, where it is not the usual one, port, as in the header ``Host``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def address(self) -> str | None:
        """The host, if it is an address and no name."""
        return self.host if ":" in self.host or _NUMBER.fullmatch(self.host.rpartition(".")[2]) else None


def _host(authority: str) -> str:
    """Raises TargetRefused."""
    host = authority.lower()
    if host.startswith("["):
        inside, _, after = host[1:].partition("]")
        if after and re.fullmatch(r":\d*", after) is None:
            raise TargetRefused("no host")
        return _ipv6(inside)
    host = host.partition(":")[0].removesuffix(".")
    if _NAME.fullmatch(host) is None:
        raise TargetRefused("no host")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        return _ipv4(host)
    return host


def _ipv4(host: str) -> str:
    # 127.1, 0x7f000001 and 017700000001 are the same address to some, and names to others.
    try:
        return str(IPv4Address(host))
    except AddressValueError:
        raise TargetRefused("an address in disguise") from None


def _ipv6(host: str) -> str:
    try:
        address = IPv6Address(host)
    except AddressValueError:
        raise TargetRefused("no host") from None
    if address.scope_id is not None:
        raise TargetRefused("an address of one link")
    return str(address)


def _may_be_called(port: int) -> bool:
    return port in _PORTS.values() or (port >= _FIRST_FREE_PORT and port not in _TAKEN_PORTS)
