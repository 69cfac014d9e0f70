"""A mail that came in, as the rest of the gateway sees it.

Owns the values and what an interaction's ``userData`` says of them. How they are read from bytes is in
``gateway.mail.parse``.

Source: AG-50, AG-52, AG-79; the keys of ``userData`` are those of the seed's e-mail samples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from gateway.mail.correspondent import Correspondent

_CONTACT_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CONTACT_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Attachment:
    """A part of a mail that is not its text."""

    name: str
    """A file name without path; never empty."""
    content_type: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingMail:
    """What a customer wrote to one of our mailboxes."""

    delivery: str
    """The same if the same mail is offered again for the same mailbox, as after a lost answer."""
    mailbox: Correspondent
    """Ours: the one that took it."""
    sender: Correspondent
    reply_to: tuple[Correspondent, ...] = ()
    to: tuple[Correspondent, ...] = ()
    cc: tuple[Correspondent, ...] = ()
    subject: str = ""
    text: str = ""
    """Of what was written as HTML alone, its text. Lines end with CRLF."""
    html: str | None = None
    date: str = ""
    """As its sender wrote it."""
    message_id: str = ""
    """With its angle brackets; empty if it has none."""
    in_reply_to: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    content_type: str = ""
    mime_version: str = ""
    attachments: tuple[Attachment, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything but the attachments, for a document."""
        return {
            "delivery": self.delivery,
            "mailbox": self.mailbox.to_json(),
            "sender": self.sender.to_json(),
            "replyTo": [each.to_json() for each in self.reply_to],
            "to": [each.to_json() for each in self.to],
            "cc": [each.to_json() for each in self.cc],
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "date": self.date,
            "messageId": self.message_id,
            "inReplyTo": list(self.in_reply_to),
            "references": list(self.references),
            "contentType": self.content_type,
            "mimeVersion": self.mime_version,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], attachments: tuple[Attachment, ...] = ()) -> Self:
        """What ``to_json`` made."""
        return cls(
            delivery=kept["delivery"],
            mailbox=Correspondent.from_json(kept["mailbox"]),
            sender=Correspondent.from_json(kept["sender"]),
            reply_to=tuple(map(Correspondent.from_json, kept["replyTo"])),
            to=tuple(map(Correspondent.from_json, kept["to"])),
            cc=tuple(map(Correspondent.from_json, kept["cc"])),
            subject=kept["subject"],
            text=kept["text"],
            html=kept["html"],
            date=kept["date"],
            message_id=kept["messageId"],
            in_reply_to=tuple(kept["inReplyTo"]),
            references=tuple(kept["references"]),
            content_type=kept["contentType"],
            mime_version=kept["mimeVersion"],
            attachments=attachments,
        )


def user_data(mail: IncomingMail) -> dict[str, Any]:
    """What the interaction carries about it from the start (AG-52)."""
    headers = {
        "Header_Content-Type": mail.content_type,
        "Header_Date": mail.date,
        "Header_MIME-Version": mail.mime_version,
        "Header_Message-ID": mail.message_id,
    }
    return {
        **{name: value for name, value in headers.items() if value},
        "_ContainsAttachment": "true" if mail.attachments else "false",
        "_AttachmentsSize": str(sum(len(each.content) for each in mail.attachments)),
        "_AttachmentFileNames": ";".join(each.name for each in mail.attachments),
        "_AutoReplyCount": 0,
        "To": mail.mailbox.address,
        "Mailbox": mail.mailbox.address.partition("@")[0],
        "ContactId": contact_id(mail.sender),
        "FromPersonal": mail.sender.name,
        "FromAddress": mail.sender.address,
        "EmailAddress": mail.sender.address,
        "Origination_Source": "Email",
        "Subject": mail.subject,
    }


def email_object(mail: IncomingMail, interaction: str) -> dict[str, Any]:
    """The mail as an accepted interaction shows it (AG-50)."""
    return {
        "interactionId": interaction,
        "text": mail.text,
        "fromAddress": mail.sender.address,
        "toAddress": mail.mailbox.address,
        "subject": mail.subject,
    }


def contact_id(sender: Correspondent) -> str:
    """16 characters that stand for one who writes; another address is another one."""
    number = int.from_bytes(hashlib.sha256(sender.key.encode()).digest())
    digits = []
    for _ in range(_CONTACT_LENGTH):
        number, digit = divmod(number, len(_CONTACT_ALPHABET))
        digits.append(_CONTACT_ALPHABET[digit])
    return "".join(digits)
