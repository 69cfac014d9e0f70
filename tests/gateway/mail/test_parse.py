"""From the bytes of a mail to what the gateway knows of it."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from channels.document import from_document, to_document
from channels.letter import Letter
from gateway.mail.correspondent import Correspondent
from gateway.mail.parse import Bounds, MailRefused, parse
from tests.gateway.mail.samples import PLAIN, SUPPORT

MAILBOX = Correspondent("support@ci-vm106")


def mail(head: str = "", body: str = "hello", *, sender: str = "carla@mail.example") -> bytes:
    """A mail with these header lines, in whatever encoding the body's text has in UTF-8."""
    lines = [f"From: {sender}", *filter(None, head.split("\n")), "", body, ""]
    return "\r\n".join(lines).encode()


def read(head: str = "", body: str = "hello", **more: str) -> Letter:
    return parse(mail(head, body, **more), SUPPORT).letter


@pytest.mark.spec("AG-50", "AG-52")
def test_the_mail_of_the_samples_makes_their_user_data() -> None:
    incoming = parse(PLAIN, MAILBOX)
    assert {**incoming.user_data, "ContactId": "0000Ha8S2A7X000N"} == {
        "Header_Content-Type": 'multipart/mixed;boundary="===============1840393583=="',
        "_ContainsAttachment": "false",
        "To": "support@ci-vm106",
        "Header_Date": "Fri, 28 Jun 2013 13:30:34 -0700",
        "_AttachmentsSize": "0",
        "_AutoReplyCount": 0,
        "Header_MIME-Version": "1.0",
        "Mailbox": "support",
        "ContactId": "0000Ha8S2A7X000N",
        "FromPersonal": "",
        "_AttachmentFileNames": "",
        "Origination_Source": "Email",
        "FromAddress": "Customer1@ci-vm106",
        "Header_Message-ID": "<4fdz6n7aiqcqyw3.280620131330@ci-vm106>",
        "EmailAddress": "Customer1@ci-vm106",
        "Subject": "test_reply",
    }
    assert incoming.letter.text == "Thisisemailbody.\r\nTesting,hopefullythiswillwork"


def test_a_customer_is_one_contact_however_his_address_is_written() -> None:
    senders = ("Carla <carla@mail.example>", "CARLA@mail.example")
    ids = {parse(mail(sender=each), SUPPORT).user_data["ContactId"] for each in senders}
    assert len(ids) == 1
    assert all(len(each) == 16 and each.isalnum() for each in ids)


def test_names_and_subjects_are_decoded() -> None:
    incoming = read(
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= an\n =?iso-8859-1?q?alle?=",
        sender="=?utf-8?b?w4Vzbw==?= <aso@mail.example>",
    )
    assert incoming.subject == "Grüße an alle"
    assert (incoming.from_address, incoming.from_personal) == ("aso@mail.example", "Åso")


def test_a_raw_utf_8_header_is_read_as_such() -> None:
    assert read("Subject: Grüße").subject == "Grüße"


def test_a_text_in_a_charset_that_nobody_knows_is_read_as_far_as_possible() -> None:
    assert read("Content-Type: text/plain; charset=klingon", "Grüße").text == "Grüße"


def test_of_html_alone_the_text_is_what_one_reads() -> None:
    html = "<head><title>T</title><style>p {}</style></head><p>Hello&nbsp;&amp; good<br>day</p><ul><li>one<li>two</ul>"
    incoming = read("Content-Type: text/html", html)
    assert incoming.text == "Hello & good\r\nday\r\n\r\n- one\r\n- two"
    assert incoming.html == html + "\r\n"


def test_parts_become_text_html_and_attachments() -> None:
    message = EmailMessage()
    message["From"] = "carla@mail.example"
    message.set_content("plain")
    message.add_alternative("<p>html</p>", subtype="html")
    message.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="../../etc/p.png")
    message.add_attachment("a,b", subtype="csv", filename="größe.csv")
    inner = EmailMessage()
    inner["Subject"] = "within"
    message.add_attachment(inner)
    incoming = parse(message.as_bytes(), SUPPORT)
    letter = incoming.letter
    assert (letter.text, letter.html) == ("plain", "<p>html</p>\n")
    attached = [(each.name, each.media_type, incoming.contents[each.key]) for each in letter.attachments]
    assert attached[:2] == [("p.png", "image/png", b"\x89PNG"), ("größe.csv", "text/csv", b"a,b\n")]
    assert attached[2][1] == "message/rfc822"
    assert b"Subject: within" in attached[2][2]
    assert [each.size for each in letter.attachments] == [len(content) for _, _, content in attached]
    assert incoming.user_data["_ContainsAttachment"] == "true"


def test_a_text_beyond_the_bound_is_shown_in_part_and_attached_whole() -> None:
    letter = parse(mail(body="x" * 500), SUPPORT, Bounds(text_characters=100)).letter
    assert letter.text == "x" * 100
    assert [(each.name, each.size) for each in letter.attachments] == [("message.txt", 502)]


