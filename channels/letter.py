"""An e-mail as its interaction keeps it: what agents see of it, and what an answer needs to know.

Bytes of attachments are kept elsewhere; a letter knows their keys.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of a letter."""

    name: str
    media_type: str
    size: int
    """Bytes."""
    key: str = ""
    """Under which its content is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """An e-mail that came, or the draft of one that shall go. Addresses are bare: ``name@host``."""

    from_address: str
    from_personal: str = ""
    """The sender's name, if he gave one."""
    reply_to: str = ""
    """Where answers go, if not to ``from_address``."""
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    subject: str = ""
    text: str = ""
    """The body as plain text; line ends as they came."""
    html: str = ""
    """The body as HTML; empty: there is only the text."""
    message_id: str = ""
    """With its angle brackets."""
    in_reply_to: str = ""
    references: tuple[str, ...] = ()
    """Ids of the thread, oldest first."""
    attachments: tuple[Attachment, ...] = ()
    mailbox: str = ""
    """Ours that it came to; empty of a draft."""
    date: str = ""
    """As its sender wrote it; empty of a draft."""
