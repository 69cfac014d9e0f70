"""Why a message between the roles is refused.

Source: MRE-114, MRE-115.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Code(StrEnum):
    """What an Error event names; the words are the wire's."""

    MALFORMED_BODY = "MALFORMED_BODY"
    UNKNOWN_TYPE = "UNKNOWN_TYPE"
    MISSING_FIELD = "MISSING_FIELD"
    AUTH_FAILED = "AUTH_FAILED"
    NOT_CONNECTED = "NOT_CONNECTED"
    NOT_LOGGED_IN = "NOT_LOGGED_IN"
    UNKNOWN_AGENT = "UNKNOWN_AGENT"
    UNKNOWN_MRD = "UNKNOWN_MRD"
    UNKNOWN_QUEUE = "UNKNOWN_QUEUE"
    UNKNOWN_TASK = "UNKNOWN_TASK"
    TASK_CLOSED = "TASK_CLOSED"
    NOT_OWNER = "NOT_OWNER"
    NOT_TASK_AGENT = "NOT_TASK_AGENT"
    SAME_AGENT = "SAME_AGENT"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    INTERRUPTED = "INTERRUPTED"
    RECIPIENT_NOT_AVAILABLE = "RECIPIENT_NOT_AVAILABLE"
    RECIPIENT_BUSY = "RECIPIENT_BUSY"
    ALREADY_IN_TASK = "ALREADY_IN_TASK"
    CONFERENCE_FULL = "CONFERENCE_FULL"
    MRD_MISMATCH = "MRD_MISMATCH"
    EXPIRED = "EXPIRED"
    DUPLICATE_MISMATCH = "DUPLICATE_MISMATCH"
    INTERNAL = "INTERNAL"


STATUS_CODES: Mapping[Code, int] = {
    # what is missing or cannot be read
    Code.MISSING_FIELD: 1,
    Code.MALFORMED_BODY: 1,
    # what may not be done as things stand
    Code.NOT_CONNECTED: 2,
    Code.NOT_LOGGED_IN: 2,
    Code.TASK_CLOSED: 2,
    Code.NOT_OWNER: 2,
    Code.NOT_TASK_AGENT: 2,
    Code.ILLEGAL_TRANSITION: 2,
    Code.INTERRUPTED: 2,
    Code.RECIPIENT_NOT_AVAILABLE: 2,
    Code.RECIPIENT_BUSY: 2,
    Code.ALREADY_IN_TASK: 2,
    Code.CONFERENCE_FULL: 2,
    Code.MRD_MISMATCH: 2,
    Code.DUPLICATE_MISMATCH: 2,
    # what nobody answers for
    Code.EXPIRED: 4,
    Code.INTERNAL: 4,
    # what there is none of
    Code.UNKNOWN_TYPE: 6,
    Code.UNKNOWN_AGENT: 6,
    Code.UNKNOWN_MRD: 6,
    Code.UNKNOWN_QUEUE: 6,
    Code.UNKNOWN_TASK: 6,
    # a value that cannot be meant (AG-75)
    Code.SAME_AGENT: 10,
    # who it is
    Code.AUTH_FAILED: 20,
}
"""What an agent's desktop is told for each."""


class Refused(Exception):
    """A message that has no effect but an Error event to its sender."""

    def __init__(self, code: Code, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason
        """For people; never with a secret (MRE-116)."""
