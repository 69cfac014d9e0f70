"""What customers hear of their chats: taken from the agents' side, and put where they get it.

Each change of an interaction leaves by the outbox of the agents' side with what the customer hears of it
(``channels.interaction.hearing``). Any node moves it, in order; what was moved is written with its id, so that a
repetition finds that it was. How far a customer was told is kept with his chat, in the commit that fills his mailbox.

Source: CC-3…10, CC-13, CC-14, CH1-15, SM-40, SM-42, SM-70, NT-20.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from bayeux.protocol.errors import Unavailable
from channels.chat.v1 import Entry, EntryType, State, chat_object
from channels.interaction.hearing import Hearing
from channels.interaction.progress import Progress
from gateway.agents.customers import id_of
from gateway.callback.events import AgentConnected, AgentRejected, AgentReserved, InteractionEnded, News
from gateway.chats import background
from gateway.chats.answers import indexed
from gateway.chats.chat import Chat, Target
from gateway.chats.kept import KeptChats
from gateway.chats.neighbours import Callbacks, Desk, HasSession, Push, Services
from gateway.chats.settings import Settings
from gateway.config.customers import COMET
from gateway.push.notice import Notice, notice_id
from gateway.push.subscriptions import of_instance
from gateway.store.store import Outgoing, TakenAlready
from gateway.store.turn import Turn

log = logging.getLogger(__name__)

NEWS: Final[Mapping[Progress, News]] = {
    Progress.RESERVED: AgentReserved(),
    Progress.REJECTED: AgentRejected(),
    Progress.CONNECTED: AgentConnected(),
    Progress.ENDED: InteractionEnded(),
}
"""What a callback is told; that another agent has the chat is none of its business."""
POLLS_WITHIN: Final = 10.0
"""Seconds between two polls of an app that is not in the background; a session ends after as many (CM-11)."""
LARGEST: Final = 32 * 1024
"""Characters of the entries of one event; one entry alone may have more."""
STANDS: Final = 60.0
"""Seconds that an event waits at least (CC-2)."""
TYPING: Final = frozenset({EntryType.TYPING_STARTED.value, EntryType.TYPING_STOPPED.value})
TYPING_STANDS: Final = 10.0
"""Seconds after which nobody wants to know any more that somebody typed."""


class Telling:
    """Tells them.

    Args:
        has_session: of a user.
    """

    def __init__(
        self,
        kept: KeptChats,
        desk: Desk,
        push: Push,
        callbacks: Callbacks,
        services: Services,
        has_session: HasSession,
        settings: Settings,
    ) -> None:
        self._kept = kept
        self._desk = desk
        self._push = push
        self._callbacks = callbacks
        self._services = services
        self._has_session = has_session
        self._settings = settings

    # The lane

    async def leave(self, entries: Sequence[Outgoing]) -> None:
        """See ``gateway.routing.outbox.Leave``: each chat's in their order, chats at the same time."""
        by_service: defaultdict[str, list[Outgoing]] = defaultdict(list)
        for entry in entries:
            by_service[entry.body["service"]].append(entry)
        outcomes = await asyncio.gather(*map(self._move, by_service.values()), return_exceptions=True)
        for outcome in outcomes:
            if outcome is not None:
                raise outcome

    async def _move(self, entries: Sequence[Outgoing]) -> None:
        for entry in entries:
            try:
                hearing = Hearing.from_document(entry.body)
                await self._tell(hearing, entry.id)
                for each in hearing.news:
                    if each in NEWS:
                        await self._callbacks.news(hearing.service, NEWS[each], once=f"{entry.id} {each.value}")
            except Unavailable:
                raise
            except Exception:
                # It would stand in the way of all others; what the customer misses, a later event has, or a refresh.
                log.exception("defect in telling a customer", extra={"instance": entry.body["service"]})

    # The customer

    async def _tell(self, hearing: Hearing, id: str) -> None:
        if hearing.shown.is_nothing:
            return

        async def decision(turn: Turn) -> Chat | None:
            chat = await self._kept.find(turn, hearing.service)
            if chat is None:
                return None
            heard = await self._hear(turn, chat, hearing, id) if chat.is_comet else chat
            if chat.target is not None and await self._is_to_be_pushed(chat, turn.now):
                heard = await self._push_heard(turn, heard, chat.target, hearing, id)
            after = replace(heard, is_over=chat.is_over or hearing.shown.ends)
            if after != chat:
                self._kept.put(turn, after)
            return after

        try:
            told = await self._kept.decide(decision)
        except TakenAlready:
            return
        if told is not None and told.is_comet:
            self._push.nudge(told.user)

    async def _hear(self, turn: Turn, chat: Chat, hearing: Hearing, id: str) -> Chat:
        """By events (CC-3)."""
        shown = hearing.shown
        news = await self._news_of(chat, hearing)
        heard = await self._give(turn, chat, news, shown.started, ends=shown.ends)
        for number, entry in enumerate(shown.typing):
            turn.taken = id  # nothing that is kept says whether this was told
            event = self._event(turn, heard, State.TRANSCRIPT, [entry], heard.told, shown.started)
            await self._push.tell(turn, replace(event, id=notice_id(id, number), until=turn.now + TYPING_STANDS))
        return heard

    # The device

    async def target_of(self, turn: Turn, id: str, asked: Target | None) -> Target | None:
        """Where the app can be told in the background: as it asks, or as it did for its callback (CB-2)."""
        own = await of_instance(turn, id)
        if asked is None and own is not None:
            device = own.device
            asked = Target(device.type, device.id, device.provider, device.language, device.debug)
        return asked if asked is not None and asked.type != COMET and asked.type in self._push.enabled else None

    async def _is_to_be_pushed(self, chat: Chat, now: float) -> bool:
        """Only to an app in the background, if nothing else is configured (NT-20)."""
        if self._settings.to_active_client:
            return True
        if await self._has_session(chat.user):
            return False
        return chat.is_comet or now - chat.seen_at > POLLS_WITHIN

    async def _push_heard(self, turn: Turn, chat: Chat, target: Target, hearing: Hearing, id: str) -> Chat:
        shown = hearing.shown
        if await self._push_to(turn, chat, target, [*shown.entries, *shown.typing], id):
            turn.taken = id
        return replace(chat, pushed=max(chat.pushed, shown.position + len(shown.entries)))

    async def _push_to(self, turn: Turn, chat: Chat, target: Target, entries: Iterable[Entry], cause: object) -> bool:
        options = self._services.services.get(chat.service, {})
        told = background.payload(chat.id, entries, options, self._settings)
        if told is None:
            return False
        notice = Notice(
            id=notice_id("pushed", chat.id, cause),
            tag=tag_of(chat.id),
            message=told,
            instance=chat.id,
            user=chat.user,
            until=chat.expires,
        )
        await self._push.reach(turn, notice, target)
        return True

    async def push_missed(self, turn: Turn, chat: Chat) -> Chat:
        """Push what was meant for a session that turned out to be gone, and reached no other (CC-11)."""
        if chat.target is None:
            return chat
        missed: dict[int, Entry] = {}
        for notice in await self._push.waiting(turn, chat.user, tag_of(chat.id)):
            shown = notice.message["transcriptToShow"]
            first = int(notice.message["transcriptPosition"]) - len(shown) + 1
            kept = [tuple(entry[:5]) for entry in shown]
            missed |= {at: entry for at, entry in enumerate(kept, first) if entry[0] not in TYPING}
        news = {at: entry for at, entry in missed.items() if at > chat.pushed}
        if not news:
            return chat
        await self._push_to(turn, chat, chat.target, news.values(), max(news))
        return replace(chat, pushed=max(news))

    # The mailbox

    async def _news_of(self, chat: Chat, hearing: Hearing) -> Sequence[Entry]:
        """What he was not told yet; also what came while he polled."""
        shown = hearing.shown
        if chat.told <= shown.position:
            missed: Sequence[Entry] = ()
            if chat.told < shown.position:
                reading = await self._desk.reading(chat.interaction)
                missed = reading.entries[chat.told : shown.position] if reading is not None else ()
            return [*missed, *shown.entries]
        return shown.entries[chat.told - shown.position :]

    async def catch_up(self, id: str) -> None:
        """Tell who has come to events now what came before, unless it was told. Raises Unavailable."""

        async def decision(turn: Turn) -> Chat | None:
            chat = await self._kept.find(turn, id)
            reading = await self._desk.reading(id_of(id))
            if chat is None or reading is None or chat.is_end_told or chat.told >= len(reading.entries):
                return None
            entries = reading.entries[chat.told :]
            told = await self._give(turn, chat, entries, reading.started, ends=reading.is_over)
            self._kept.put(turn, told)
            return chat

        caught_up = await self._kept.decide(decision)
        if caught_up is not None:
            self._push.nudge(caught_up.user)

    async def _give(self, turn: Turn, chat: Chat, entries: Sequence[Entry], started: float, *, ends: bool) -> Chat:
        """Have events tell these entries, which are those behind what was told."""
        ends = ends and not chat.is_end_told
        batches = in_batches(entries)
        if ends and not batches:
            batches = [[]]
        for number, batch in enumerate(batches, 1):
            state = State.TRANSCRIPT if chat.told else State.CONNECTED
            if ends and number == len(batches):
                state = State.DISCONNECTED
            chat = replace(chat, told=chat.told + len(batch))
            await self._push.tell(turn, self._event(turn, chat, state, batch, chat.told, started))
        return replace(chat, is_end_told=chat.is_end_told or ends)

    def _event(
        self, turn: Turn, chat: Chat, state: State, entries: Iterable[Entry], position: int, started: float
    ) -> Notice:
        """CC-3; as long as the instance lives it waits for him (CC-2, CC-13), and for a moment if that is over."""
        shown = indexed(entries, position, self._settings)
        return Notice(
            id=notice_id("chat", chat.id, position, state.value),
            tag=tag_of(chat.id),
            message=chat_object(state, chat.interaction, position, shown, started),
            instance=chat.id,
            user=chat.user,
            until=max(chat.expires, turn.now + STANDS),
        )


def tag_of(id: str) -> str:
    """Of what is told about the chat of an instance (CC-3)."""
    return f"service.chat.refresh.{id}"


def in_batches(entries: Sequence[Entry]) -> list[list[Entry]]:
    """What one event can tell, and so on: no session is given more than so much at a time."""
    batches: list[list[Entry]] = []
    size = 0
    for entry in entries:
        size += len(entry[2])
        if not batches or size > LARGEST:
            batches.append([])
            size = len(entry[2])
        batches[-1].append(entry)
    return batches
