"""``openapi``: the references of our REST interfaces, for tools that read them.

Source: AG-69, AG-140, ERR-1, MG-4.
"""

from __future__ import annotations

import json
from enum import Enum
from typing import Annotated

import typer


class Interface(Enum):
    """Whose."""

    AGENTS = "agents"
    CUSTOMERS = "customers"
    MANAGEMENT = "management"


def openapi(
    interface: Annotated[Interface, typer.Argument(help="Whose interface.")] = Interface.AGENTS,
) -> None:
    """Print the OpenAPI document of an interface."""
    if interface is Interface.AGENTS:
        from gateway.api.routes import reference  # noqa: PLC0415 (as in ``serve``)
    elif interface is Interface.CUSTOMERS:
        from gateway.customers.http.routes import reference  # noqa: PLC0415
    else:
        from gateway.management.routes import reference  # noqa: PLC0415
    typer.echo(json.dumps(reference(), indent=1))
