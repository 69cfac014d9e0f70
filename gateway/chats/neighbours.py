"""What chats need of the other parts of the customers' side.

Source: CH1-2, CH1-12, CC-3, NT-20, SM-25.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from channels.chat.v1 import Reading
from gateway.callback import instance as machine
from gateway.callback.effects import Outcome
from gateway.callback.events import Event, News
from gateway.chats.chat import Target
from gateway.push.notice import Notice
from gateway.store.turn import Turn

HasSession = Callable[[str], Awaitable[bool]]
"""Whether a user has a live Bayeux session, on any node."""


class Instance(Protocol):
    """A running service, as ``gateway.instances.instance`` has it."""

    @property
    def id(self) -> str:
        """What paths have."""

    @property
    def name(self) -> str:
        """By which its options are configured."""

    @property
    def data(self) -> str:
        """Where what the app has sent is stored."""

    @property
    def expires(self) -> float:
        """When it is forgotten, in seconds since 1970."""


class Instances(Protocol):
    """All running services."""

    async def find(self, id: str, *, user: str) -> Instance:
        """One that this user may ask about. Raises Refused."""


class Services(Protocol):
    """What is configured at this moment."""

    @property
    def services(self) -> Mapping[str, Mapping[str, str]]:
        """Their options, by name."""


class Areas(Protocol):
    """Storage of what apps have sent."""

    async def read(self, id: str, user: str) -> Mapping[str, str | None]:
        """All texts of an area; None where there is a file. Raises Refused."""


class Callback(Protocol):
    """What is kept of one callback."""

    @property
    def instance(self) -> machine.Instance:
        """Where its machine stands."""


class Callbacks(Protocol):
    """The callbacks whose customers come by a chat, ``gateway.callbacks.callbacks``."""

    async def find_in(self, turn: Turn, id: str) -> Callback | None:
        """One, as the turn reads it."""

    async def take_in(self, turn: Turn, id: str, event: Event) -> Outcome | None:
        """Something happens to it with the turn's commit."""

    async def news(self, id: str, event: News, *, once: str = "") -> None:
        """What became of the chat; stored when it returns. Nothing, where there is no such callback."""


class Push(Protocol):
    """Tells customers, ``gateway.push.push``."""

    @property
    def enabled(self) -> Collection[str]:
        """Types of devices that can be told."""

    async def tell(self, turn: Turn, notice: Notice) -> object:
        """Into the mailbox of the notice's user, in the caller's commit."""

    async def reach(self, turn: Turn, notice: Notice, target: Target) -> None:
        """To one device, in the caller's commit."""

    async def waiting(self, turn: Turn, user: str, tag: str) -> Sequence[Notice]:
        """What has this tag and no session of his was found to have, oldest first."""

    def nudge(self, user: str) -> None:
        """There is something in his mailbox; said after the commit."""


class Desk(Protocol):
    """The agents' side, ``gateway.agents.customers.Customers``. Methods raise OperationRefused, Unavailable."""

    async def say(self, interaction: str, text: str, *, message_id: str = "") -> None:
        """The customer says something, under one id of his once."""

    async def notice(self, interaction: str, kind: str, text: str | None = None) -> None:
        """He types, or not any more."""

    async def leave(self, interaction: str) -> None:
        """He goes."""

    async def whisper(self, interaction: str, text: str) -> None:
        """The house gives a notice to agents alone."""

    async def reading(self, interaction: str) -> Reading | None:
        """All that he may read; None: there is no such chat."""
