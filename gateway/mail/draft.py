"""What an agent is writing, until it leaves.

Owns the value and how an agent changes it. The answers that begin as drafts are made in ``gateway.mail.compose``.

Source: AG-69 (Save, Send), AG-79.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from gateway.mail.correspondent import MAX_CORRESPONDENTS, AddressInvalid, Correspondent
from gateway.mail.html_text import text_of

MAX_SUBJECT = 998
"""RFC 5322 §2.1.1."""
MAX_TEXT = 256 * 1024
"""Characters, as of a mail that comes in; the same for its HTML."""


class DraftInvalid(ValueError):
    """An agent asked for what no mail can be; ``field`` is the one at fault, in his words."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A mail that has not left."""

    sender: Correspondent
    to: tuple[Correspondent, ...] = ()
    cc: tuple[Correspondent, ...] = ()
    bcc: tuple[Correspondent, ...] = ()
    subject: str = ""
    text: str = ""
    html: str | None = None
    in_reply_to: str = ""
    """Message-ID of what it answers."""
    references: tuple[str, ...] = ()
    """The thread it belongs to, oldest first."""

    def edited(self, given: Mapping[str, Any], senders: Mapping[str, Correspondent]) -> Self:
        """As the agent's ``email`` object says; what it does not name stays.

        Args:
            given: ``to``, ``cc``, ``bcc`` (one address or a list), ``from``, ``subject``, ``body`` (HTML),
                ``bodyAsPlainText``.
            senders: our mailboxes by ``Correspondent.key``; nobody writes in another's name.

        Raises DraftInvalid.
        """
        changes: dict[str, Any] = {}
        for field, value in given.items():
            name, read = _FIELDS.get(field, ("", _unknown))
            changes[name] = read(field, value)
        if "sender" in changes:
            sender = senders.get(changes["sender"].key)
            if sender is None:
                raise DraftInvalid("from", "is none of the mailboxes here")
            changes["sender"] = sender
        if changes.get("html") is not None:
            changes.setdefault("text", text_of(changes["html"]))
        elif "text" in changes:
            changes["html"] = None  # what was written before is not what is written there
        return replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """For a document."""
        return {
            "sender": self.sender.to_json(),
            "to": [each.to_json() for each in self.to],
            "cc": [each.to_json() for each in self.cc],
            "bcc": [each.to_json() for each in self.bcc],
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "inReplyTo": self.in_reply_to,
            "references": list(self.references),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Self:
        """What ``to_json`` made."""
        return cls(
            sender=Correspondent.from_json(kept["sender"]),
            to=tuple(map(Correspondent.from_json, kept["to"])),
            cc=tuple(map(Correspondent.from_json, kept["cc"])),
            bcc=tuple(map(Correspondent.from_json, kept["bcc"])),
            subject=kept["subject"],
            text=kept["text"],
            html=kept["html"],
            in_reply_to=kept["inReplyTo"],
            references=tuple(kept["references"]),
        )


def subject_line(text: str) -> str:
    """On one line, so that nobody writes a header into it."""
    return " ".join(text.split())[:MAX_SUBJECT]


def _several(field: str, value: Any) -> tuple[Correspondent, ...]:
    given = value if isinstance(value, list) else [value] if value else []
    if len(given) > MAX_CORRESPONDENTS:
        raise DraftInvalid(field, f"names more than {MAX_CORRESPONDENTS}")
    return tuple(_one(field, each) for each in given)


def _one(field: str, value: Any) -> Correspondent:
    try:
        return Correspondent.parse(_text(field, value))
    except AddressInvalid as error:
        raise DraftInvalid(field, str(error)) from None


def _subject(field: str, value: Any) -> str:
    return subject_line(_text(field, value))


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DraftInvalid(field, "must be text")
    if len(value) > MAX_TEXT:
        raise DraftInvalid(field, f"has more than {MAX_TEXT} characters")
    return value


def _unknown(field: str, value: Any) -> Any:
    raise DraftInvalid(field, "is no field of an e-mail")


_FIELDS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "from": ("sender", _one),
    "to": ("to", _several),
    "cc": ("cc", _several),
    "bcc": ("bcc", _several),
    "subject": ("subject", _subject),
    "body": ("html", _text),
    "bodyAsPlainText": ("text", _text),
}
