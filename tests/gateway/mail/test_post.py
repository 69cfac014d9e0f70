"""Mail that comes in and goes out, over real SMTP and LMTP on loopback."""

from __future__ import annotations

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import aiosmtplib
import pytest

from bayeux.protocol.errors import Unavailable
from channels.answers import Wording, reply
from gateway.mail.compose import Posted, post
from gateway.mail.incoming import IncomingMail
from gateway.mail.listener import MailListener
from gateway.mail.relay import Relay, RelayAway, RelayRefused
from tests.gateway.mail.elsewhere import Elsewhere
from tests.gateway.mail.samples import CARLA, SALES, SUPPORT, written
from tests.support.ports import free_port
from tests.support.redis_server import certificate

PATIENCE = 60.0
NOW = 1_795_255_200.0
SENDER = "carla@mail.example"
CONTENT = b"From: carla@mail.example\r\nTo: support@shop.example\r\nSubject: Order 7\r\n\r\n.\r\nWhere is it?\r\n"


class Mailroom:
    """Keeps what was delivered; may be closed for a while."""

    def __init__(self) -> None:
        self.mails: list[IncomingMail] = []
        self.before_storing: Callable[[IncomingMail], Awaitable[object]] | None = None

    async def deliver(self, mail: IncomingMail) -> None:
        if self.before_storing is not None:
            await self.before_storing(mail)
        self.mails.append(mail)


@asynccontextmanager
async def listening(mailroom: Mailroom, **options: Any) -> AsyncIterator[int]:
    """The port of a listener for support and sales."""
    listener = MailListener([SUPPORT, SALES], mailroom.deliver, **options)
    bound = socket.create_server(("127.0.0.1", 0))
    port: int = bound.getsockname()[1]
    await listener.start(bound)
    try:
        yield port
    finally:
        await listener.stop()


async def bring(port: int, *recipients: str, content: bytes = CONTENT) -> Any:
    return await aiosmtplib.send(
        content, sender=SENDER, recipients=recipients, hostname="127.0.0.1", port=port, timeout=PATIENCE
    )


async def by_lmtp(port: int, talk: Callable[[smtplib.LMTP], Any]) -> Any:
    """A conversation of the standard library's client, in a thread."""

    def converse() -> Any:
        with smtplib.LMTP("127.0.0.1", port, local_hostname="localhost") as client:
            return talk(client)

    return await asyncio.to_thread(converse)


