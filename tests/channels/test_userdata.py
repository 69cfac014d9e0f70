"""Attached data: opaque, in order, and read-only where routing writes."""

from __future__ import annotations

import pytest

from channels import userdata
from channels.letter import Attachment, Letter
from channels.userdata import ChatServer, ReadOnly, Routing, TooMuch, merged, routed

ROUTING = Routing(agent="Agent1", place="Place1", target="?: 2>1", strategy="S")
SERVER = ChatServer(name="gateway", host="localhost", port="8080", id="1")


@pytest.mark.spec("AG-78")
def test_given_keys_are_set_deleted_ones_go_others_stay() -> None:
    after = merged({"a": "1", "b": 2, "c": None}, {"b": None, "d": {"x": []}}, ["a", "unknown"])
    assert list(after.items()) == [("b", None), ("c", None), ("d", {"x": []})]


@pytest.mark.spec("AG-78")
@pytest.mark.parametrize(("given", "deleted"), [({"RTargetX": 1}, []), ({}, ["RTargetAgentSelected"])])
def test_keys_of_routing_are_read_only(given: dict[str, object], deleted: list[str]) -> None:
    with pytest.raises(ReadOnly):
        merged({}, given, deleted)


@pytest.mark.spec("AG-52")
def test_types_and_keys_are_kept() -> None:
    odd = {"a: b>c": 0, "": "", "n": None, "f": "false", "z": "0"}
    assert merged(odd, {"new": 1}) == odd | {"new": 1}


def test_attached_data_is_bounded() -> None:
    with pytest.raises(TooMuch):
        merged({"a": "x" * userdata.MAX_CHARACTERS}, {"b": 1})


@pytest.mark.spec("AG-53")
def test_routing_counts_a_target_once_for_each_pass_through_the_queue() -> None:
    once = routed({"Subject": "Help"}, ROUTING)
    assert once["PegAG?: 2>1"] == 1
    assert routed(once, ROUTING)["PegAG?: 2>1"] == 1
    assert next(iter(once)) == "Subject"


@pytest.mark.spec("AG-54")
def test_form_of_a_customer_becomes_attached_data() -> None:
    form = {"firstName": "Carla", "lastName": "C", "email": "c@x.example", "subject": "Help", "usr_colour": "red"}
    attached = userdata.of_form(form, SERVER, service="369-1")
    assert attached["EmailAddress"] == "c@x.example"
    assert (attached["Subject"], attached["usr_colour"], attached["_id"]) == ("Help", "red", "369-1")
    assert not {"firstName", "lastName", "email", "subject"} & set(attached)
    assert userdata.nickname_of_form(form) == "Carla C"
    assert userdata.nickname_of_form({}) == "Customer"


def test_mail_tells_of_its_attachments() -> None:
    files = (
        Attachment(name="a.pdf", media_type="application/pdf", size=7),
        Attachment(name="b", media_type="x/y", size=1),
    )
    attached = userdata.of_letter(Letter(from_address="c@x.example", attachments=files), {})
    assert attached["_ContainsAttachment"] == "true"
    assert (attached["_AttachmentFileNames"], attached["_AttachmentsSize"]) == ("a.pdf,b", "8")
