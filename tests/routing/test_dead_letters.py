"""Dead letters tell all but secrets."""

from __future__ import annotations

import pytest

from gateway.routing.bus.bus import BusMessage
from gateway.routing.bus.dead_letters import DeadLetter, masked


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


@pytest.mark.spec("MRE-116", "MRE-125")
@pytest.mark.parametrize(
    ("body", "is_whole"),
    [
        (b'{"AgentId":"A"}', True),
        (b'{"AgentId":"***"}', True),
        (b"{", True),
        (b"***", True),
        (b'{"Password":""}', False),
        (b'[{"deep":[{"pAssword":"s3cret"}]}]', False),
        (b'{"Password":"s3cret"', False),
    ],
)
def test_a_letter_knows_whether_it_can_be_sent_again_as_it_was(body: bytes, is_whole: bool) -> None:
    message = masked(BusMessage(type="Login", body=body, id="id-1", key=""))
    assert DeadLetter(message, "General", "a reason", 1, 1.0, 2.0).is_whole == is_whole
