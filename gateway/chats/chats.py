"""What an app asks of its chat: begin, say, read, type, end.

A chat is the chat of an instance: its interaction has an id that follows from the instance's, so whatever is repeated
finds the same one.

Source: CH1-2…12, CH1-14, CH1-15, CC-1, CC-2, CC-12, OPT-6.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from channels.chat.notices import NoticeKind
from channels.chat.v1 import Reading, State
from channels.interaction.refusal import NOT_FOUND, NOT_NOW, OperationRefused
from gateway.callback.effects import Gone, NotYet
from gateway.callback.events import Contact
from gateway.chats import answers, request
from gateway.chats.answers import Json
from gateway.chats.chat import Chat, Target
from gateway.chats.kept import KeptChats
from gateway.chats.neighbours import Areas, Callbacks, Desk, HasSession, Instance, Instances, Services
from gateway.chats.refusal import ChatNotYet, ChatRefused, ChatUnknown
from gateway.chats.request import Wish
from gateway.chats.settings import Settings, attached, refuses_what_is_over
from gateway.chats.telling import Telling
from gateway.customers.refusal import Away, Refused
from gateway.customers.values import Values
from gateway.store.turn import Turn


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What the agents' side needs to begin the chat of an instance (CH1-14, OPT-6)."""

    nickname: str
    user_data: Mapping[str, str]


