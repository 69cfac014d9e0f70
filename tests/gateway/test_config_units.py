"""Durations, sizes and addresses."""

import pytest

from gateway.config.units import Address, Duration, Size


@pytest.mark.spec("OPS-22")
@pytest.mark.parametrize(
    ("text", "seconds"),
    [("500ms", 0.5), ("10s", 10), ("1.5s", 1.5), ("5m", 300), ("1h", 3600), ("2d", 172800), ("10 s", 10), ("0", 0)],
)
def test_durations_have_units(text: str, seconds: float) -> None:
    assert Duration.parse(text) == seconds
    assert Duration.parse(str(Duration.parse(text))) == seconds


@pytest.mark.spec("OPS-22")
@pytest.mark.parametrize("value", [10, 1.5, "10", "ten", "10 parsecs", "-1s", "", None, True, "1e3s", "10S", ["1s"]])
def test_other_durations_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="unit"):
        Duration.parse(value)


@pytest.mark.spec("OPS-22")
@pytest.mark.parametrize(("text", "size"), [("1B", 1), ("64KiB", 65536), ("1MiB", 1048576), ("0", 0), ("1.5KiB", 1536)])
def test_sizes_have_units(text: str, size: int) -> None:
    assert Size.parse(text) == size
    assert Size.parse(str(Size.parse(text))) == size


@pytest.mark.spec("OPS-22")
@pytest.mark.parametrize("value", [64, "64", "64k", "64KB", "64kib", "1 TB", True])
def test_other_sizes_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="unit"):
        Size.parse(value)


@pytest.mark.spec("OPS-40")
@pytest.mark.parametrize(
    ("text", "host", "port", "is_loopback"),
    [
        ("127.0.0.1:8080", "127.0.0.1", 8080, True),
        ("[::1]:0", "::1", 0, True),
        ("localhost:1", "localhost", 1, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("[::]:80", "::", 80, False),
    ],
)
def test_addresses(text: str, host: str, port: int, is_loopback: bool) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, address.is_loopback) == (host, port, is_loopback)
    assert str(address) == text


@pytest.mark.parametrize(
    "value", ["8080", ":8080", "host", "host:", "host:65536", "a b:1", "::1:80", 8080, "127.0.0.1:x"]
)
def test_other_addresses_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="host:port"):
        Address.parse(value)
