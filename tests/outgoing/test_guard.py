"""Which places may be called."""

from __future__ import annotations

import pytest

from gateway.outgoing.failures import TargetRefused
from gateway.outgoing.guard import Guard
from gateway.outgoing.url import Url

ANY = Guard()
PRIVATE = Guard(allows_private=True)


@pytest.mark.spec("SEC-70")
@pytest.mark.parametrize(
    "host",
    """localhost LOCALHOST. x.localhost printer.local api.internal gateway router.lan x.home.arpa metadata
    metadata.google.internal instance-data 127.0.0.1 10.1.2.3 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1
    255.255.255.255 [::1] [::] [::ffff:127.0.0.1] [::ffff:a9fe:a9fe] [64:ff9b::7f00:1] [2002:7f00:1::] [fe80::1]
    [fc00::1] [ff02::1]""".split(),
)
def test_names_and_addresses_of_private_networks_are_refused(host: str) -> None:
    with pytest.raises(TargetRefused):
        ANY.check_name(Url.parse(f"http://{host}/"))


@pytest.mark.parametrize("host", "localhost gateway api.internal 127.0.0.1 10.1.2.3 [::1] [fc00::1]".split())
def test_private_networks_may_be_allowed(host: str) -> None:
    PRIVATE.check_name(Url.parse(f"http://{host}/"))


@pytest.mark.parametrize(
    "host",
    """169.254.169.254 metadata.google.internal 0.0.0.0 224.0.0.1 255.255.255.255 [fe80::1] [::] [fd00:ec2::254]
    [::ffff:169.254.169.254] 100.100.100.200""".split(),
)
def test_what_is_no_host_of_anybody_stays_refused(host: str) -> None:
    with pytest.raises(TargetRefused):
        PRIVATE.check_name(Url.parse(f"http://{host}/"))


@pytest.mark.spec("NT-13")
def test_only_listed_hosts_are_called_where_there_is_a_list() -> None:
    guard = Guard(allowed_hosts=("push.example.com", "*.customers.example"))
    for host in ("push.example.com", "PUSH.example.com.", "a.customers.example", "b.a.customers.example"):
        guard.check_name(Url.parse(f"https://{host}/"))
    for host in (
        "example.com",
        "xpush.example.com",
        "customers.example",
        "xcustomers.example",
        "push.example.com.evil.org",
    ):
        with pytest.raises(TargetRefused):
            guard.check_name(Url.parse(f"https://{host}/"))


@pytest.mark.spec("SEC-70")
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
        ["2a00:1450::1", "fe80::1"],
        ["8.8.8.8", "1.1.1.1", "::ffff:10.0.0.1"],
        ["8.8.8.8", "no address"],
    ],
)
def test_one_refused_address_speaks_against_the_name(addresses: list[str]) -> None:
    with pytest.raises(TargetRefused):
        ANY.check_addresses(addresses)
