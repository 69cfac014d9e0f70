"""The samples of the original come out of what happened, field for field."""

from __future__ import annotations

import pytest

from channels import userdata
from channels.interaction.model import begin_chat, begin_email
from channels.letter import Letter
from channels.userdata import ChatServer, Routing
from tests.channels.story import Story, sample

CUSTOMER, AGENT = "009B51CDF64818CA", "009B51CDF65418CC"
SERVER = ChatServer(name="es_chat", host="hpe-voicevm-76.genesyslab.com", port="7160", id="155")
FORM = {"firstName": "CustomerName!L", "subject": "Customersupport"}
TO_CHAT = Routing(agent="Agent1", place="Agent1", target="?: 2>1", strategy="SimpleChatInStrategy", strategy_id="125")
TO_EMAIL = Routing(agent="Agent1", place="Agent1", target="?: 2>1", strategy="SimpleEmailInStrategy", strategy_id="134")
LETTER = Letter(
    from_address="Customer1@ci-vm106",
    to=("support@ci-vm106",),
    subject="test_reply",
    text="Thisisemailbody.\r\nTesting,hopefullythiswillwork",
    message_id="<4fdz6n7aiqcqyw3.280620131330@ci-vm106>",
    mailbox="support@ci-vm106",
)
HEADERS = {
    "Content-Type": 'multipart/mixed;boundary="===============1840393583=="',
    "Date": "Fri, 28 Jun 2013 13:30:34 -0700",
    "MIME-Version": "1.0",
}


def chat(id: str = "0000Ja8V814907KS", customer: str = CUSTOMER) -> Story:
    """A customer has filled in the form, and waits."""
    begun = begin_chat(
        id,
        "SimpleChatInQueue",
        1_000.0,
        user_data=userdata.of_form(FORM, SERVER),
        in_queues=("SimpleChatTranscriptQueue",),
    )
    return Story(begun, ids=[customer, AGENT]).joins(userdata.nickname_of_form(FORM))


def email() -> Story:
    """The customer's mail has come."""
    begun = begin_email(
        "0000Ja8V814907JM",
        "SimpleEmailInQueue",
        LETTER,
        1_000.0,
        user_data=userdata.of_letter(LETTER, HEADERS, mailbox="support", contact="0000Ha8S2A7X000N"),
        out_queues=("SimpleEmailOutQueue",),
    )
    return Story(begun)


@pytest.mark.spec("AG-50", "AG-51", "AG-53", "AG-54")
def test_chat_invited() -> None:
    assert chat().invites("ann", TO_CHAT).heard("ann") == [sample("chat-invited")]


@pytest.mark.spec("AG-50", "AG-61", "AG-90", "AG-91")
def test_chat_accepted() -> None:
    story = chat()
    for number in (1, 2, 3):
        story.says(f"testmessage{number}fromclient")
    story.invites("ann", TO_CHAT).asks("ann", "Accept", nickname="TestName")
    assert story.last("ann") == sample("chat-accepted")


@pytest.mark.spec("AG-50", "AG-65")
def test_chat_revoked() -> None:
    assert chat().invites("ann", TO_CHAT).revokes("ann").last("ann") == sample("chat-revoked")


@pytest.mark.spec("AG-50", "AG-92")
def test_chat_notifications() -> None:
    story = chat("0000Ja8V814907KU", "009B51CDF65818CD").invites("ann", TO_CHAT).asks("ann", "Accept")
    assert story.says("testmessage1fromclient").last("ann") == sample("chat-notifications")


@pytest.mark.spec("AG-50", "AG-51")
def test_email_invited() -> None:
    assert email().invites("ann", TO_EMAIL).heard("ann") == [sample("email-invited")]


@pytest.mark.spec("AG-50", "AG-65")
def test_email_revoked() -> None:
    assert email().invites("ann", TO_EMAIL).revokes("ann").last("ann") == sample("email-revoked")


@pytest.mark.spec("AG-50", "AG-60")
def test_email_accepted() -> None:
    assert email().invites("ann", TO_EMAIL).asks("ann", "Accept").last("ann") == sample("email-accepted")


@pytest.mark.spec("AG-52")
def test_keys_of_a_message_stand_in_the_order_of_the_original() -> None:
    """But for those of ``userData``, which have the order in which they came."""
    told = chat().invites("ann", TO_CHAT).last("ann")
    assert list(told) == list(sample("chat-invited"))
    told = email().invites("ann", TO_EMAIL).asks("ann", "Accept").last("ann")
    assert list(told) == list(sample("email-accepted"))


# Samples that are not of the original, but follow from it


@pytest.mark.spec("AG-50", "AG-51")
def test_chat_completed() -> None:
    story = chat().invites("ann", TO_CHAT).asks("ann", "Accept").asks("ann", "StopProcessing")
    assert story.last("ann") == sample("ext/chat-completed") | {"currentQueue": "SimpleChatTranscriptQueue"}


@pytest.mark.spec("AG-50", "AG-51")
def test_chat_rejected() -> None:
    assert chat().invites("ann", TO_CHAT).asks("ann", "Reject").last("ann") == sample("ext/chat-rejected")


@pytest.mark.spec("AG-50", "AG-51")
def test_chat_transferred() -> None:
    story = chat().invites("ann", TO_CHAT).asks("ann", "Accept").transfers("ann", "bob")
    assert story.last("ann") == sample("ext/chat-transferred")


@pytest.mark.spec("AG-62", "AG-90")
def test_chat_party_left() -> None:
    story = chat().invites("ann", TO_CHAT).asks("ann", "Accept")
    for _ in range(5):
        story.says("still there?")
    assert story.leaves().last("ann") == sample("ext/chat-party-left")


@pytest.mark.spec("AG-94")
def test_chat_typing() -> None:
    story = chat().invites("ann", TO_CHAT).asks("ann", "Accept").says("1").says("2").says("3")
    assert story.types().last("ann") == sample("ext/chat-typing")


@pytest.mark.spec("AG-95")
def test_chat_consult_whisper() -> None:
    story = chat().invites("ann", TO_CHAT).asks("ann", "Accept").says("1").says("2").says("3").says("4")
    story.asks("ann", "SendMessage", text="can you take this one?", visibility="Agents")
    assert story.last("ann") == sample("ext/chat-consult-whisper")
