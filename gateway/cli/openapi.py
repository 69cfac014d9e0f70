"""``openapi``: the reference of the agents' interface, for tools that read it.

Source: AG-69, AG-140.
"""

from __future__ import annotations

import json

import typer

from gateway.api.routes import reference


def openapi() -> None:
    """Print the OpenAPI document of the agents' interface."""
    typer.echo(json.dumps(reference(), indent=1))
