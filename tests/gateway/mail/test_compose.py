"""The bytes of a letter that leaves."""

from __future__ import annotations

from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.answers import LetterInvalid, Wording, forward, is_address, reply
from channels.letter import Attachment, Letter
from gateway.mail.compose import Posted, message_id, post
from gateway.mail.parse import parse
from tests.gateway.mail.samples import CARLA, SUPPORT, written

EVE = "eve@mail.example"
NOW = 1_795_255_200.0
SENT_ID = "<2@shop.example>"


def sent(draft: Letter) -> Posted:
    return post(draft, now=NOW, message_id=SENT_ID)


def opened(posted: Posted) -> EmailMessage:
    """As a mail program reads it."""
    message = message_from_bytes(posted.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.spec("AG-80")
def test_an_answer_goes_on_with_the_thread() -> None:
    message = opened(sent(reply(written(references=("<0@a>",), in_reply_to="<0@a>"))))
    assert message["In-Reply-To"] == "<1@mail.example>"
    assert message["References"] == "<0@a> <1@mail.example>"
    assert message["Message-ID"] == SENT_ID
    assert message["Date"] == "Sat, 21 Nov 2026 10:00:00 +0000"


@pytest.mark.spec("AG-80")
def test_long_message_ids_stay_what_they_are() -> None:
    """Folded as other headers are they would become encoded words, and no program would find the thread."""
    ids = tuple(f"<{str(number) * 200}@mail.example>" for number in range(6))
    content = sent(reply(written(references=ids[:5], message_id=ids[5]))).content
    back = parse(content, SUPPORT).letter
    assert (back.references, back.in_reply_to) == (ids, ids[5])
    assert max(map(len, content.splitlines())) <= 998


@pytest.mark.spec("AG-80")
def test_a_blind_copy_is_delivered_and_not_told() -> None:
    posted = sent(Letter(from_address=SUPPORT.address, to=(CARLA,), bcc=(EVE,), text="x"))
    assert posted.recipients == ("carla@mail.example", "eve@mail.example")
    assert b"eve" not in posted.content


def test_without_recipients_nothing_leaves() -> None:
    with pytest.raises(LetterInvalid, match="to: names nobody"):
        sent(forward(written()))


def test_what_was_attached_can_go_along() -> None:
    attachments = (
        Attachment(name="größe.pdf", media_type="application/pdf", size=4, key="1"),
        Attachment(name="m.eml", media_type="message/rfc822", size=10, key="2"),
    )
    contents = {"1": b"%PDF", "2": b"Subject: x"}
    draft = Letter(from_address=SUPPORT.address, to=(CARLA,), attachments=attachments)
    back = parse(post(draft, now=NOW, message_id=SENT_ID, contents=contents).content, SUPPORT)
    assert [(each.name, each.media_type, back.contents[each.key]) for each in back.letter.attachments] == [
        ("größe.pdf", "application/pdf", b"%PDF"),
        ("m.eml", "application/octet-stream", b"Subject: x"),
    ]


def test_a_message_id_is_in_the_name_of_the_mailbox() -> None:
    assert message_id("abc", SUPPORT.address) == "<abc@shop.example>"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(subject=TEXTS, text=TEXTS, name=TEXTS)
def test_nothing_that_is_written_adds_a_header_or_a_recipient(subject: str, text: str, name: str) -> None:
    """Whatever the mailbox is called, the customer's subject is, and the agent writes."""
    draft = replace(reply(written(subject=subject), Wording(text=text)), from_personal=name)
    posted = sent(draft)
    message = opened(posted)
    expected = ["From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References"]
    mime = ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
    assert sorted(message.keys()) == sorted(expected + mime)
    assert posted.recipients == ("carla@mail.example",)
    assert [each.addr_spec for each in message["To"].addresses] == ["carla@mail.example"]
    assert posted.content.isascii()


@given(TEXTS)
def test_a_text_arrives_as_it_was_written(text: str) -> None:
    """But for its line ends, which are the mail's, and what stands at its very end."""
    back = parse(sent(Letter(from_address=SUPPORT.address, to=(CARLA,), text=text)).content, SUPPORT).letter
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    assert back.text == "\r\n".join(lines).rstrip("\r\n")


@pytest.mark.parametrize("address", ["a..b@mail.example", ".a@mail.example", "a.@mail.example"])
def test_an_address_with_unusual_dots_is_answered(address: str) -> None:
    """Some providers give them out."""
    posted = sent(reply(written(from_address=address)))
    assert posted.recipients == (address,)
    local, _, domain = address.partition("@")
    (reader,) = opened(posted)["To"].addresses
    assert (reader.username, reader.domain) == (local, domain)


def test_a_domain_with_an_empty_label_is_none() -> None:
    assert not is_address("a@mail..example")
