"""A program that knows nothing but the OpenAPI document tries the management of a gateway (schemathesis)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.process import ANYWHERE, Process
from tests.gateway.tried import assert_as_documented

PATIENT = ("--set", "auth.login_failures=100000", "--set", "auth.login_failures_per_address=100000")
"""It shows wrong passwords in plenty, which would be answered 429 for a while."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Process]:
    process = Process(tmp_path, "serve", "--dev", *ANYWHERE, *PATIENT)
    yield process
    process.close()


@pytest.mark.spec("NF-2", "AUTH-4", "MG-24", "ERR-1")
@pytest.mark.timeout(300)
def test_every_answer_is_as_the_document_says(gateway: Process) -> None:
    # What a text has to be depends on the option, and which tag counts on what is there: no schema says that.
    unsaid = ("--exclude-checks", "positive_data_acceptance")
    assert_as_documented(gateway, "/genesys/1/admin/openapi.json", "--auth", "default:password", *unsaid, examples=20)
