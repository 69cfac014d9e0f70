"""Where a message broker is, and who logs in there.

Source: MRE-137.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlsplit

PORT: Final = 61613
"""Where brokers usually speak STOMP."""
_TLS: Final = "ssl://"


@dataclass(frozen=True, slots=True)
class Broker:
    """``str`` of it has no password."""

    host: str
    port: int = PORT
    login: str = ""
    passcode: str = field(default="", repr=False)
    tls: bool = False

    @classmethod
    def parse(cls, text: str, login: str = "", passcode: str = "") -> Self:
        """``host:port``, or ``ssl://host:port`` for TLS. Raises ValueError."""
        wrong = ValueError(f"a broker is written as host:{PORT}, or {_TLS}host:{PORT} for TLS, not {text!r}")
        place = text.removeprefix(_TLS)
        split = urlsplit(f"//{place}")
        try:
            host, port = split.hostname, split.port
        except ValueError:
            raise wrong from None
        if not host or split.netloc != place or split.username is not None:
            raise wrong
        return cls(host, port or PORT, login, passcode, text.startswith(_TLS))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{_TLS if self.tls else ''}{host}:{self.port}"
