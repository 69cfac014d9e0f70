"""The vendor's samples as patterns: what differs from house to house is masked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "samples" / "agent"

MASKED = frozenset(
    {
        # ids
        "id", "interactionId", "sessionId", "UserId", "ContactId", "RStrategyDBID", "ChatServerDBID",
        # dates and what a mail server writes
        "Header_Date", "Header_Message-ID", "Header_Content-Type",
        # where the gateway runs
        "ChatServerHost", "ChatServerPort", "ChatServerAppName",
        # target expressions are the house's own
        "RTargetObjectSelected", "RTargetRequested", "RTargetAgentGroup",
    }
)  # fmt: skip
"""Keys whose values are not compared; that they are there, is."""


def sample(name: str) -> Any:
    """The notification of a sample."""
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))[0]["data"]


def masked(value: Any) -> Any:
    """With ids, dates and the like taken out; ``PegAG<target>`` counts how often the house's target was chosen."""
    if isinstance(value, dict):
        return dict(_masked_item(key, each) for key, each in value.items())
    if isinstance(value, list):
        return [masked(each) for each in value]
    return value


def _masked_item(key: str, value: Any) -> tuple[str, Any]:
    if key.startswith("PegAG"):
        return "PegAG…", type(value).__name__
    return key, "…" if key in MASKED else masked(value)
