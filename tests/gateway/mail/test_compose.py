"""Answers to a mail, as drafts and as bytes."""

from __future__ import annotations

import json
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mail.compose import Letter, Wording, forward, letter, message_id, reply, reply_to_all, thread
from gateway.mail.correspondent import Correspondent
from gateway.mail.draft import Draft, DraftInvalid
from gateway.mail.incoming import Attachment
from gateway.mail.parse import parse
from tests.gateway.mail.samples import CARLA, SALES, SUPPORT, written

BOB = Correspondent("bob@mail.example", "Bob")
EVE = Correspondent("eve@mail.example")
NOW = 1_795_255_200.0
SENT_ID = "<2@shop.example>"


def sent(draft: Draft) -> Letter:
    return letter(draft, now=NOW, message_id=SENT_ID)


def opened(posted: Letter) -> EmailMessage:
    """As a mail program reads it."""
    message = message_from_bytes(posted.content, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.mark.spec("AG-79")
def test_a_reply_goes_to_who_wrote_in_the_name_of_the_mailbox_written_to() -> None:
    draft = reply(written())
    assert (draft.sender, draft.to, draft.cc, draft.subject) == (SUPPORT, (CARLA,), (), "Re: Order 7")
    assert draft.text == ""


@pytest.mark.spec("AG-79")
def test_a_reply_goes_where_answers_are_wanted() -> None:
    assert reply(written(reply_to=(BOB, EVE))).to == (BOB, EVE)


@pytest.mark.spec("AG-79")
def test_a_reply_to_all_copies_everybody_once_and_not_ourselves() -> None:
    draft = reply_to_all(written(to=(SUPPORT, BOB, SALES), cc=(EVE, BOB, CARLA)))
    assert (draft.to, draft.cc) == ((CARLA,), (BOB, SALES, EVE))


@pytest.mark.spec("AG-79")
@pytest.mark.parametrize(
    ("prefix", "subject", "expected"),
    [
        (None, "Order 7", "Re: Order 7"),
        (None, "RE: Order 7", "RE: Order 7"),
        ("AW:", "Order 7", "AW: Order 7"),
        ("", "Order 7", "Order 7"),
    ],
)
def test_the_subject_gets_its_prefix_once(prefix: str | None, subject: str, expected: str) -> None:
    assert reply(written(subject=subject), Wording(subject_prefix=prefix)).subject == expected


@pytest.mark.spec("AG-79")
def test_the_original_is_quoted_when_that_is_asked_for() -> None:
    wording = Wording.from_parameters({"quoteOriginal": True, "bodyAsPlainText": "On its way."})
    assert reply(written(), wording).text.splitlines() == [
        "On its way.",
        "",
        "On Sat, 21 Nov 2026 10:00:00 +0100, Carla Client <carla@mail.example> wrote:",
        "> Where is it?",
        ">",
        "> Carla",
    ]


@pytest.mark.spec("AG-79")
def test_start_line_and_indent_are_the_agents_choice() -> None:
    wording = Wording.from_parameters({"quoteOriginal": True, "replyToStartLine": "You wrote:", "indentCharacter": "|"})
    assert reply(written(text="Where?"), wording).text.splitlines() == ["You wrote:", "| Where?"]


def test_markup_of_the_original_is_quoted_as_text() -> None:
    wording = Wording.from_parameters({"quoteOriginal": True, "body": "<p>Yes</p>"})
    draft = reply(written(text="<script>alert(1)</script>"), wording)
    assert draft.html is not None
    assert draft.html.endswith("<blockquote>&lt;script&gt;alert(1)&lt;/script&gt;</blockquote>")
    assert draft.text.startswith("Yes\r\n\r\nOn ")


def test_a_parameter_of_another_type_is_refused() -> None:
    with pytest.raises(DraftInvalid, match="quoteOriginal: must be true or false"):
        Wording.from_parameters({"quoteOriginal": "yes"})


def test_a_forwarded_mail_is_for_nobody_yet_and_has_the_mail_in_it() -> None:
    draft = forward(written(), Wording(text="See below."))
    assert (draft.to, draft.subject) == ((), "Fwd: Order 7")
    assert draft.text.startswith("See below.\r\n\r\n---------- Forwarded")
    assert draft.text.endswith("Subject: Order 7\r\n\r\nWhere is it?\r\n\r\nCarla")


@pytest.mark.spec("AG-80")
def test_an_answer_goes_on_with_the_thread() -> None:
    message = opened(sent(reply(written(references=("<0@a>",), in_reply_to=("<0@a>",)))))
    assert message["In-Reply-To"] == "<1@mail.example>"
    assert message["References"] == "<0@a> <1@mail.example>"
    assert message["Message-ID"] == SENT_ID
    assert message["Date"] == "Sat, 21 Nov 2026 10:00:00 +0000"


def test_a_long_thread_keeps_its_beginning_and_its_end() -> None:
    ids = tuple(f"<{number}@a>" for number in range(50))
    assert thread(written(references=ids)) == (ids[0], *ids[-18:], "<1@mail.example>")


@pytest.mark.spec("AG-80")
def test_long_message_ids_stay_what_they_are() -> None:
    """Folded as other headers are they would become encoded words, and no program would find the thread."""
    ids = tuple(f"<{str(number) * 200}@mail.example>" for number in range(6))
    content = sent(reply(written(references=ids[:5], message_id=ids[5]))).content
    back = parse(content, SUPPORT)
    assert (back.references, back.in_reply_to) == (ids, (ids[5],))
    assert max(map(len, content.splitlines())) <= 998


@pytest.mark.spec("AG-80")
def test_a_blind_copy_is_delivered_and_not_told() -> None:
    posted = sent(Draft(sender=SUPPORT, to=(CARLA,), bcc=(EVE,), text="x"))
    assert posted.recipients == ("carla@mail.example", "eve@mail.example")
    assert b"eve" not in posted.content


def test_without_recipients_nothing_leaves() -> None:
    with pytest.raises(DraftInvalid, match="to: names nobody"):
        sent(forward(written()))


def test_what_was_attached_can_go_along() -> None:
    given = (Attachment("größe.pdf", "application/pdf", b"%PDF"), Attachment("m.eml", "message/rfc822", b"Subject: x"))
    posted = letter(Draft(sender=SUPPORT, to=(BOB,)), now=NOW, message_id=SENT_ID, attachments=given)
    back = parse(posted.content, SUPPORT)
    assert back.attachments == (given[0], Attachment("m.eml", "application/octet-stream", b"Subject: x"))


def test_a_message_id_is_in_the_name_of_the_mailbox() -> None:
    assert message_id("abc", SUPPORT) == "<abc@shop.example>"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(subject=TEXTS, text=TEXTS, name=TEXTS)
def test_nothing_that_is_written_adds_a_header_or_a_recipient(subject: str, text: str, name: str) -> None:
    """Whatever the customer's name and subject are, and whatever the agent writes below."""
    mail = written(subject=subject, sender=Correspondent("carla@mail.example", name))
    posted = sent(reply(mail, Wording(text=text)))
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
    back = parse(sent(Draft(sender=SUPPORT, to=(CARLA,), text=text)).content, SUPPORT)
    lines = text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")
    assert back.text == "\r\n".join(lines).rstrip("\r\n")


class TestDraft:
    """What an agent changes before he sends."""

    SENDERS = {each.key: each for each in (SUPPORT, SALES)}

    def edited(self, **fields: object) -> Draft:
        return reply(written()).edited(fields, self.SENDERS)

    def test_fields_are_replaced_and_others_stay(self) -> None:
        draft = self.edited(to=["Bob <bob@mail.example>", "eve@mail.example"], cc="carla@mail.example", subject="A\r\nB")
        assert draft.to == (BOB, EVE)
        assert draft.cc == (Correspondent("carla@mail.example"),)
        assert draft.subject == "A B"
        assert draft.in_reply_to == "<1@mail.example>"

    def test_html_brings_its_text_along(self) -> None:
        assert self.edited(body="<b>yes</b>").text == "yes"

    def test_text_alone_takes_the_html_away(self) -> None:
        draft = self.edited(body="<b>yes</b>").edited({"bodyAsPlainText": "no"}, self.SENDERS)
        assert (draft.text, draft.html) == ("no", None)

    def test_another_mailbox_of_ours_may_be_the_sender(self) -> None:
        assert self.edited(**{"from": "SALES@shop.example"}).sender == SALES

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"from": "ceo@shop.example"}, "from: is none of the mailboxes"),
            ({"to": "nobody"}, "to: 'nobody' is not"),
            ({"to": "a@b.example\r\nBcc: c@d.example"}, "to: "),
            ({"to": ["a@b.example"] * 101}, "to: names more than 100"),
            ({"subject": 7}, "subject: must be text"),
            ({"bodyAsPlainText": "x" * 300_000}, "bodyAsPlainText: has more than"),
            ({"colour": "red"}, "colour: is no field"),
        ],
    )
    def test_what_no_mail_can_be_is_refused(self, fields: dict[str, object], words: str) -> None:
        with pytest.raises(DraftInvalid, match=words):
            self.edited(**fields)

    def test_a_kept_draft_is_the_same_draft(self) -> None:
        draft = self.edited(bcc=["eve@mail.example"], body="<p>x</p>")
        assert Draft.from_json(json.loads(json.dumps(draft.to_json()))) == draft
