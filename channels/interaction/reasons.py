"""Why an interaction was taken away or ended: told to clients that asked for it, kept with the leg (AG-58)."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """The words of ``ext.gw.reason``."""

    RONA = "RONA"
    """The agent did not answer in time."""
    CUSTOMER_LEFT = "CUSTOMER_LEFT"
    TAKEN_ELSEWHERE = "TAKEN_ELSEWHERE"
    LOGOUT = "LOGOUT"
    SUPERVISOR = "SUPERVISOR"
    REJECTED = "REJECTED"
    TRANSFERRED = "TRANSFERRED"
    REQUEUED = "REQUEUED"
    DONE = "DONE"
    CONNECTION_LOST = "CONNECTION_LOST"