class Chats:
    """All chats of customers. What apps ask raises Refused and Unavailable, and has changed nothing then.

    Args:
        desk: where agents are.
        perform: has what follows from callbacks happen at once, on this node; it may happen twice.
        has_session: of a user.
        new_key: gives a ``secureKey``: nobody can guess it.
    """

    def __init__(
        self,
        kept: KeptChats,
        telling: Telling,
        desk: Desk,
        *,
        instances: Instances,
        services: Services,
        areas: Areas,
        callbacks: Callbacks,
        perform: Callable[[], Awaitable[None]],
        has_session: HasSession,
        settings: Settings,
        new_key: Callable[[], str],
    ) -> None:
        self._kept = kept
        self._telling = telling
        self._desk = desk
        self._instances = instances
        self._services = services
        self._areas = areas
        self._callbacks = callbacks
        self._perform = perform
        self._has_session = has_session
        self._settings = settings
        self._new_key = new_key

    # What apps ask

    async def create(self, id: str, user: str, values: Values) -> Json:
        """Begin the chat of an instance, or go on with the one that runs (CH1-2…4, CH1-12)."""
        asked = request.wish(values)
        instance = await self._instances.find(id, user=user)
        if asked.is_comet and not user:
            raise ChatRefused("notify_by=comet needs the header gms_user")
        chat = await self._came(instance, asked, user)
        reading = await self._begun(chat)
        if asked.is_comet and not asked.is_verbose:
            return answers.created(chat)
        state = State.DISCONNECTED if reading.is_over else State.CONNECTED
        answer = await self._answer(chat, reading, state, 0)
        if asked.is_verbose:
            return {**answer, **answers.behind_the_gateway(chat, reading, self._settings)}
        return answer

    async def send(self, id: str, user: str, values: Values) -> Json:
        """The customer says something (CH1-6)."""
        text = request.message(values, self._settings.max_message_length)
        message_id = request.message_id(values)
        return await self._speak(
            id, user, values, lambda chat: self._desk.say(chat.interaction, text, message_id=message_id)
        )

    async def refresh(self, id: str, user: str, values: Values) -> Json:
        """What was said after a position; before that, he says something (CH1-7)."""
        after = request.position(values)
        chat = await self._running(id, user)
        if values.get("message"):
            text = request.message(values, self._settings.max_message_length)
            message_id = request.message_id(values)
            await self._done(lambda: self._desk.say(chat.interaction, text, message_id=message_id))
        reading = await self._read(chat)
        return await self._answer(chat, reading, answers.state_of(reading), chat.given if after is None else after)

    async def start_typing(self, id: str, user: str, values: Values) -> Json:
        """He types (CH1-8)."""
        kind = NoticeKind.TYPING_STARTED
        return await self._speak(id, user, values, lambda chat: self._desk.notice(chat.interaction, kind))

    async def stop_typing(self, id: str, user: str, values: Values) -> Json:
        """He does not type any more (CH1-8)."""
        kind = NoticeKind.TYPING_STOPPED
        return await self._speak(id, user, values, lambda chat: self._desk.notice(chat.interaction, kind))

    async def disconnect(self, id: str, user: str, values: Values) -> Json:
        """He goes; asked again, the answer is the same (CH1-9)."""
        after = request.position(values)
        await self._instances.find(id, user=user)
        chat = await self._known(id)
        await self._read(chat)
        await self._done(lambda: self._desk.leave(chat.interaction))
        await self._kept.decide(lambda turn: self._kept.over(turn, id))
        reading = await self._read(replace(chat, is_over=True))
        after = chat.given if after is None else after
        return answers.from_position(chat, reading, State.DISCONNECTED, after, self._settings)

    # What other parts ask

    async def opening(self, id: str) -> Opening | None:
        """How the chat of an instance begins; None: no app has asked for it (SM-25). Raises Unavailable."""
        chat = await self._kept.of(id)
        return Opening(nickname=chat.nickname, user_data={**chat.attached, **chat.form}) if chat is not None else None

    async def ending(self, turn: Turn, instance: Instance) -> None:
        """A listener of ``Instances.ending``: the chat ends with its instance, by its deadline (SV-7)."""
        chat = await self._kept.find(turn, instance.id)
        if chat is not None and not chat.is_over:
            self._kept.put(turn, replace(chat, expires=turn.now))

    # Begun

    async def _came(self, instance: Instance, asked: Wish, user: str) -> Chat:
        """The customer is there: with his chat's record his callback is told, or nothing at all has happened."""
        options = self._services.services.get(instance.name, {})
        texts = await self._application_data(instance)
        had_session = await self._has_session(user)

        async def decision(turn: Turn) -> tuple[Chat, bool]:
            known = await self._kept.find(turn, instance.id)
            target = await self._telling.target_of(turn, instance.id, asked.target)
            if known is not None:
                chat = _going_on(known, asked, user, turn.now, target, had_session=had_session)
            else:
                timeout = await self._contact(turn, instance.id)
                chat = Chat(
                    id=instance.id,
                    service=instance.name,
                    nickname=asked.nickname,
                    form=asked.form,
                    attached=attached(options, texts, instance.data),
                    key=self._new_key(),
                    user=user,
                    is_comet=asked.is_comet,
                    target=target,
                    timeout=timeout,
                    expires=instance.expires,
                    began=turn.now,
                    seen_at=turn.now,
                    had_session=had_session,
                )
            self._kept.put(turn, chat)
            return chat, known is None

        chat, is_new = await self._kept.decide(decision)
        if chat.is_comet and not is_new:
            await self._telling.catch_up(chat.id)
        return chat

    async def _contact(self, turn: Turn, id: str) -> float:
        """Tell the callback; seconds that it waits for a sign of life. Raises ChatRefused (CH1-12)."""
        callback = await self._callbacks.find_in(turn, id)
        if callback is None or not callback.instance.is_chat:
            raise ChatRefused("this service has no chat")
        outcome = await self._callbacks.take_in(turn, id, Contact())
        if outcome is None or isinstance(outcome.answer, Gone):
            raise ChatUnknown("this service is over")
        if isinstance(outcome.answer, NotYet):
            raise ChatNotYet("no agent is near", retry_after=outcome.answer.retry_after)
        if outcome.answer is not None:
            raise ChatRefused("this service is over, or not so far yet")
        return float(callback.instance.settings.client_timeout)

    async def _begun(self, chat: Chat) -> Reading:
        """What there is of it, once the agents' side has it; that follows from the callback. Raises Away."""
        if await self._desk.reading(chat.interaction) is None and not chat.is_over:
            await self._perform()
        return await self._read(chat)

    async def _application_data(self, instance: Instance) -> Mapping[str, str]:
        try:
            found = await self._areas.read(instance.data, "")
        except Refused:  # the app has ended it, or never left anything
            return {}
        return {name: text for name, text in found.items() if text is not None and not name.startswith("_")}

    # Found

    async def _running(self, id: str, user: str) -> Chat:
        """One that something is asked of. Raises ChatRefused where it is over and the service wants that (CH1-10)."""
        instance = await self._instances.find(id, user=user)
        chat = await self._known(id)
        if refuses_what_is_over(self._services.services.get(instance.name, {})):
            reading = await self._read(chat)
            if reading.is_over:
                raise ChatRefused("the chat is over")
        return chat

    async def _known(self, id: str) -> Chat:
        chat = await self._kept.of(id)
        if chat is None:
            raise ChatUnknown("this service has no chat yet")
        return chat

    async def _read(self, chat: Chat) -> Reading:
        """Raises Away for one that has not begun."""
        reading = await self._desk.reading(chat.interaction)
        if reading is None and not chat.is_over:
            raise Away("the chat begins in a moment", retry_after=1)
        return reading or answers.NOTHING

    # Done and answered

    async def _speak(self, id: str, user: str, values: Values, word: Callable[[Chat], Awaitable[None]]) -> Json:
        after = request.position(values)
        chat = await self._running(id, user)
        await self._done(lambda: word(chat))
        reading = await self._read(chat)
        state = answers.state_of(reading)
        if not chat.is_comet or after is not None:
            return await self._answer(chat, reading, state, chat.given if after is None else after)
        seen = await self._kept.decide(lambda turn: self._kept.seen(turn, id))
        return answers.without_entries(seen or chat, reading, state, self._settings)

    async def _done(self, operation: Callable[[], Awaitable[None]]) -> None:
        """What the agents' side does for him; nothing, where the chat is over (CH1-10)."""
        try:
            await operation()
        except OperationRefused as refused:
            if refused.status_code not in (NOT_NOW, NOT_FOUND):
                raise ChatRefused(refused.text) from None

    async def _answer(self, chat: Chat, reading: Reading, state: State, after: int) -> Json:
        count = len(reading.entries)
        await self._kept.decide(lambda turn: self._kept.seen(turn, chat.id, given=count))
        return answers.from_position(chat, reading, state, after, self._settings)


def _going_on(chat: Chat, asked: Wish, user: str, now: float, target: Target | None, *, had_session: bool) -> Chat:
    """The same for who asks for it again, perhaps by another way (CH1-12)."""
    return replace(
        chat,
        user=user or chat.user,
        is_comet=asked.is_comet,
        target=target or chat.target,
        seen_at=now,
        had_session=had_session,
        is_away=False,
        told=chat.told if chat.is_comet else chat.given,
    )
