"""The customer's side of chats and e-mails: what the doors towards customers call.

Everything a customer is given leaves out what only agents may see (AG-95). Raises OperationRefused like an agent's
operations, and Unavailable; nothing was changed then.

Source: AG-54, AG-73, AG-74, AG-80, AG-94…97, AG-128.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from channels import userdata
from channels.answers import MAX_ECHO
from channels.chat.notices import NoticeKind, Visibility
from channels.chat.v1 import Reading, read
from channels.dialects.interactions import event_object
from channels.interaction import customer, offers
from channels.interaction.effects import Outcome, StartTask
from channels.interaction.model import Channel, Interaction, begin_chat, begin_email
from gateway.agents.attachments import Attachments
from gateway.agents.interactions import Interactions
from gateway.agents.operations import QueuePosition
from gateway.agents.places import Places, task_name
from gateway.agents.refusal import NOT_FOUND, NOT_NOW, OUT_OF_RANGE, Refused
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn
from gateway.agents.waiting import Waiting
from gateway.mail.incoming import IncomingMail

ID_LENGTH: Final = 16
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class Customers:
    """Begins interactions, and speaks in them for the customer.

    Args:
        new_hex: gives 16 hexadecimal digits that nobody has had, in upper case.
    """

    def __init__(
        self,
        side: ChatSide,
        settings: Settings,
        interactions: Interactions,
        waiting: Waiting,
        places: Places,
        new_hex: Callable[[], str],
    ) -> None:
        self._side = side
        self._waiting = waiting
        self._places = places
        self._settings = settings
        self._interactions = interactions
        self._attachments = Attachments(side.room)
        self._new_hex = new_hex

    # Chats

    async def begin_chat(
        self,
        *,
        nickname: str,
        queue: str = "",
        user_data: Mapping[str, Any] | None = None,
        service: str = "",
        key: str = "",
        place: str = "",
        since: float | None = None,
    ) -> str:
        """See ``ChatService``.

        Args:
            user_data: items of the customer's form, by their names there or in attached data.
            service: id of the service that he came by.
            key: the same for a repetition of the same request, which begins nothing; empty: it is none.
            place: key of the place that the customer has or had (``Places``): the chat stands there.
            since: when he began to wait, in seconds since 1970, if he has no place; None: now.

        Raises Refused: 2 where the place was given up.
        """
        chosen = self._settings.queues.get(queue or self._settings.default_queue(Channel.CHAT))
        if chosen is None or chosen.mrd != Channel.CHAT.value:
            raise Refused(NOT_FOUND, f"there is no queue {queue!r} for chats")
        id = id_of(key or self._side.new_id())

        async def decision(turn: Turn) -> None:
            if await self._interactions.find(turn, id) is not None:
                return
            data = userdata.of_form(user_data or {}, self._settings.chat_server, service)
            begun = begin_chat(
                id, chosen.name, turn.now, service=service, user_data=data, in_queues=tuple(chosen.in_queues)
            )
            joined = customer.join(begun, nickname, turn.now, self._new_hex)
            asked = StartTask(queue=chosen.name, since=since)
            if place:
                taken = await self._places.take(turn, place)
                asked = replace(asked, place=task_name(place), since=since if taken.since is None else taken.since)
            await self._route(turn, joined.interaction, asked)

        await self._side.decide(decision)
        return id

    async def say(self, interaction: str, text: str, *, message_id: str = "") -> None:
        """See ``ChatService``; under the same ``message_id`` it is said once."""
        await self._change(
            interaction,
            lambda chat, now: customer.say(chat, text, now, message_id=message_id, rules=self._settings.rules),
        )

    async def notice(self, interaction: str, kind: str, text: str | None = None) -> None:
        """See ``ChatService``. Raises Refused: 10 for a kind that there is not."""
        if kind not in tuple(NoticeKind):
            raise Refused(OUT_OF_RANGE, f"there is no notice {kind!r}")
        await self._change(interaction, lambda chat, now: customer.notice(chat, NoticeKind(kind), now, text))

    async def whisper(self, interaction: str, text: str) -> None:
        """The house tells the agents of a chat something that its customer does not see (CC-11)."""
        await self._change(
            interaction,
            lambda chat, now: customer.tell(chat, NoticeKind.CUSTOM, text, now, self._new_hex, Visibility.AGENTS),
        )

    async def leave(self, interaction: str) -> None:
        """See ``ChatService``."""
        await self._change(interaction, customer.leave)

    async def give_up(self, interaction: str) -> None:
        """Nobody waits in it for an agent any more: it ends, unless an agent was there; nothing, if none is."""
        await self._change_if_any(interaction, customer.give_up)

    async def ask_another(self, interaction: str, missed: int) -> None:
        """Another agent than the one who is asked, unless so many have not taken it by now, or one has.

        Args:
            missed: how many shall not have taken it.
        """
        await self._change_if_any(interaction, lambda chat, _: offers.withdraw(chat, missed))

    async def queue_position(self, interaction: str) -> QueuePosition | None:
        """See ``ChatService``."""
        chat = await self._side.decide(lambda turn: self._chat(turn, interaction))
        if chat.is_closed or not chat.has_customer:
            raise Refused(NOT_NOW, "the chat is over")
        if not chat.task or chat.owner is not None:
            return None
        return await self._waiting.of_task(chat.task)

    async def transcript(self, interaction: str, first: int = 1) -> Sequence[Mapping[str, Any]]:
        """See ``ChatService``."""
        chat = await self._side.decide(lambda turn: self._chat(turn, interaction))
        assert chat.transcript is not None
        return [event_object(event) for event in chat.transcript.for_customer(first - 1)]

    async def reading(self, interaction: str) -> Reading | None:
        """All that the customer may read of it (CH1-5); None: there is no such chat, or it is long over."""
        chat = await self._side.decide(lambda turn: self._interactions.find(turn, interaction))
        return read(chat.transcript) if chat is not None and chat.transcript is not None else None

    # E-mails

    async def begin_email(self, mail: IncomingMail) -> str:
        """A mail that came, which waits for an agent; its id. The same delivery again begins nothing.

        Raises Refused: 6 for a mailbox that is not ours.
        """
        known = self._settings.mailboxes.get(mail.letter.mailbox.casefold())
        if known is None:
            raise Refused(NOT_FOUND, f"{mail.letter.mailbox[:MAX_ECHO]} is no mailbox here")
        queue = self._settings.queues[known[1]]
        id = id_of(mail.delivery)

        async def decision(turn: Turn) -> None:
            if await self._interactions.find(turn, id) is not None:
                return
            await self._attachments.put(turn, mail.contents)
            begun = begin_email(
                id,
                queue.name,
                mail.letter,
                turn.now,
                user_data=mail.user_data,
                in_queues=tuple(queue.in_queues),
                out_queues=tuple(queue.out_queues),
            )
            await self._route(turn, begun, StartTask(queue=begun.queue))

        await self._side.decide(decision)
        return id

    # Steps

    async def _route(self, turn: Turn, begun: Interaction, asked: StartTask) -> None:
        await self._interactions.keep(turn, None, Outcome(interaction=begun, effects=(asked,)))

    async def _change(self, id: str, change: Callable[[Interaction, float], Outcome]) -> None:
        async def decision(turn: Turn) -> None:
            chat = await self._chat(turn, id)
            await self._interactions.keep(turn, chat, change(chat, turn.now))

        await self._side.decide(decision)

    async def _change_if_any(self, id: str, change: Callable[[Interaction, float], Outcome]) -> None:
        async def decision(turn: Turn) -> None:
            chat = await self._interactions.find(turn, id)
            if chat is not None and chat.channel is Channel.CHAT:
                await self._interactions.keep(turn, chat, change(chat, turn.now))

        await self._side.decide(decision)

    async def _chat(self, turn: Turn, id: str) -> Interaction:
        chat = await self._interactions.find(turn, id)
        if chat is None or chat.channel is not Channel.CHAT:
            raise Refused(NOT_FOUND, "there is no such chat")
        return chat


def id_of(key: str) -> str:
    """16 characters, always the same ones for one key."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest())
    digits = []
    for _ in range(ID_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(digits)