class TestComingIn:
    @pytest.mark.spec("AG-80")
    async def test_a_mail_is_delivered_as_it_was_written(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port:
            refused, answer = await bring(port, "Support@shop.example")
        assert refused == {}
        assert "taken" in answer
        [mail] = mailroom.mails
        letter = mail.letter
        assert (letter.mailbox, letter.subject, letter.text) == (SUPPORT.address, "Order 7", ".\r\nWhere is it?")

    @pytest.mark.spec("AG-80")
    async def test_it_is_acknowledged_only_after_it_was_stored(self) -> None:
        mailroom, stored, offered = Mailroom(), asyncio.Event(), asyncio.Event()

        async def wait(mail: IncomingMail) -> None:
            offered.set()
            await stored.wait()

        mailroom.before_storing = wait
        async with listening(mailroom) as port:
            bringing = asyncio.create_task(bring(port, "support@shop.example"))
            await offered.wait()
            assert not bringing.done()
            stored.set()
            await bringing
        assert len(mailroom.mails) == 1

    @pytest.mark.spec("AG-80")
    @pytest.mark.expected_logs("mail cannot be stored", "mail can be stored again")
    async def test_while_it_cannot_be_stored_its_sender_has_to_come_again(self) -> None:
        mailroom = Mailroom()

        async def refuse(mail: IncomingMail) -> None:
            raise Unavailable("store")

        mailroom.before_storing = refuse
        async with listening(mailroom) as port:
            for _ in range(2):
                with pytest.raises(aiosmtplib.SMTPDataError) as error:
                    await bring(port, "support@shop.example")
                assert error.value.code == 451
            mailroom.before_storing = None
            await bring(port, "support@shop.example")
        assert len(mailroom.mails) == 1

    @pytest.mark.expected_logs("a mail could not be taken")
    async def test_a_fault_of_ours_is_not_told_and_costs_no_mail(self) -> None:
        mailroom = Mailroom()

        async def fail(mail: IncomingMail) -> None:
            raise ZeroDivisionError("secret")

        mailroom.before_storing = fail
        async with listening(mailroom) as port:
            with pytest.raises(aiosmtplib.SMTPDataError) as error:
                await bring(port, "support@shop.example")
        assert error.value.code == 451
        assert "secret" not in error.value.message

    @pytest.mark.spec("AG-80")
    async def test_an_unknown_mailbox_is_refused_and_the_known_one_gets_the_mail(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port:
            refused, _ = await bring(port, "nobody@shop.example", "support@shop.example")
        assert refused["nobody@shop.example"].code == 550
        assert [each.letter.mailbox for each in mailroom.mails] == [SUPPORT.address]

    async def test_two_mailboxes_each_get_it(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port:
            await bring(port, "support@shop.example", "sales@shop.example", "SUPPORT@shop.example")
        assert [each.letter.mailbox for each in mailroom.mails] == [SUPPORT.address, SALES.address]
        assert mailroom.mails[0].delivery != mailroom.mails[1].delivery

    @pytest.mark.spec("AG-80")
    @pytest.mark.parametrize("announced", [True, False])
    async def test_too_large_a_mail_is_refused_also_if_its_size_was_not_announced(self, announced: bool) -> None:
        mailroom = Mailroom()
        content = CONTENT + b"x" * 70 + b"\r\n" * 5000
        async with listening(mailroom, max_bytes=5000) as port, _client(port) as client:
            await (client.ehlo() if announced else client.helo())
            with pytest.raises(aiosmtplib.SMTPResponseException) as error:
                await client.sendmail(SENDER, ["support@shop.example"], content)
        assert error.value.code == 552
        assert mailroom.mails == []

    async def test_a_mail_beyond_the_bounds_is_refused_for_good(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port:
            with pytest.raises(aiosmtplib.SMTPDataError) as error:
                await bring(port, "support@shop.example", content=b"Subject: from nobody\r\n\r\nx\r\n")
        assert error.value.code == 554

    async def test_one_connection_too_many_is_turned_away(self) -> None:
        async with listening(Mailroom(), max_connections=1) as port, _client(port) as client:
            with pytest.raises(aiosmtplib.SMTPConnectError) as error:
                await bring(port, "support@shop.example")
            assert "421" in str(error.value) or getattr(error.value, "code", 0) == 421
            await client.quit()

    async def test_who_leaves_in_the_middle_has_sent_nothing(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            for line in ("EHLO x", "MAIL FROM:<a@b.example>", "RCPT TO:<support@shop.example>", "DATA", "Subject: x"):
                writer.write(line.encode() + b"\r\n")
            while b"354" not in await reader.readline():
                pass
            writer.close()
            await writer.wait_closed()
            await bring(port, "sales@shop.example")
        assert [each.letter.mailbox for each in mailroom.mails] == [SALES.address]

    async def test_stopping_ends_conversations(self) -> None:
        async with listening(Mailroom()) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.readline()
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    @pytest.mark.spec("AG-80")
    async def test_a_bounce_without_a_sender_is_taken(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom) as port, _client(port) as client:
            await client.sendmail("", ["support@shop.example"], CONTENT)
        assert len(mailroom.mails) == 1


class TestByLmtp:
    @pytest.mark.spec("AG-80")
    async def test_a_mail_is_delivered(self) -> None:
        mailroom = Mailroom()
        async with listening(mailroom, protocol="lmtp") as port:
            refused = await by_lmtp(port, lambda client: client.sendmail(SENDER, ["support@shop.example"], CONTENT))
        assert refused == {}
        assert [each.letter.mailbox for each in mailroom.mails] == [SUPPORT.address]

    async def test_a_second_recipient_has_to_wait_for_his_own(self) -> None:
        """Each recipient is owed an answer after the mail; with one of them there is one answer, whatever it is."""
        mailroom = Mailroom()
        both = ["support@shop.example", "sales@shop.example"]
        async with listening(mailroom, protocol="lmtp") as port:
            refused = await by_lmtp(port, lambda client: client.sendmail(SENDER, both, CONTENT))
            assert [(address, code) for address, (code, _) in refused.items()] == [("sales@shop.example", 452)]
            await by_lmtp(port, lambda client: client.sendmail(SENDER, both[1:], CONTENT))
        assert [each.letter.mailbox for each in mailroom.mails] == [SUPPORT.address, SALES.address]

    async def test_it_does_not_speak_smtp(self) -> None:
        async with listening(Mailroom(), protocol="lmtp") as port, _client(port) as client:
            with pytest.raises(aiosmtplib.SMTPHeloError):
                await client.ehlo()


@asynccontextmanager
async def _client(port: int) -> AsyncIterator[aiosmtplib.SMTP]:
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, timeout=PATIENCE, start_tls=False)
    await client.connect()
    try:
        yield client
    finally:
        client.close()


def answer(*cc: str) -> Posted:
    draft = replace(reply(written(), Wording(text=".\r\nOn its way.")), cc=cc)
    return post(draft, now=NOW, message_id="<2@shop.example>")


def relay(port: int) -> Relay:
    return Relay("127.0.0.1", port, timeout=PATIENCE)


class TestGoingOut:
    @pytest.mark.spec("AG-80")
    async def test_an_answer_leaves_by_the_relay(self) -> None:
        elsewhere = Elsewhere()
        async with elsewhere.open() as port:
            assert await relay(port).send(answer()) == {}
        [(sender, recipients, content)] = elsewhere.received
        assert (sender, recipients) == (SUPPORT.address, [CARLA])
        assert content == answer().content

    @pytest.mark.spec("AG-80")
    @pytest.mark.parametrize(
        ("data", "error"), [("451 come again", RelayAway), ("554 spam", RelayRefused), ("421 closing", RelayAway)]
    )
    async def test_whether_to_try_again_is_told(self, data: str, error: type[Exception]) -> None:
        async with Elsewhere(data=data).open() as port:
            with pytest.raises(error, match=data):
                await relay(port).send(answer())

    @pytest.mark.spec("AG-80")
    async def test_who_was_refused_is_told_and_the_others_get_it(self) -> None:
        elsewhere = Elsewhere(recipients={"sales@shop.example": "550 gone"})
        async with elsewhere.open() as port:
            assert await relay(port).send(answer(SALES.address)) == {"sales@shop.example": "550 gone"}
        assert len(elsewhere.received) == 1

    @pytest.mark.parametrize(("words", "error"), [("450 busy", RelayAway), ("550 gone", RelayRefused)])
    async def test_when_all_are_refused_nothing_left(self, words: str, error: type[Exception]) -> None:
        elsewhere = Elsewhere(recipients={CARLA: words})
        async with elsewhere.open() as port:
            with pytest.raises(error, match=words[:3]):
                await relay(port).send(answer())
        assert elsewhere.received == []

    @pytest.mark.spec("AG-80")
    async def test_without_a_relay_it_can_be_tried_again(self) -> None:
        with pytest.raises(RelayAway):
            await relay(free_port()).send(answer())

    @pytest.mark.parametrize("tls", ["starttls", "implicit"])
    async def test_what_is_encrypted_leaves_for_a_server_that_is_trusted_and_no_other(
        self, tls: Literal["starttls", "implicit"], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate(tmp_path)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
        elsewhere = Elsewhere()
        async with elsewhere.open(**{tls: context}) as port:
            encrypting = Relay("127.0.0.1", port, tls=tls, timeout=PATIENCE)
            with pytest.raises(RelayAway):
                await encrypting.send(answer())
            assert elsewhere.received == []
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
            await encrypting.send(answer())
        assert len(elsewhere.received) == 1

    async def test_a_relay_that_cannot_encrypt_gets_nothing(self) -> None:
        elsewhere = Elsewhere()
        async with elsewhere.open() as port:
            insisting = Relay("127.0.0.1", port, tls="starttls", timeout=PATIENCE)
            with pytest.raises((RelayAway, RelayRefused)):
                await insisting.send(answer())
        assert elsewhere.received == []


@pytest.mark.spec("AG-79", "AG-80")
async def test_an_answer_is_found_in_its_thread_when_the_customer_answers() -> None:
    """There and back: what leaves by the relay comes in at another gateway, and its answer refers to both."""
    mailroom = Mailroom()
    async with listening(mailroom) as port:
        to_sales = post(reply(written(from_address=SALES.address)), now=NOW, message_id="<2@shop.example>")
        await relay(port).send(to_sales)
    [mail] = mailroom.mails
    letter = mail.letter
    assert (letter.mailbox, letter.from_address, letter.message_id) == (
        SALES.address,
        SUPPORT.address,
        "<2@shop.example>",
    )
    assert reply(letter).references == ("<1@mail.example>", "<2@shop.example>")
