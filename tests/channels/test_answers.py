"""Answers to a letter, as drafts."""

from __future__ import annotations

import pytest

from channels.answers import LetterInvalid, Wording, edited, forward, reply, reply_to_all, thread
from channels.letter import Attachment, Letter
from tests.gateway.mail.samples import CARLA, SALES, SUPPORT, written

BOB = "bob@mail.example"
EVE = "eve@mail.example"


@pytest.mark.spec("AG-79")
def test_a_reply_goes_to_who_wrote_in_the_name_of_the_mailbox_written_to() -> None:
    draft = reply(written())
    assert (draft.from_address, draft.to, draft.cc) == (SUPPORT.address, (CARLA,), ())
    assert draft.subject == "Re: Order 7"
    assert draft.text == ""


@pytest.mark.spec("AG-79")
def test_a_reply_goes_where_answers_are_wanted() -> None:
    assert reply(written(reply_to=BOB)).to == (BOB,)


@pytest.mark.spec("AG-79")
def test_a_reply_to_all_copies_everybody_once_and_not_ourselves() -> None:
    draft = reply_to_all(written(to=("Support@shop.example", BOB, SALES.address), cc=(EVE, BOB, CARLA)))
    assert (draft.to, draft.cc) == ((CARLA,), (BOB, SALES.address, EVE))


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
    assert draft.html.endswith("<blockquote>&lt;script&gt;alert(1)&lt;/script&gt;</blockquote>")
    assert draft.text.startswith("Yes\r\n\r\nOn ")


def test_a_parameter_of_another_type_is_refused() -> None:
    with pytest.raises(LetterInvalid, match="quoteOriginal: must be true or false"):
        Wording.from_parameters({"quoteOriginal": "yes"})


def test_a_forwarded_mail_is_for_nobody_yet_and_has_the_mail_in_it() -> None:
    attached = (Attachment(name="a.pdf", media_type="application/pdf", size=4, key="1"),)
    draft = forward(written(attachments=attached), Wording(text="See below."))
    assert draft.attachments == attached
    assert (draft.to, draft.subject) == ((), "Fwd: Order 7")
    assert draft.text.startswith("See below.\r\n\r\n---------- Forwarded")
    assert draft.text.endswith("Subject: Order 7\r\n\r\nWhere is it?\r\n\r\nCarla")


def test_a_long_thread_keeps_its_beginning_and_its_end() -> None:
    ids = tuple(f"<{number}@a>" for number in range(50))
    assert thread(written(references=ids)) == (ids[0], *ids[-18:], "<1@mail.example>")


class TestDraft:
    """What an agent changes before he sends."""

    MAILBOXES = frozenset({SUPPORT.key, SALES.key})

    def edited(self, **fields: object) -> Letter:
        return edited(reply(written()), fields, self.MAILBOXES)

    def test_fields_are_replaced_and_others_stay(self) -> None:
        draft = self.edited(
            to=["Bob <bob@mail.example>", "eve@mail.example"], cc="carla@mail.example", subject="A\r\nB"
        )
        assert draft.to == (BOB, EVE)
        assert draft.cc == (CARLA,)
        assert draft.subject == "A B"
        assert draft.in_reply_to == "<1@mail.example>"

    def test_html_brings_its_text_along(self) -> None:
        assert self.edited(body="<b>yes</b>").text == "yes"

    def test_text_alone_takes_the_html_away(self) -> None:
        draft = edited(self.edited(body="<b>yes</b>"), {"bodyAsPlainText": "no"}, self.MAILBOXES)
        assert (draft.text, draft.html) == ("no", "")

    def test_another_mailbox_of_ours_may_be_the_sender(self) -> None:
        assert self.edited(**{"from": "SALES@shop.example"}).from_address == "SALES@shop.example"

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
        with pytest.raises(LetterInvalid, match=words):
            self.edited(**fields)


@pytest.mark.spec("AG-69")
def test_null_changes_nothing_in_a_draft() -> None:
    draft = reply(written())
    nothing = {"to": None, "subject": None, "body": None, "bodyAsPlainText": None, "from": None}
    assert edited(draft, nothing, {SUPPORT.key}) == draft


@pytest.mark.spec("SEC-22")
@pytest.mark.parametrize("given", [{"x" * 1000: "a"}, {"to": "x" * 1000}])
def test_a_refusal_repeats_little_of_what_was_asked_for(given: dict[str, str]) -> None:
    with pytest.raises(LetterInvalid) as refused:
        edited(reply(written()), given, {SUPPORT.key})
    assert str(refused.value).count("x") == 64
