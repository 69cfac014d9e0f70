"""From the bytes of a mail to a letter, within bounds.

Pure, and made for what anybody may send: it answers or raises MailRefused, in a time that the bounds limit. It may
take a second at the worst, so call it in a thread. Nothing of a mail is lost: what is not its text is attached.

Source: AG-79, AG-80; RFC 5322, RFC 2045…2047, RFC 2183.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message

from channels.html_text import text_of
from channels.letter import Attachment, Letter
from gateway.mail.correspondent import Correspondent, correspondents
from gateway.mail.decoding import decoded, decoded_words
from gateway.mail.incoming import IncomingMail

_MESSAGE_ID = re.compile(r"<[^<>\s]{1,250}>")
_MAX_REFERENCES = 50
_UNFOLDED = re.compile(r"\r?\n(?=[ \t])")
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_MAX_NAME = 200
_MEDIA_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+")
_TOLD = ("Content-Type", "Date", "MIME-Version")
"""Header fields that agents see as they came; others are the letter's."""


class MailRefused(Exception):
    """Nobody will ever take this mail; the text tells its sender why, with the codes of RFC 3463."""

    def __init__(self, reply: str) -> None:
        super().__init__(reply)
        self.reply = reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one mail may make us do. Its size is the listener's to bound."""

    head_bytes: int = 64 * 1024  # also of what all its parts say of their content
    field_bytes: int = 4 * 1024  # of one such field: the work of reading its parameters is the square of this
    lines: int = 250_000  # 10 MiB in base64 are 140,000
    multiparts: int = 30  # lines × nested parts is the work of parsing: a second at both bounds
    attachments: int = 50
    text_characters: int = 256 * 1024  # a longer one is attached, and its beginning shown; the same holds for HTML


DEFAULT_BOUNDS = Bounds()


def parse(content: bytes, mailbox: Correspondent, bounds: Bounds = DEFAULT_BOUNDS) -> IncomingMail:
    """Read one mail for one of our mailboxes. Raises MailRefused."""
    _check(content, bounds)
    try:
        return _read(content, mailbox, bounds)
    except RecursionError:
        raise MailRefused("554 5.6.0 something in it is nested too deeply") from None


def _check(content: bytes, bounds: Bounds) -> None:
    """What must hold before a parser may look at it."""
    head = _HEAD_ENDS.search(content)
    if (head.start() if head else len(content)) > bounds.head_bytes:
        raise MailRefused("554 5.6.0 its header is too long")
    if content.count(b"\n") > bounds.lines:
        raise MailRefused("554 5.6.0 it has too many lines")
    if content.lower().count(b"multipart/") > bounds.multiparts:
        raise MailRefused("554 5.6.0 it has too many multiparts")


def _read(content: bytes, mailbox: Correspondent, bounds: Bounds) -> IncomingMail:
    message = message_from_bytes(content, _class=_bounded(bounds))
    fields = _fields(message)
    senders = correspondents(fields["from"])
    if not senders:
        raise MailRefused("554 5.6.0 it does not tell who wrote it (From)")
    delivery = hashlib.sha256(b"\0".join([mailbox.key.encode(), content])).hexdigest()
    body = _Body(bounds, delivery)
    for part in _leaves(message):
        body.take(part)
    answered = _message_ids(fields["in-reply-to"])
    letter = Letter(
        from_address=senders[0].address,
        from_personal=senders[0].name,
        reply_to=next((each.address for each in correspondents(fields["reply-to"])), ""),
        to=tuple(each.address for each in correspondents(fields["to"])),
        cc=tuple(each.address for each in correspondents(fields["cc"])),
        subject=decoded_words(_first(fields["subject"])),
        text=body.text,
        html=body.html,
        message_id=next(iter(_message_ids(fields["message-id"])), ""),
        in_reply_to=answered[0] if len(answered) == 1 else "",
        references=_message_ids(fields["references"]),
        attachments=tuple(body.attachments),
        mailbox=mailbox.address,
        date=_first(fields["date"]),
    )
    headers = {name: fields[name.lower()][0] for name in _TOLD if fields[name.lower()]}
    return IncomingMail(delivery=delivery, letter=letter, headers=headers, contents=body.contents)


