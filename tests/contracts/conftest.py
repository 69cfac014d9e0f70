"""Which stores the contract suites run on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.nodes import Nodes, NodesInMemory

STORES = {"memory": NodesInMemory}


@pytest.fixture(params=STORES)
async def nodes(request: pytest.FixtureRequest) -> AsyncIterator[Nodes]:
    """A store, and nodes to come."""
    made = STORES[request.param]()
    yield made
    await made.close()
