"""Mails that tests begin with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from channels.letter import Letter
from gateway.mail.correspondent import Correspondent

SUPPORT = Correspondent("support@shop.example", "Shop support")
SALES = Correspondent("sales@shop.example")
CARLA = "carla@mail.example"

PLAIN = b"""\
From: Customer1@ci-vm106\r
To: support@ci-vm106\r
Subject: test_reply\r
Date: Fri, 28 Jun 2013 13:30:34 -0700\r
Message-ID: <4fdz6n7aiqcqyw3.280620131330@ci-vm106>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed;boundary="===============1840393583=="\r
\r
--===============1840393583==\r
Content-Type: text/plain; charset="us-ascii"\r
\r
Thisisemailbody.\r
Testing,hopefullythiswillwork\r
--===============1840393583==--\r
"""
"""The mail behind the samples of notifications."""


def written(**fields: Any) -> Letter:
    """A letter of Carla's to our support, with other fields where given."""
    letter = Letter(
        mailbox=SUPPORT.address,
        from_address=CARLA,
        from_personal="Carla Client",
        to=(SUPPORT.address,),
        subject="Order 7",
        text="Where is it?\r\n\r\nCarla",
        date="Sat, 21 Nov 2026 10:00:00 +0100",
        message_id="<1@mail.example>",
    )
    return replace(letter, **fields)
