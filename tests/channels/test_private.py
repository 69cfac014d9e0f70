"""Names that mean "mine"."""

import pytest

from bayeux.protocol.channel import parse_channel
from channels import private


@pytest.mark.spec("SEC-44", "AG-101")
@pytest.mark.parametrize("name", [*private.AGENT_CHANNELS, "/_genesys", "/v2/me/*", "/v2/me/**", "/_genesys/x"])
def test_names_and_patterns_below_a_prefix_are_private(name: str) -> None:
    assert parse_channel(name).is_below(private.PRIVATE_PREFIXES)


@pytest.mark.spec("SEC-44")
@pytest.mark.parametrize("name", ["/v2", "/v2/mexico", "/v2/*", "/**", "/_genesysx", private.SERVICES, "/V2/me"])
def test_other_names_are_not(name: str) -> None:
    assert not parse_channel(name).is_below(private.PRIVATE_PREFIXES)


@pytest.mark.spec("AG-104")
@pytest.mark.parametrize("pattern", ["/**", "/*", "/v2/*", "/v2/**"])
def test_wider_wildcards_reach_private_names(pattern: str) -> None:
    assert private.reaches_private(parse_channel(pattern))


@pytest.mark.spec("AG-104")
@pytest.mark.parametrize("pattern", ["/v2/users/**", "/news/*", "/v2/me", "/v2", "/v2/users/*"])
def test_other_patterns_do_not(pattern: str) -> None:
    assert not private.reaches_private(parse_channel(pattern))
