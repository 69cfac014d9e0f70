"""The bytes of a letter that leaves.

Pure: time and Message-ID are arguments. Nothing an agent or a customer wrote can add a header or a recipient.
What a draft says is decided in ``channels.answers``.

Source: AG-80; RFC 5322.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from channels.answers import LetterInvalid, distinct, subject_line
from channels.letter import Letter

_CONTENT = policy.SMTP.clone(cte_type="7bit")  # any relay carries it
_WIRE = _CONTENT.clone(max_line_length=998)  # a folded Message-ID would become an encoded word, and match nothing


@dataclass(frozen=True, slots=True)
class Posted:
    """A letter in its envelope."""

    content: bytes
    sender: str
    recipients: tuple[str, ...]


def message_id(token: str, address: str) -> str:
    """In the name of the sender's domain; ``token`` must never come twice."""
    return f"<{token}@{address.rpartition('@')[2]}>"


def post(draft: Letter, *, now: float, message_id: str, contents: Mapping[str, bytes] | None = None) -> Posted:
    """What leaves for this draft.

    Args:
        now: seconds since 1970, for Date.
        message_id: the same for each attempt, so that who gets it twice sees that it is one.
        contents: of its attachments, by their keys; all of them.

    Raises LetterInvalid for one without recipients.
    """
    recipients = distinct([*draft.to, *draft.cc, *draft.bcc])
    if not recipients:
        raise LetterInvalid("to", "names nobody")
    message = EmailMessage(policy=_CONTENT)
    message["From"] = _address(draft.from_address, " ".join(draft.from_personal.split()))
    for name, addresses in (("To", draft.to), ("Cc", draft.cc)):
        if addresses:
            message[name] = [_address(each) for each in addresses]
    message["Subject"] = subject_line(draft.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = message_id
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
    if draft.references:
        message["References"] = " ".join(draft.references)
    message.set_content(draft.text)
    if draft.html:
        message.add_alternative(draft.html, subtype="html")
    for attachment in draft.attachments:
        kind, _, subtype = attachment.media_type.partition("/")
        if kind in ("message", "multipart"):
            kind, subtype = "application", "octet-stream"  # as bytes: what a customer sent is not ours to assemble anew
        content = (contents or {})[attachment.key]
        message.add_attachment(content, maintype=kind, subtype=subtype, filename=attachment.name)
    return Posted(message.as_bytes(policy=_WIRE), draft.from_address, recipients)


def _address(address: str, name: str = "") -> Address:
    """By its two parts: the library quotes local parts such as ``a..b``, which exist, and refuses to read them."""
    local, _, domain = address.rpartition("@")
    return Address(name, local, domain)
