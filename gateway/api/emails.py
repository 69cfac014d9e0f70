"""``/api/v2/me/emails``: e-mails in the words of dialect B; and the door for those that come by HTTP.

Source: AG-2, AG-68, AG-69, AG-77…80.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Final

from gateway.agents.operations import Dialect, Json
from gateway.agents.refusal import NOT_PERMITTED, OUT_OF_RANGE, Refused
from gateway.api.declaration import Operation, Parameter, Reads, Takes, Text
from gateway.api.held import Held, HeldOne
from gateway.api.parameters import (
    ATTACH_USER_DATA,
    COMPLETE,
    DELETE_USER_DATA,
    FIELDS,
    FORWARD,
    LIMIT,
    OFFSET,
    PAGED,
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    REJECT,
    REPLY,
    REPLY_ALL,
    SAVE,
    SEND,
    SET_DISPOSITION,
    SET_IN_FOCUS,
    TAKEN,
    TRANSFER,
    TYPED,
    UPDATE_USER_DATA,
    URIS,
)
from gateway.api.resource import Resource
from gateway.mail.correspondent import AddressInvalid, Correspondent
from gateway.mail.parse import MailRefused, parse

SERVICE: Final = "service"
"""The role of programs that put e-mails in."""
MAIL: Final = "message/rfc822"

OPERATIONS: Final = (
    Operation("Accept", "Take the e-mail one is invited to."),
    REJECT,
    REPLY,
    REPLY_ALL,
    FORWARD,
    SAVE,
    SEND,
    Operation("Cancel", "Drop the draft.", also=("CancelReply",)),
    TRANSFER,
    COMPLETE,
    PLACE_IN_QUEUE,
    PLACE_IN_WORKBIN,
    ATTACH_USER_DATA,
    UPDATE_USER_DATA,
    DELETE_USER_DATA,
    SET_DISPOSITION,
    SET_IN_FOCUS,
    Operation("AddComment", "Write a note for oneself and colleagues.", (Parameter("comment", "It.", Text(16_384)),)),
)


class MyEmails(Held):
    """All e-mails in hand."""

    path = "/me/emails"
    dialect = Dialect.EMAILS
    gets = Reads(
        says="The e-mails one is invited to, works on or composes.",
        query=(FIELDS, OFFSET, LIMIT),
        answer={"uris": URIS, "emails": {"type": "array", "items": TYPED}, **PAGED},
        refuses=(400,),
    )


class MyEmail(HeldOne):
    """One of them."""

    path = "/me/emails/{email}"
    dialect = Dialect.EMAILS
    gets = Reads(says="One e-mail.", answer={"email": TYPED}, refuses=(404,))
    posts = Takes(
        says="Do something with an e-mail; what comes of it is told on `/v2/me/emails`.",
        operations=OPERATIONS,
        answer=TAKEN,
        refuses=(404, 409),
    )


class Email(MyEmail):
    """The same where its URI leads."""

    path = "/emails/{email}"


class Emails(Resource):
    """Where programs put in what came to one of our mailboxes."""

    path = "/emails"
    posts: ClassVar[Takes] = Takes(
        says="Route a mail; for programs. The same mail for the same mailbox again changes nothing.",
        query=(Parameter("mailbox", "Which of our addresses it came to.", Text(320), is_required=True),),
        media=MAIL,
        answer={"id": {"type": "string"}},
        refuses=(404, 409),
    )

    async def post(self, *path: str) -> None:
        """Tornado."""
        await self.answer_to(self._deliver)

    async def _deliver(self) -> Json:
        if SERVICE not in self.caller.roles:
            raise Refused(NOT_PERMITTED, f"that needs the role {SERVICE}")
        mailbox = self.query(self.posts.query)["mailbox"]
        try:
            mail = await asyncio.to_thread(parse, self.body_of(MAIL), Correspondent(mailbox))
        except (AddressInvalid, MailRefused) as refused:
            raise Refused(OUT_OF_RANGE, str(refused)) from None
        return {"id": await self.service.begin_email(mail)}
