"""Where the server under load is: a Bayeux endpoint, parsed from its URL."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

DEFAULT_PATH = "/cometd"  # the gateway's general endpoint

_TLS = {"http": False, "ws": False, "https": True, "wss": True}


class TargetWrong(ValueError):
    """A URL that names no Bayeux endpoint; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Target:
    """One endpoint; both transports are reached there."""

    host: str
    """A name or an address, without brackets."""
    port: int
    path: str = DEFAULT_PATH
    tls: bool = False

    @classmethod
    def parse(cls, url: str) -> Self:
        """From ``http``, ``https``, ``ws`` or ``wss``; a URL without a path means ``/cometd``.

        Raises TargetWrong.
        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise TargetWrong(f"{url}: {error}") from None
        if parts.scheme not in _TLS or not parts.hostname:
            raise TargetWrong(f"{url}: a URL like http://127.0.0.1:8080{DEFAULT_PATH} is needed")
        if parts.username is not None or parts.fragment:
            raise TargetWrong(f"{url}: neither a user nor a fragment belongs there")
        path = parts.path if parts.path not in ("", "/") else DEFAULT_PATH
        path = f"{path}?{parts.query}" if parts.query else path
        if not path.isascii() or not path.isprintable() or " " in path:
            raise TargetWrong(f"{url}: the path has characters that must be percent-encoded")
        tls = _TLS[parts.scheme]
        return cls(parts.hostname, port or (443 if tls else 80), path, tls)

    @property
    def url(self) -> str:
        """As an HTTP URL."""
        return f"{'https' if self.tls else 'http'}://{self.authority}{self.path}"

    @property
    def authority(self) -> str:
        """Host and port, as the ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """It is this machine by its own words: ``localhost`` or a loopback address; names are not looked up."""
        if self.host == "localhost" or self.host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class Door:
    """A target with the address that connections go to, looked up once for all generators."""

    target: Target
    family: int
    sockaddr: tuple[str | int, ...]

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of ``dataclasses.asdict``, after JSON has made a list of the address."""
        return cls(Target(**fields["target"]), fields["family"], tuple(fields["sockaddr"]))
