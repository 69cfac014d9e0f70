"""How a command ends: its exit codes, and the failure that is told in one sentence.

Source: OPS-15, OPS-17.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 69
    TRY_AGAIN = 75
    CONFIGURATION = 78
    INTERRUPTED = 130


class Failure(Exception):
    """A command could not do its work; the text names the problem, the place and the next step."""

    def __init__(self, text: str, code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(text)
        self.code = code
