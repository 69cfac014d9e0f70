"""Dead letters tell all but secrets."""

from __future__ import annotations

import pytest

from gateway.routing.bus.bus import BusMessage
from gateway.routing.bus.dead_letters import masked


def body_of(body: bytes) -> bytes:
    """What is left of a body."""
    return masked(BusMessage(type="Login", body=body, id="id-1", key="")).body


@pytest.mark.spec("MRE-116")
@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"AgentId":"A","Password":"s3cret"}', b'{"AgentId":"A","Password":"***"}'),
        (b'{"pAssWord":["s3cret"]}', b'{"pAssWord":"***"}'),
        (b'{"pass\\u0077ord":"s3cret"}', b'{"password":"***"}'),
        (b'{"list":[{"deep":{"Password":"s3cret"}}]}', b'{"list":[{"deep":{"Password":"***"}}]}'),
        (b'[{"Password":"s3cret"}]', b'[{"Password":"***"}]'),
        (b'{"Password":"s3cret"', b'"left out: it is no JSON, and names a password"'),
    ],
)
def test_a_password_is_masked_wherever_it_stands(body: bytes, shown: bytes) -> None:
    assert body_of(body) == shown


@pytest.mark.parametrize("body", [b'{ "AgentId" :  "A" }', b'{"name":"Zo\\u00eb"}', b"{", b"", b"\xff"])
def test_a_body_without_one_is_kept_to_the_byte(body: bytes) -> None:
    assert body_of(body) == body
