"""E-mails that agents send: from the outbox to the relay, and what became of it back to the agent.

Only one node lets them leave: what two nodes said twice to a desktop it would know by its number, a customer would not.

Source: AG-70, AG-80, AG-144.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from channels.answers import LetterInvalid
from channels.dialects.announcement import TYPED_CHANNELS, Asked
from channels.interaction import writing
from channels.interaction.model import Interaction
from channels.letter import Letter
from channels.private import INTERACTIONS
from gateway.agents import notices
from gateway.agents.attachments import Attachments
from gateway.agents.interactions import Interactions, interaction_key
from gateway.agents.refusal import FAILED
from gateway.agents.side import ChatSide
from gateway.agents.turn import MAIL_LANE, Turn
from gateway.mail.compose import message_id, post
from gateway.mail.correspondent import Correspondent
from gateway.mail.relay import Relay, RelayAway, RelayRefused
from gateway.routing.outbox import Pump
from gateway.store.store import Outgoing

log = logging.getLogger(__name__)


class Letters:
    """The end of their lane.

    Args:
        relay: what takes them; None: nothing does.
        mailboxes: ours, by ``Correspondent.key``: whose names they leave in.
    """

    def __init__(
        self, side: ChatSide, interactions: Interactions, relay: Relay | None, mailboxes: Mapping[str, Correspondent]
    ) -> None:
        self._side = side
        self._interactions = interactions
        self._attachments = Attachments(side.room)
        self._relay = relay
        self._mailboxes = mailboxes
        self.is_relay_away: bool = False
        """By what this node found when it last had a mail to send."""
        self.pump = Pump(side.room, MAIL_LANE, self.leave)
        """To be run on one node."""

    async def leave(self, entries: Sequence[Outgoing]) -> None:
        """Send them, one after the other. Raises Unavailable."""
        for entry in entries:
            asked = entry.body.get("asked")
            await self._send(entry.body["interaction"], Asked(**asked) if asked is not None else None)

    async def _send(self, id: str, asked: Asked | None) -> None:
        draft = await self._side.decide(lambda turn: self._interactions.find(turn, id))
        if draft is not None and draft.sending and draft.letter is not None:
            trouble = await self._trouble_with(draft, draft.letter)
            await self._side.decide(lambda turn: self._settle(turn, id, trouble, asked))

    async def _trouble_with(self, draft: Interaction, letter: Letter) -> str:
        """Send one; why it did not leave, or an empty text."""
        if self._relay is None:
            return "no mail leaves from here: mail.relay is not configured"
        contents = await self._attachments.of(letter)
        mailbox = self._mailboxes.get(letter.from_address.lower())
        name = mailbox.name if mailbox is not None else ""
        kept = tuple(each for each in letter.attachments if each.key in contents)
        whole = replace(letter, from_personal=name, attachments=kept)
        # The same for each attempt: who gets it twice, because the answer of the relay was lost, sees that it is one.
        id = message_id(draft.id, letter.from_address)
        try:
            refused = await self._relay.send(post(whole, now=self._side.clock(), message_id=id, contents=contents))
        except (LetterInvalid, RelayAway, RelayRefused) as error:
            self.is_relay_away = isinstance(error, RelayAway)
            log.info("a mail did not leave: %s", error)
            return str(error)
        except Exception:  # all others behind it shall leave
            log.exception("defect in sending a mail", extra={"interaction": draft.id})
            return "it cannot be sent"
        self.is_relay_away = False
        if refused:
            log.info("some recipients of a mail were refused", extra={"count": len(refused)})
        return ""

    async def _settle(self, turn: Turn, id: str, trouble: str, asked: Asked | None) -> None:
        draft = await self._interactions.find(turn, id)
        if draft is None:
            return
        change = writing.not_sent(draft) if trouble else writing.sent(draft, turn.now)
        await self._interactions.keep(turn, draft, change, asked=asked)
        owner = draft.owner
        if trouble and owner is not None:
            for channel in (INTERACTIONS, TYPED_CHANNELS[draft.channel]):
                is_his = asked is not None and asked.agent == owner.agent
                reference = asked.number_on(channel) if asked and is_his else None
                turn.announce(
                    owner.agent,
                    channel,
                    notices.error("Send", FAILED, trouble, id, reference),
                    of=interaction_key(id),
                )
