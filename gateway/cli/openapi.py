"""``openapi``: the references of our REST interfaces, for tools that read them.

Source: AG-69, AG-140, ERR-1.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer

from gateway.api.routes import reference as reference_for_agents
from gateway.customers.http.routes import reference as reference_for_customers


class Interface(Enum):
    """Whose."""

    AGENTS = "agents"
    CUSTOMERS = "customers"


def openapi(
    interface: Annotated[Interface, typer.Argument(help="Whose interface.")] = Interface.AGENTS,
) -> None:
    """Print the OpenAPI document of an interface."""
    document = reference_for_agents() if interface is Interface.AGENTS else reference_for_customers()
    typer.echo(json.dumps(document, indent=1))
