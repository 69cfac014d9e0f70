"""Messages between an agent and a customer's app, about one instance.

What is for the app is pushed where that is possible, and waits for who asks for it where it is not. What is for the
agent always waits.

Source: IN-1…10, IN-12, IN-13, PN-5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bayeux.protocol import json
from gateway.customers.refusal import RequestWrong, TooLarge
from gateway.customers.values import Values
from gateway.instances.instance import Instance
from gateway.push.mailboxes import Mailboxes
from gateway.push.notice import Notice, new_notice_id
from gateway.push.push import MOST_KEPT, Push
from gateway.store.store import Room
from gateway.store.turn import Turn, decided

LARGEST: Final = 64 * 1024
"""Bytes of one message (IN-12)."""
_DISPLAYED, _FOR_APPS = "_display_message", "_application_message"
_SENT: Final[Mapping[str, Any]] = {"message": "Notification Sent"}


class Messages:
    """All of them.

    Args:
        room: the customers'.
        mailboxes: of users.
        clock: seconds since 1970.

    All methods raise Unavailable.
    """

    def __init__(self, room: Room, push: Push, mailboxes: Mailboxes, clock: Callable[[], float]) -> None:
        self._room = room
        self._push = push
        self._mailboxes = mailboxes
        self._clock = clock
        self.for_agents: Mailboxes = Mailboxes(room, clock, name="agents", most=MOST_KEPT)
        """By instance."""

    async def tell_app(self, instance: Instance, values: Values) -> Mapping[str, Any]:
        """``internal-notification`` (IN-1). Raises RequestWrong, TooLarge."""
        notice = _notice(instance, f"service.message.{instance.id}", _said(instance, values), is_kept=True)
        await decided(self._room, lambda turn: self._push.tell(turn, notice), self._turn)
        self._push.nudge(instance.user)
        return _SENT

    async def retrieve(self, instance: Instance, values: Values) -> Sequence[Any]:
        """``retrieve-notifications``: what could not be pushed, oldest first (IN-5, IN-6)."""
        leaves = _peeks(values)

        async def decision(turn: Turn) -> list[Notice]:
            waiting = await self._push.polled.take_kept(turn, instance.id, instance.id, leaves=leaves)
            if instance.user:
                waiting += await self._mailboxes.take_kept(turn, instance.user, instance.id, leaves=leaves)
            return waiting

        notices, _ = await decided(self._room, decision, self._turn)
        return [notice.message for notice in notices]

    async def tell_agent(self, instance: Instance, values: Values) -> Mapping[str, Any]:
        """``agent-notification`` (IN-7). Raises RequestWrong, TooLarge."""
        said = json.encode(_said(instance, values)).decode()  # IN-9
        notice = _notice(instance, f"agent.message.{instance.id}", said, is_kept=True)
        await decided(self._room, lambda turn: self.for_agents.put(turn, instance.id, notice), self._turn)
        return _SENT

    async def retrieve_for_agent(self, instance: Instance, values: Values) -> Sequence[Any]:
        """``retrieve-agent-notifications`` (IN-8)."""

        async def decision(turn: Turn) -> list[Notice]:
            return await self.for_agents.take_kept(turn, instance.id, instance.id, leaves=_peeks(values))

        notices, _ = await decided(self._room, decision, self._turn)
        return [{"message": notice.message, "tag": notice.tag} for notice in notices]

    def _turn(self) -> Turn:
        return Turn(self._room, self._clock())


def _said(instance: Instance, values: Values) -> dict[str, str]:
    """IN-2, IN-3. Raises RequestWrong, TooLarge."""
    texts = {name: value for name, value in values.items() if isinstance(value, str)}
    if len(texts) < len(values):
        raise RequestWrong("a message has no files")
    shown, for_apps = texts.get(_DISPLAYED), texts.get(_FOR_APPS)
    if shown is None and for_apps is None:
        raise RequestWrong(f"{_DISPLAYED} and {_FOR_APPS} are missing")
    message = {name: value for name, value in texts.items() if not name.startswith("_")}
    message |= {} if for_apps is None else {"_internal_message": for_apps}
    message |= {"_id": instance.id}
    message |= {} if shown is None else {_DISPLAYED: shown}
    if len(json.encode(message)) > LARGEST:
        raise TooLarge(f"a message has at most {LARGEST} bytes")
    return message


def _notice(instance: Instance, tag: str, message: Any, *, is_kept: bool) -> Notice:
    return Notice(
        id=new_notice_id(),
        tag=tag,
        message=message,
        instance=instance.id,
        user=instance.user,
        until=instance.expires,
        is_kept=is_kept,
    )


def _peeks(values: Values) -> bool:
    """IN-10."""
    return values.get("peek") == "true"
