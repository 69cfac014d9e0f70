"""What is raised when Redis cannot be reached."""

from __future__ import annotations

from bayeux.protocol import errors


class StoreUnavailable(errors.Unavailable):
    """Redis cannot be reached in time; clients are told no more than 503 (HS-17).

    Args:
        why: problem, place without password, next step; for logs and operators.
    """

    def __init__(self, why: str) -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why
