"""An e-mail as its interaction shows it to agents.

How mails are read, answered and sent is not decided here: whoever does it keeps with a letter what it needs to know of
it again, and is asked by ``Composing``.

Source: AG-50, AG-79.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from channels.interaction.refusal import FAILED, OperationRefused


class Answer(StrEnum):
    """What kind of answer to a letter."""

    REPLY = "Reply"
    REPLY_ALL = "ReplyAll"
    FORWARD = "Forward"


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail that came, or the draft of one that shall go. Addresses are bare: ``name@host``."""

    from_address: str
    to: tuple[str, ...] = ()
    """Of one that came: the mailbox that took it."""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    """Plain, as it was written."""
    kept: Mapping[str, Any] = field(default_factory=dict)
    """All of it, in the words of who composes; opaque here."""

    @property
    def has_recipients(self) -> bool:
        """It could leave."""
        return bool(self.to or self.cc or self.bcc)


class Composing(Protocol):
    """Writes letters. Pure; both raise OperationRefused for parameters that no mail can have."""

    def answer(self, letter: Letter, kind: Answer, parameters: Mapping[str, Any]) -> Letter:
        """A draft that answers it, with the parameters of the operation (AG-69, AG-79)."""

    def edited(self, draft: Letter, given: Mapping[str, Any]) -> Letter:
        """The draft as the ``email`` object of Save and Send says; what that does not name stays."""


class NoComposing:
    """Where no mail leaves."""

    def answer(self, letter: Letter, kind: Answer, parameters: Mapping[str, Any]) -> Letter:
        """Refused: 4."""
        raise OperationRefused(FAILED, "No e-mail is sent from here")

    def edited(self, draft: Letter, given: Mapping[str, Any]) -> Letter:
        """Refused: 4."""
        raise OperationRefused(FAILED, "No e-mail is sent from here")
