"""Answers to a mail, and the bytes of what leaves.

Pure: time and Message-ID are arguments. Nothing an agent or a customer wrote can add a header or a recipient.

Source: AG-79, AG-80; RFC 5322 §3.6.4 for the thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape
from typing import Any, Self

from gateway.mail.correspondent import Correspondent, distinct
from gateway.mail.draft import Draft, DraftInvalid, subject_line
from gateway.mail.html_text import text_of
from gateway.mail.incoming import Attachment, IncomingMail

MAX_THREAD = 20
"""Message-IDs in References: the first, which began the thread, and the latest ones."""

_CONTENT = policy.SMTP.clone(cte_type="7bit")  # any relay carries it
_WIRE = _CONTENT.clone(max_line_length=998)  # a folded Message-ID would become an encoded word, and match nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Wording:
    """How an answer begins."""

    subject_prefix: str | None = None
    """None: ``Re: ``, or ``Fwd: `` of what is forwarded."""
    start_line: str | None = None
    """Above what is quoted; None: who wrote it when."""
    quotes: bool = False
    indent: str = ">"
    text: str = ""
    html: str | None = None

    @classmethod
    def from_parameters(cls, given: Mapping[str, Any]) -> Self:
        """From those of Reply, ReplyAll and Forward (AG-69). Raises DraftInvalid for one of another type."""
        for name, expected in _PARAMETERS.items():
            if not isinstance(given.get(name), (expected, type(None))):
                raise DraftInvalid(name, f"must be {'text' if expected is str else 'true or false'}")
        html = given.get("body")
        text = given.get("bodyAsPlainText")
        return cls(
            subject_prefix=given.get("subjectPrefix"),
            start_line=given.get("replyToStartLine"),
            quotes=bool(given.get("quoteOriginal")),
            indent=given.get("indentCharacter") or ">",
            text=text if text is not None else text_of(html or ""),
            html=html,
        )


_PARAMETERS: Mapping[str, type] = {
    "subjectPrefix": str,
    "replyToStartLine": str,
    "quoteOriginal": bool,
    "indentCharacter": str,
    "body": str,
    "bodyAsPlainText": str,
}
_DEFAULT = Wording()


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail ready to leave: its bytes, and the envelope that tells where to."""

    content: bytes
    sender: str
    recipients: tuple[str, ...]


def reply(mail: IncomingMail, wording: Wording = _DEFAULT) -> Draft:
    """To who wants the answer, from the mailbox that was written to (AG-79)."""
    start = wording.start_line
    if start is None:
        start = f"On {mail.date}, {_called(mail.sender)} wrote:" if mail.date else f"{_called(mail.sender)} wrote:"
    text, html = wording.text, wording.html
    if wording.quotes:
        text = "\r\n\r\n".join(filter(None, [text, _quoted(mail, start, wording.indent)]))
        html = html and html + _quoted_as_html(mail, start)
    return Draft(
        sender=mail.mailbox,
        to=mail.reply_to or (mail.sender,),
        subject=_prefixed("Re: " if wording.subject_prefix is None else wording.subject_prefix, mail.subject),
        text=text,
        html=html,
        in_reply_to=mail.message_id,
        references=thread(mail),
    )


def reply_to_all(mail: IncomingMail, wording: Wording = _DEFAULT) -> Draft:
    """A copy for everybody else who got the mail; each once, and our own mailbox not at all."""
    answer = reply(mail, wording)
    cc = distinct([*mail.to, *mail.cc], without=[*answer.to, mail.mailbox])
    return replace(answer, cc=cc)


def forward(mail: IncomingMail, wording: Wording = _DEFAULT) -> Draft:
    """To nobody yet, with the mail below the agent's words. What was attached goes along with ``letter``."""
    start = "---------- Forwarded message ----------" if wording.start_line is None else wording.start_line
    head = [start, f"From: {_called(mail.sender)}", f"Date: {mail.date}", f"Subject: {mail.subject}"]
    text = "\r\n\r\n".join(filter(None, [wording.text, "\r\n".join(head), mail.text]))
    return Draft(
        sender=mail.mailbox,
        subject=_prefixed("Fwd: " if wording.subject_prefix is None else wording.subject_prefix, mail.subject),
        text=text,
        references=thread(mail),
    )


def thread(mail: IncomingMail) -> tuple[str, ...]:
    """References of an answer (RFC 5322 §3.6.4); without a Message-ID there is no thread to follow."""
    if not mail.message_id:
        return ()
    before = mail.references or (mail.in_reply_to if len(mail.in_reply_to) == 1 else ())
    chain = (*before, mail.message_id)
    return chain if len(chain) <= MAX_THREAD else (chain[0], *chain[1 - MAX_THREAD :])


def message_id(token: str, sender: Correspondent) -> str:
    """In the name of the sender's domain; ``token`` must never come twice."""
    return f"<{token}@{sender.address.rpartition('@')[2]}>"


def letter(draft: Draft, *, now: float, message_id: str, attachments: Sequence[Attachment] = ()) -> Letter:
    """What leaves for this draft.

    Args:
        now: seconds since 1970, for Date.
        message_id: the same for each attempt, so that who gets it twice sees that it is one.

    Raises DraftInvalid for one without recipients.
    """
    recipients = distinct([*draft.to, *draft.cc, *draft.bcc])
    if not recipients:
        raise DraftInvalid("to", "names nobody")
    message = EmailMessage(policy=_CONTENT)
    message["From"] = _address(draft.sender)
    for name, those in (("To", draft.to), ("Cc", draft.cc)):
        if those:
            message[name] = [_address(each) for each in those]
    message["Subject"] = subject_line(draft.subject)
    message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    message["Message-ID"] = message_id
    if draft.in_reply_to:
        message["In-Reply-To"] = draft.in_reply_to
    if draft.references:
        message["References"] = " ".join(draft.references)
    message.set_content(draft.text)
    if draft.html is not None:
        message.add_alternative(draft.html, subtype="html")
    for attachment in attachments:
        kind, _, subtype = attachment.content_type.partition("/")
        if kind in ("message", "multipart"):
            kind, subtype = "application", "octet-stream"  # as bytes: what a customer sent is not ours to assemble anew
        message.add_attachment(attachment.content, maintype=kind, subtype=subtype, filename=attachment.name)
    return Letter(message.as_bytes(policy=_WIRE), draft.sender.address, tuple(each.address for each in recipients))


def _prefixed(prefix: str, subject: str) -> str:
    """Once, however often a mail goes to and fro."""
    if prefix.strip() and subject.casefold().startswith(prefix.strip().casefold()):
        return subject
    return subject_line(prefix + ("" if prefix.endswith(" ") or not prefix else " ") + subject)


def _called(sender: Correspondent) -> str:
    return f"{sender.name} <{sender.address}>" if sender.name else sender.address


def _quoted(mail: IncomingMail, start: str, indent: str) -> str:
    return "\r\n".join([start, *(f"{indent} {line}".rstrip() for line in mail.text.splitlines())])


def _quoted_as_html(mail: IncomingMail, start: str) -> str:
    lines = "<br>".join(escape(line) for line in mail.text.splitlines())
    return f"<p>{escape(start)}</p><blockquote>{lines}</blockquote>"


def _address(who: Correspondent) -> Address:
    return Address(display_name=" ".join(who.name.split()), addr_spec=who.address)
