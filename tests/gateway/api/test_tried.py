"""A program that knows nothing but the OpenAPI document tries the API of a gateway (schemathesis)."""

from __future__ import annotations

import pytest

from tests.gateway.process import ANYWHERE, Start
from tests.gateway.tried import assert_as_documented

LENIENT = ("--set", "auth.login_failures=1000000", "--set", "auth.login_failures_per_address=1000000")
"""It also tries wrong passwords."""


@pytest.mark.soak
@pytest.mark.spec("AG-11", "AG-140", "AG-142")
def test_every_answer_is_as_the_document_says(start: Start) -> None:
    gateway = start("serve", "--dev", *ANYWHERE, *LENIENT)
    no_mails = ("--exclude-path", "/emails")  # it makes none
    assert_as_documented(gateway, "/api/v2/openapi.json", "--auth", "Agent1:Agent1", *no_mails, examples=5)