def test_a_thread_is_found() -> None:
    incoming = read("Message-ID: <3@a>\nIn-Reply-To: <2@a> (of you)\nReferences: <1@a>\n <2@a>")
    assert (incoming.message_id, incoming.in_reply_to, incoming.references) == ("<3@a>", "<2@a>", ("<1@a>", "<2@a>"))


def test_what_is_no_address_is_passed_over() -> None:
    incoming = read("Cc: nobody, <x@y@z>, Bob <bob@mail.example>, undisclosed:;")
    assert incoming.cc == ("bob@mail.example",)


@pytest.mark.spec("AG-80")
def test_the_same_mail_for_the_same_mailbox_is_the_same_delivery() -> None:
    first, again = parse(mail(), SUPPORT), parse(mail(), SUPPORT)
    assert first.delivery == again.delivery
    assert first.delivery != parse(mail(body="another"), SUPPORT).delivery
    assert first.delivery != parse(mail(), MAILBOX).delivery


def test_a_kept_letter_is_the_same_letter() -> None:
    letter = parse(PLAIN, MAILBOX).letter
    assert from_document(Letter, to_document(letter)) == letter


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (mail(sender=""), "From"),
        (mail(sender="nobody"), "From"),
        (mail("Subject: " + "x" * 70_000), "header"),
        (mail(body="\r\n" * 250_001), "lines"),
        (mail(body="multipart/mixed\r\n" * 31), "multiparts"),
    ],
)
def test_what_is_beyond_a_bound_is_refused(content: bytes, words: str) -> None:
    with pytest.raises(MailRefused, match=f"554 5.6.0 .*{words}"):
        parse(content, SUPPORT)


def test_too_many_attachments_are_refused() -> None:
    parts = "--b\r\nContent-Type: image/png\r\n\r\n\r\n" * 51 + "--b--"
    with pytest.raises(MailRefused, match="attachments"):
        read("Content-Type: multipart/mixed; boundary=b", parts)


@pytest.mark.parametrize("charset", ["utf-7", "UTF7"])
def test_a_text_has_no_halves_of_characters(charset: str) -> None:
    letter = read(f"Content-Type: text/plain; charset={charset}\nSubject: =?{charset}?Q?a+2AA-b?=", "a+2AA-b")
    assert (letter.text, letter.subject) == ("a\ufffdb", "a\ufffdb")
    assert read("Content-Type: text/plain; charset=utf-7", "+2D3eAA-").text == "\U0001f600"


def test_a_name_of_a_file_has_no_halves_of_characters() -> None:
    (attachment,) = read("Content-Disposition: attachment; filename*=utf-7''a%2B2AA-b").attachments
    assert attachment.name == "a\ufffdb"


@pytest.mark.parametrize("media_type", ["te xt/p\n l", 'a/b"', "a/b,c(d)", "a/\xe9"])
def test_a_media_type_that_is_none_is_bytes(media_type: str) -> None:
    (attachment,) = read(f"Content-Type: {media_type}").attachments
    assert attachment.media_type == "application/octet-stream"
    assert attachment.name.isprintable()


@pytest.mark.parametrize(
    "head",
    [
        'Content-Type: text/plain; a="' + ";" * 5000,
        "Content-Disposition: attachment" + "; a=b" * 1000,
        "\n".join(["Content-Description: " + "x" * 4000] * 17),
    ],
)
def test_fields_of_parts_are_bounded(head: str) -> None:
    """Their parameters take the standard library the square of their length."""
    part = "\r\n".join(["--b", *head.split("\n"), "", "x", "--b--"])
    with pytest.raises(MailRefused, match="too much of its content"):
        read("Content-Type: multipart/mixed; boundary=b", part)


LINES = st.sampled_from(
    [
        *("From: a@b", "To: ((((", "Subject: =?utf-8?b?=?=", " folded", "", "x", "=", "%%%", "\x00", "é", "<!--"),
        *("Content-Type: multipart/mixed; boundary=b", "--b", "--b--"),
        *("Content-Type: message/rfc822", "Content-Type: message/delivery-status", "Content-Type: ;;;"),
        *("Content-Type: text/plain; charset=idna", "Content-Type: text/html; charset=utf-7"),
        "Content-Type: text/plain; charset*0*=''utf-8; charset*1*=%",
        "Content-Disposition: attachment; filename*=utf-9''%00; filename=\"\\",
        *("Content-Transfer-Encoding: base64", "Content-Transfer-Encoding: x-uuencode", "begin 644 a"),
    ]
)


@given(st.lists(LINES, max_size=30))
@example(["Content-Disposition: attachment; filename*" + "9" * 5000 + "*=x"])
@example(["To: " + "(" * 20_000])
def test_any_mail_is_read_or_refused(lines: list[str]) -> None:
    try:
        parse("\r\n".join(["From: a@b.example", *lines]).encode(), SUPPORT)
    except MailRefused:
        pass


@pytest.mark.soak
@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    try:
        parse(b"From: a@b.example\r\n" + content, SUPPORT)
    except MailRefused:
        pass
