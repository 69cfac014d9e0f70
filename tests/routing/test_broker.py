"""How a broker is named."""

from __future__ import annotations

import pytest

from gateway.routing.bus.broker import Broker


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("host", Broker("host", 61613)),
        ("host:7", Broker("host", 7)),
        ("ssl://host:7", Broker("host", 7, tls=True)),
        ("[::1]:7", Broker("::1", 7)),
    ],
)
def test_a_text_names_a_broker(text: str, broker: Broker) -> None:
    assert Broker.parse(text) == broker
    assert Broker.parse(str(broker)) == broker


@pytest.mark.parametrize(
    "text", ["", "ssl://", "tcp://host", "host/path", "host?x=1", "host:x", "host:99999", "me@host"]
)
def test_what_names_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="written as host:61613"):
        Broker.parse(text)


@pytest.mark.spec("MRE-116")
def test_a_password_is_never_shown() -> None:
    broker = Broker.parse("host", "me", "s3cret")
    assert "s3cret" not in f"{broker} {broker!r}"
