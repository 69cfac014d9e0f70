"""What all tables of the configuration file have in common."""

from __future__ import annotations

from pydantic import BaseModel

from gateway.config.bayeux import strict


class Section(BaseModel):
    """A table of the configuration file."""

    model_config = strict
