"""URLs of Redis: what they say, and that their text tells no password."""

from __future__ import annotations

import ssl

import pytest

from bayeux.backplane.redis.topology import Account, Address, Form, Topology

pytestmark = pytest.mark.spec("OPS-70")


@pytest.mark.parametrize(
    ("url", "form", "addresses", "shown"),
    [
        ("redis://cache", Form.SINGLE, ["cache:6379"], "redis://cache:6379"),
        ("redis://cache:7000/3", Form.SINGLE, ["cache:7000"], "redis://cache:7000/3"),
        ("rediss://ada:pw@[::1]:7000", Form.SINGLE, ["[::1]:7000"], "rediss://ada@[::1]:7000"),
        ("unix:///run/redis.sock?db=2", Form.SINGLE, ["/run/redis.sock"], "unix:///run/redis.sock?db=2"),
        ("unix://ada:pw@/run/redis.sock", Form.SINGLE, ["/run/redis.sock"], "unix://ada@/run/redis.sock"),
        (
            "redis+sentinel://:pw@a,b:26380/main/1",
            Form.SENTINEL,
            ["a:26379", "b:26380"],
            "redis+sentinel://a:26379,b:26380/main/1",
        ),
        ("rediss+cluster://ada:pw@a,b", Form.CLUSTER, ["a:6379", "b:6379"], "rediss+cluster://ada@a:6379,b:6379"),
    ],
)
def test_url_says_where_servers_are(url: str, form: Form, addresses: list[str], shown: str) -> None:
    """Every form; as text it is the same without its password."""
    topology = Topology.parse(url)
    assert topology.form is form
    assert [str(address) for address in topology.addresses] == addresses
    assert str(topology) == shown
    assert "pw" not in repr(topology)


def test_account_may_contain_any_character() -> None:
    """User and password are percent-encoded."""
    assert Topology.parse("redis://a%40b:p%3A%2F%23w@cache").account == Account("a@b", "p:/#w")


def test_sentinels_have_an_account_of_their_own() -> None:
    """That of the URL is the master's."""
    topology = Topology.parse("redis+sentinel://ada:one@a/main?sentinel_username=eve&sentinel_password=two")
    assert topology.account == Account("ada", "one")
    assert topology.of_sentinels().account == Account("eve", "two")
    assert topology.of_sentinels().url_of(Address("a", 26379)) == "redis://eve@a:26379"


def test_certificates_are_options() -> None:
    """By redis-py's names for them."""
    tls = Topology.parse("rediss://a?ssl_ca_certs=/ca.pem&ssl_certfile=/c.pem&ssl_keyfile=/k.pem").tls
    assert tls is not None
    assert (tls.ca, tls.certificate, tls.key) == ("/ca.pem", "/c.pem", "/k.pem")
    assert tls.checks_name and tls.requires is ssl.CERT_REQUIRED
    loose = Topology.parse("rediss://a?ssl_cert_reqs=none").tls
    assert loose is not None and loose.requires is ssl.CERT_NONE and not loose.checks_name


@pytest.mark.parametrize(
    ("url", "wrong"),
    [
        ("cache:6379", "must begin with redis://"),
        ("http://cache", "must begin with redis://"),
        ("unix+cluster:///run/redis.sock", "must begin with"),
        ("redis+shards://a,b", "must begin with"),
        ("redis://", "lacks a host"),
        ("redis://ada:secret@a,b", "several servers"),
        ("redis://ada:secret@a:port", "no port"),
        ("redis://ada:secret@a/one", "the number of the database must be a number"),
        ("redis://ada:secret@a/1/2", "too many parts"),
        ("redis://ada:secret@a?ssl_ca_certs=/ca.pem", "unknown option 'ssl_ca_certs'"),
        ("rediss://ada:secret@a?ssl_cert_reqs=perhaps", "required or none"),
        ("redis+sentinel://ada:secret@a", "lacks the name of the master"),
        ("redis+cluster://ada:secret@a/2", "only number 0"),
        ("redis://ada:se#secret@a", "%23"),
        ("unix://host/run/redis.sock", "unix:///path"),
    ],
)
def test_wrong_url_is_refused_without_its_password(url: str, wrong: str) -> None:
    """The text names place and problem."""
    with pytest.raises(ValueError, match=wrong) as refused:
        Topology.parse(url)
    assert "secret" not in str(refused.value)
