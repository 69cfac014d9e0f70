"""Answers to a letter: what a draft begins with, and how its agent changes it.

Pure. Bytes, Message-ID and time of sending belong to ``gateway.mail.compose``.

Source: AG-69 (Reply, ReplyAll, Forward, Save), AG-79; RFC 5322 §3.6.4 for the thread.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Self

from channels.html_text import text_of
from channels.letter import Letter

MAX_ADDRESSES = 100
"""In one field."""
MAX_SUBJECT = 998
"""Characters; RFC 5322 §2.1.1."""
MAX_TEXT = 256 * 1024
"""Characters, as of a letter that comes in; the same for its HTML."""
MAX_ECHO = 64
"""Characters of what was asked for in the words that refuse it."""
MAX_THREAD = 20
"""Message-IDs in ``references``: the first, which began the thread, and the latest ones."""

# ASCII alone: what else may stand there needs SMTPUTF8, which few servers have. Quoted local parts are left out, too.
_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?!.*\.\.)[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
)
_NAMED = re.compile(r'"?[^"<>\r\n]*"?\s*<([^<>]+)>')


class LetterInvalid(ValueError):
    """An agent asked for what no letter can be; ``field`` is the one at fault, in his words."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field[:MAX_ECHO]}: {reason}")
        self.field = field


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
    html: str = ""

    @classmethod
    def from_parameters(cls, given: Mapping[str, Any]) -> Self:
        """From those of Reply, ReplyAll and Forward (AG-69). Raises LetterInvalid for one of another type."""
        for name, expected in _PARAMETERS.items():
            if not isinstance(given.get(name), (expected, type(None))):
                raise LetterInvalid(name, f"must be {'text' if expected is str else 'true or false'}")
        html = _text("body", given.get("body") or "")
        text = given.get("bodyAsPlainText")
        return cls(
            subject_prefix=given.get("subjectPrefix"),
            start_line=given.get("replyToStartLine"),
            quotes=bool(given.get("quoteOriginal")),
            indent=given.get("indentCharacter") or ">",
            text=text_of(html) if text is None else _text("bodyAsPlainText", text),
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


def reply(letter: Letter, wording: Wording = _DEFAULT) -> Letter:
    """To who wants the answer, from the mailbox that was written to (AG-79)."""
    start = wording.start_line
    if start is None:
        start = f"On {letter.date}, {_called(letter)} wrote:" if letter.date else f"{_called(letter)} wrote:"
    text, html = wording.text, wording.html
    if wording.quotes:
        text = "\r\n\r\n".join(filter(None, [text, _quoted(letter, start, wording.indent)]))
        html = html and html + _quoted_as_html(letter, start)
    return Letter(
        from_address=letter.mailbox,
        to=(letter.reply_to or letter.from_address,),
        subject=_prefixed("Re: " if wording.subject_prefix is None else wording.subject_prefix, letter.subject),
        text=text,
        html=html,
        in_reply_to=letter.message_id,
        references=thread(letter),
    )


def reply_to_all(letter: Letter, wording: Wording = _DEFAULT) -> Letter:
    """A copy for everybody else who got the letter; each once, and our own mailbox not at all."""
    answer = reply(letter, wording)
    return replace(answer, cc=distinct([*letter.to, *letter.cc], without=[*answer.to, letter.mailbox]))


def forward(letter: Letter, wording: Wording = _DEFAULT) -> Letter:
    """To nobody yet, with the letter and what was attached to it below the agent's words."""
    start = "---------- Forwarded message ----------" if wording.start_line is None else wording.start_line
    head = [start, f"From: {_called(letter)}", f"Date: {letter.date}", f"Subject: {letter.subject}"]
    return Letter(
        from_address=letter.mailbox,
        subject=_prefixed("Fwd: " if wording.subject_prefix is None else wording.subject_prefix, letter.subject),
        text="\r\n\r\n".join(filter(None, [wording.text, "\r\n".join(head), letter.text])),
        references=thread(letter),
        attachments=letter.attachments,
    )


def edited(draft: Letter, given: Mapping[str, Any], mailboxes: Collection[str]) -> Letter:
    """The draft as the agent's ``email`` object says; what that does not name stays.

    Args:
        given: ``to``, ``cc``, ``bcc`` (one address or a list), ``from``, ``subject``, ``body`` (HTML),
            ``bodyAsPlainText``; null stands for one that is not there.
        mailboxes: ours, in lower case; nobody writes in another's name.

    Raises LetterInvalid.
    """
    changes: dict[str, Any] = {}
    for field, value in given.items():
        name, read = _FIELDS.get(field, ("", _unknown))
        if value is not None:
            changes[name] = read(field, value)
    if "from_address" in changes and changes["from_address"].lower() not in mailboxes:
        raise LetterInvalid("from", "is none of the mailboxes here")
    if changes.get("html"):
        changes.setdefault("text", text_of(changes["html"]))
    elif "text" in changes:
        changes["html"] = ""  # what was written before is not what is written there
    return replace(draft, **changes)


def thread(letter: Letter) -> tuple[str, ...]:
    """References of an answer (RFC 5322 §3.6.4); without a Message-ID there is no thread to follow."""
    if not letter.message_id:
        return ()
    before = letter.references or ((letter.in_reply_to,) if letter.in_reply_to else ())
    chain = (*before, letter.message_id)
    return chain if len(chain) <= MAX_THREAD else (chain[0], *chain[1 - MAX_THREAD :])


def is_address(text: str) -> bool:
    """Is this an address, and nothing but an address?"""
    return _ADDRESS.fullmatch(text) is not None


def distinct(addresses: Iterable[str], without: Iterable[str] = ()) -> tuple[str, ...]:
    """Each once, in their order, and none of the others; the case of letters makes no other one."""
    seen = {each.lower() for each in without}
    kept = []
    for address in addresses:
        if address.lower() not in seen:
            seen.add(address.lower())
            kept.append(address)
    return tuple(kept)


def subject_line(text: str) -> str:
    """On one line, so that nobody writes a header into it."""
    return " ".join(text.split())[:MAX_SUBJECT]


def _prefixed(prefix: str, subject: str) -> str:
    """Once, however often a letter goes to and fro."""
    if prefix.strip() and subject.casefold().startswith(prefix.strip().casefold()):
        return subject_line(subject)
    return subject_line(prefix + ("" if prefix.endswith(" ") or not prefix else " ") + subject)


def _called(letter: Letter) -> str:
    return f"{letter.from_personal} <{letter.from_address}>" if letter.from_personal else letter.from_address


def _quoted(letter: Letter, start: str, indent: str) -> str:
    return "\r\n".join([start, *(f"{indent} {line}".rstrip() for line in letter.text.splitlines())])


def _quoted_as_html(letter: Letter, start: str) -> str:
    lines = "<br>".join(escape(line) for line in letter.text.splitlines())
    return f"<p>{escape(start)}</p><blockquote>{lines}</blockquote>"


# What an ``email`` object may have


def _addresses(field: str, value: Any) -> tuple[str, ...]:
    given = value if isinstance(value, list) else [value] if value else []
    if len(given) > MAX_ADDRESSES:
        raise LetterInvalid(field, f"names more than {MAX_ADDRESSES}")
    return tuple(_address(field, each) for each in given)


def _address(field: str, value: Any) -> str:
    text = _text(field, value).strip()
    match = _NAMED.fullmatch(text)
    address = match[1] if match else text
    if not is_address(address):
        raise LetterInvalid(field, f"{address[:MAX_ECHO]!r} is not an e-mail address")
    return address


def _subject(field: str, value: Any) -> str:
    return subject_line(_text(field, value))


def _text(field: str, value: Any) -> str:
    if not isinstance(value, str):
        raise LetterInvalid(field, "must be text")
    if len(value) > MAX_TEXT:
        raise LetterInvalid(field, f"has more than {MAX_TEXT} characters")
    return value


def _unknown(field: str, value: Any) -> Any:
    raise LetterInvalid(field, "is no field of an e-mail")


_FIELDS: Mapping[str, tuple[str, Callable[[str, Any], Any]]] = {
    "from": ("from_address", _address),
    "to": ("to", _addresses),
    "cc": ("cc", _addresses),
    "bcc": ("bcc", _addresses),
    "subject": ("subject", _subject),
    "body": ("html", _text),
    "bodyAsPlainText": ("text", _text),
}
