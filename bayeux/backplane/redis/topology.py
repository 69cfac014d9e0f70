"""Where the Redis servers of an installation are, as its URL says (OPS-70).

=================================================== ===========================================================
``redis://[user:password@]host[:6379][/db]``        one server
``unix://[user:password@]/path/of/socket[?db=N]``   one server on this machine
``redis+sentinel://…host[:26379],host/name[/db]``   the master called ``name``, found through Sentinels
``redis+cluster://…host[:6379],host``               a Cluster, found through any of its servers
=================================================== ===========================================================

``rediss`` in place of ``redis`` speaks TLS, to Sentinels as well. Options after ``?``: ``ssl_ca_certs``,
``ssl_certfile``, ``ssl_keyfile`` (files), ``ssl_check_hostname=false``, ``ssl_cert_reqs=none``; ``sentinel_username``,
``sentinel_password``.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

_FORMS = "redis://, rediss://, unix://, redis+sentinel://, rediss+sentinel://, redis+cluster:// or rediss+cluster://"
_SSL_OPTIONS = frozenset({"ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname", "ssl_cert_reqs"})
_SENTINEL_OPTIONS = frozenset({"sentinel_username", "sentinel_password"})
_REQUIREMENTS = {"required": ssl.CERT_REQUIRED, "none": ssl.CERT_NONE}


class Form(Enum):
    """How servers are found, by the name in an URL."""

    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class Address:
    """Of a server: host and port, or the path of a socket."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


@dataclass(frozen=True, slots=True)
class Account:
    """Who logs in; without a password nobody does."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Tls:
    """How a server's certificate is checked, and which one is shown to it."""

    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    checks_name: bool = True
    requires: ssl.VerifyMode = ssl.CERT_REQUIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """``str`` of it is its URL without passwords.

    Args:
        addresses: of the server, of Sentinels, or of some servers of a Cluster.
        master: what Sentinels call the server.
    """

    form: Form
    addresses: tuple[Address, ...]
    account: Account = Account()
    master: str = ""
    sentinel_account: Account = Account()
    database: int = 0
    tls: Tls | None = None

    @classmethod
    def parse(cls, url: str) -> Topology:
        """Raises ValueError, which names what is wrong and never a password."""
        try:
            return _parse(url)
        except ValueError as error:
            raise ValueError(f"{_without_secrets(url)}: {error}") from None

    def __str__(self) -> str:
        hosts = ",".join(map(str, self.addresses))
        rest = f"/{quote(self.master)}" if self.master else ""
        if self.database:
            rest += f"?db={self.database}" if self.addresses[0].path else f"/{self.database}"
        return f"{self._scheme}://{self._user}{hosts}{rest}"

    def url_of(self, address: Address) -> str:
        """One of its servers, for people: without a password."""
        return f"{self._scheme.partition('+')[0]}://{self._user}{address}"

    @property
    def _scheme(self) -> str:
        scheme = "unix" if self.addresses[0].path else "rediss" if self.tls else "redis"
        return f"{scheme}+{self.form.value}" if self.form.value else scheme

    @property
    def _user(self) -> str:
        return f"{quote(self.account.username, safe='')}@" if self.account.username else ""

    def of_sentinels(self) -> Topology:
        """How Sentinels themselves are spoken to."""
        return replace(self, form=Form.SINGLE, account=self.sentinel_account, database=0, master="")


def _parse(url: str) -> Topology:
    split = urlsplit(url)
    scheme, _, how = split.scheme.partition("+")
    try:
        form = Form(how)
    except ValueError:
        raise ValueError(f"must begin with {_FORMS}") from None
    if scheme not in ("redis", "rediss", "unix") or (scheme == "unix" and how):
        raise ValueError(f"must begin with {_FORMS}")
    if split.fragment:
        raise ValueError("has a part after '#'; write that character in a password as %23")
    known = _SSL_OPTIONS if scheme == "rediss" else frozenset[str]()
    known |= _SENTINEL_OPTIONS if form is Form.SENTINEL else frozenset()
    options = _options(split.query, known | ({"db"} if scheme == "unix" else frozenset()))
    userinfo, _, hosts = split.netloc.rpartition("@")
    username, _, password = userinfo.partition(":")
    master, database = _path(split, form)
    if scheme == "unix":
        if hosts or not split.path.strip("/"):
            raise ValueError("must look like unix:///path/of/socket")
        addresses: tuple[Address, ...] = (Address(path=unquote(split.path)),)
        database = _number(options.get("db", "0"), "db")
    else:
        usual = 26379 if form is Form.SENTINEL else 6379
        addresses = tuple(_address(host, usual) for host in hosts.split(","))
        if form is Form.SINGLE and len(addresses) > 1:
            raise ValueError("names several servers: write redis+sentinel:// or redis+cluster://")
    return Topology(
        form=form,
        addresses=addresses,
        account=Account(unquote(username), unquote(password)),
        master=master,
        sentinel_account=Account(options.get("sentinel_username", ""), options.get("sentinel_password", "")),
        database=database,
        tls=_tls(options) if scheme == "rediss" else None,
    )


def _path(split: SplitResult, form: Form) -> tuple[str, int]:
    """The master's name and the number of the database."""
    if split.scheme == "unix":
        return "", 0
    parts = [unquote(part) for part in split.path.split("/") if part]
    master = ""
    if form is Form.SENTINEL:
        if not parts:
            raise ValueError("lacks the name of the master: redis+sentinel://host:26379/NAME")
        master = parts.pop(0)
    database = _number(parts.pop(0), "the number of the database") if parts else 0
    if parts:
        raise ValueError(f"has too many parts: {'/'.join(parts)!r}")
    if form is Form.CLUSTER and database:
        raise ValueError("names a database; a Cluster has only number 0")
    return master, database


def _address(text: str, usual_port: int) -> Address:
    split = urlsplit(f"//{text}")
    try:
        port = split.port
    except ValueError:
        raise ValueError(f"has no port in {text!r}") from None
    if not split.hostname or split.path:
        raise ValueError("lacks a host")
    return Address(split.hostname, usual_port if port is None else port)


def _options(query: str, known: frozenset[str]) -> Mapping[str, str]:
    options = dict(parse_qsl(query, keep_blank_values=True))
    for name in options:
        if name not in known:
            raise ValueError(f"has the unknown option {name!r}; there are {', '.join(sorted(known)) or 'none'}")
    return options


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise ValueError(f"{what} must be a number, not {text!r}")
    return int(text)


def _tls(options: Mapping[str, str]) -> Tls:
    requires = _REQUIREMENTS[_choice(options, "ssl_cert_reqs", "required", "none")]
    checks_name = _choice(options, "ssl_check_hostname", "true", "false") == "true"
    return Tls(
        ca=options.get("ssl_ca_certs"),
        certificate=options.get("ssl_certfile"),
        key=options.get("ssl_keyfile"),
        checks_name=checks_name and requires is not ssl.CERT_NONE,
        requires=requires,
    )


def _choice(options: Mapping[str, str], name: str, usual: str, other: str) -> str:
    chosen = options.get(name, usual)
    if chosen not in (usual, other):
        raise ValueError(f"{name} must be {usual} or {other}, not {chosen!r}")
    return chosen


def _without_secrets(url: str) -> str:
    """As much of an URL that may be no URL as can be shown."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "the URL of Redis"
    userinfo, at, place = rest.partition("?")[0].rpartition("@")
    return f"{scheme}://{userinfo.partition(':')[0]}{at}{place}"
