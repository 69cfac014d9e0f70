"""Where addresses lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outgoing.addresses import Reach, reach

OPEN = """
1.1.1.1 8.8.8.8 93.184.215.14 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 192.0.1.0 198.17.255.255 198.20.0.0
223.255.255.255 2606:2800:21f:cb07:6820:80da:af6b:8b2c 2a00:1450:4001:82a::200e 2001:200::1 2001:4860:4860::8888
::ffff:8.8.8.8 64:ff9b::8.8.8.8 2002:808:808::1
"""
PRIVATE = """
10.0.0.0 10.255.255.255 127.0.0.1 127.255.255.254 172.16.0.1 172.31.255.255 192.168.0.1 192.168.255.255 100.64.0.1
100.127.255.255 ::1 fc00::1 fdff:ffff::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:7f00:1 64:ff9b::10.0.0.1
64:ff9b::7f00:1 2002:7f00:1:: 2002:a00:1::1 2002:c0a8:101::
"""
REFUSED = """
0.0.0.0 0.1.2.3 169.254.0.1 169.254.169.254 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.1 198.19.255.255
198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255 100.100.100.200 168.63.129.16
:: ::2 ::8.8.8.8 ::ffff:0.0.0.0 ::ffff:169.254.169.254 ::ffff:0:8.8.8.8 64:ff9b::169.254.169.254 64:ff9b:1::8.8.8.8
100::1 2001::1 2001:0:5ef5:79fd::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 3fff::1 2002:a9fe:a9fe:: 2002:e000:1::
5f00::1 4000::1 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1 fd00:ec2::254 fd20:ce::254 2001:4860::8888%1
"""


@pytest.mark.spec("SEC-70")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (text, expected)
        for texts, expected in ((OPEN, Reach.OPEN), (PRIVATE, Reach.PRIVATE), (REFUSED, Reach.REFUSED))
        for text in texts.split()
    ],
)
def test_where_an_address_leads(text: str, expected: Reach) -> None:
    assert reach(text) is expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f.0.0.1", "010.0.0.1", "1.2.3.4/8", "8.8.8.8 ", "12345"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    assert reach(text) is Reach.REFUSED


@given(st.ip_addresses())
def test_nothing_is_open_that_the_standard_library_calls_otherwise(address: object) -> None:
    from ipaddress import ip_address

    if reach(str(address)) is Reach.OPEN and str(address).partition(":")[0] not in ("64", "2002", ""):
        assert ip_address(str(address)).is_global


@given(st.ip_addresses(v=4))
def test_an_address_inside_another_counts_as_itself(address: object) -> None:
    assert reach(f"::ffff:{address}") is reach(str(address))
    assert reach(f"64:ff9b::{address}") is reach(str(address))