def _bounded(bounds: Bounds) -> Callable[..., Message]:
    """Messages and parts of one mail, whose fields the parser reads while it still parses."""
    left = bounds.head_bytes

    class Part(Message):
        def set_raw(self, name: str, value: str) -> None:
            nonlocal left
            if name.lower().startswith("content-"):
                left -= len(value)
                if len(value) > bounds.field_bytes or left < 0:
                    raise MailRefused("554 5.6.0 it tells too much of its content")
            super().set_raw(name, value)

    return Part


class _Body:
    """Sorts the parts of a mail into text, HTML and what is attached."""

    def __init__(self, bounds: Bounds, delivery: str) -> None:
        self._bounds = bounds
        self._delivery = delivery
        self._texts: list[str] = []
        self.html = ""
        self.attachments: list[Attachment] = []
        self.contents: dict[str, bytes] = {}

    @property
    def text(self) -> str:
        """As written, else as HTML shows it."""
        text = "\r\n".join(self._texts) if self._texts else text_of(self.html)
        return text[: self._bounds.text_characters].rstrip("\r\n")

    def take(self, part: Message) -> None:
        """Raises MailRefused."""
        media_type = part.get_content_type()
        is_attached = part.get_content_disposition() == "attachment"
        if media_type == "text/plain" and not is_attached:
            self._texts.append(self._text(part, "message.txt"))
        elif media_type == "text/html" and not is_attached and not self.html:
            self.html = self._text(part, "message.html")
        else:
            is_sane = _MEDIA_TYPE.fullmatch(media_type) is not None  # it becomes a header again when it is passed on
            self._attach(_name(part), media_type if is_sane else "application/octet-stream", _content(part))

    def _text(self, part: Message, name: str) -> str:
        content = _content(part)
        text = decoded(content, _charset(part))
        if len(text) > self._bounds.text_characters:
            self._attach(name, part.get_content_type(), content)
        return text[: self._bounds.text_characters]

    def _attach(self, name: str, media_type: str, content: bytes) -> None:
        if len(self.attachments) == self._bounds.attachments:
            raise MailRefused("554 5.6.0 it has too many attachments")
        key = f"{self._delivery}/{len(self.attachments)}"
        self.attachments.append(Attachment(name=name, media_type=media_type, size=len(content), key=key))
        self.contents[key] = content


def _fields(message: Message) -> defaultdict[str, list[str]]:
    """Header fields by lower-case name, each on one line, undecoded but for UTF-8 that stands there as such."""
    fields: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in message.raw_items():
        line = _UNFOLDED.sub("", str(value)).encode("ascii", "surrogateescape").decode("utf-8", "replace")
        fields[name.lower()].append(line.strip())
    return fields


def _first(values: list[str]) -> str:
    return values[0] if values else ""


def _message_ids(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(_MESSAGE_ID.findall(" ".join(values))[:_MAX_REFERENCES])


def _leaves(part: Message) -> Iterator[Message]:
    """The parts that hold something; a mail within the mail is one of them."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for each in part.get_payload():
            if isinstance(each, Message):
                yield from _leaves(each)
    else:
        yield part


def _content(part: Message) -> bytes:
    if part.is_multipart():  # message/…
        return b"".join(each.as_bytes() for each in part.get_payload() if isinstance(each, Message))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except ValueError:  # a parameter that is numbered absurdly
        return None


def _name(part: Message) -> str:
    """What the sender calls it, made safe to be a file's name; else what it is."""
    try:
        given = part.get_filename() or ""
    except ValueError:
        given = ""
    name = _NOT_IN_A_NAME.sub("_", decoded_words(given).replace("\\", "/").rpartition("/")[2]).strip(". ")
    return name[-_MAX_NAME:] or _NOT_IN_A_NAME.sub("_", part.get_content_type().replace("/", "."))
