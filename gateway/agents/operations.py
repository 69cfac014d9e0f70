"""What an agent can ask for, whichever way he asks: the REST interface is a thin shell around this.

Every method names who asks, and changes only what is his. What an operation really did comes by the channels below
``/v2/me`` (AG-4); a method that returns has stored it. Whoever asked wrongly gets Refused, and nothing was changed;
Unavailable (``bayeux.protocol.errors``) means that the store is away, and the same may be asked again.

Source: AG-20…40, AG-55, AG-56, AG-69…80, AG-85, AG-86, AG-140, AG-150.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gateway.mail.incoming import IncomingMail

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, as found by the sign-in."""

    user: str
    roles: frozenset[str] = frozenset({"agent"})
    session: str = ""
    """Name of the HTTP session, never the cookie itself; empty for who came with a token alone."""
    origin: str = ""
    """What URIs in answers begin with, such as ``https://host``."""


class Dialect(StrEnum):
    """Whose words are spoken: the resource that was addressed (AG-1…3)."""

    INTERACTIONS = "interactions"
    CHATS = "chats"
    EMAILS = "emails"


@dataclass(frozen=True, slots=True)
class ChannelResult:
    """How it went with one media channel; chat and e-mail may be reported together as ``multimedia`` (AG-21)."""

    channel: str
    status_code: int = 0
    text: str = ""
    """Empty when it went well."""


@dataclass(frozen=True, slots=True)
class Done:
    """The request was taken; its outcome comes as a notification."""

    reference_id: int | None = None
    """The same one as in that notification (AG-70); None: it has none."""


@dataclass(frozen=True, slots=True)
class QueuePosition:
    """Where a customer stands in his queue (MRE-100)."""

    position: int
    """1: he is next."""
    waiting: int
    """How many stand in it, with him."""
    estimated_wait: float | None
    """Seconds; None: too little has happened there to tell."""
    ready_agents: int = 0
    """How many of the queue's agents may be given one more task."""


class AgentService(Protocol):
    """All that agents do."""

    # The contact-center session

    async def start_session(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = "", login_code: str = "", queue: str = ""
    ) -> Sequence[ChannelResult]:
        """Open it on these media channels; nothing happens to those that are open (AG-20…25).

        One result for each kind, good or bad: all good is ``statusCode`` 0, all bad that one's, else 7.

        Raises Refused: 1 where ``channels`` is missing or empty, 19 where another desktop has it (``sessions.multi``).
        """

    async def end_session(self, caller: Caller) -> None:
        """All channels NotReady, then signed out; his Bayeux sessions get their last messages and end (AG-26).

        The HTTP sessions are the caller's to end.
        """

    # Ready and NotReady

    async def set_state(self, caller: Caller, operation: str, channel: str | None = None) -> Sequence[ChannelResult]:
        """``Ready``, ``NotReady`` or a configured state, on one media channel or all that are started (AG-30, AG-31).

        Raises Refused: 10 for an operation or a channel that does not exist, 2 where nothing is started.
        """

    async def channels(self, caller: Caller) -> Sequence[Json]:
        """``{"channel": …, "userState": {…}}`` of each started one (AG-32)."""

    async def channel(self, caller: Caller, channel: str) -> Json:
        """The same of one. Raises Refused: 6."""

    def agent_states(self) -> Sequence[Json]:
        """All states that can be asked for (AG-29)."""

    # Interactions

    async def interactions(self, caller: Caller, dialect: Dialect) -> Sequence[Json]:
        """All that this agent has, as the notifications would say it; chats with their visible transcript (AG-55).

        In a typed dialect only those of its medium.
        """

    async def interaction(self, caller: Caller, interaction: str, dialect: Dialect) -> Json:
        """One of them. Raises Refused: 6, also for one that he may not know of (AG-56)."""

    async def all_interactions(
        self, caller: Caller, *, offset: int = 0, limit: int = 100
    ) -> tuple[Sequence[Json], int]:
        """Everybody's, and how many there are. Raises Refused: 5 for who is no administrator (AG-56)."""

    async def perform(
        self,
        caller: Caller,
        interaction: str,
        operation: str,
        parameters: Json,
        dialect: Dialect = Dialect.INTERACTIONS,
    ) -> Done:
        """Do one operation of AG-69 on an interaction.

        Args:
            operation: in the words of the dialect; aliases are understood.
            parameters: the body of the request without ``operationName``.

        Raises Refused: 6 unknown or not his, 10 unknown operation, 2 not among his capabilities, and as the operation
        itself demands.
        """

    # Workbins

    async def workbins(self, caller: Caller) -> Sequence[Json]:
        """Those that he has (AG-150)."""

    async def workbin(self, caller: Caller, workbin: str, *, with_content: bool = False) -> Json:
        """One; with its ``chats`` and ``emails``. Raises Refused: 6."""

    async def perform_on_workbin(self, caller: Caller, workbin: str, operation: str, parameters: Json) -> Done:
        """``Subscribe``, ``Unsubscribe``, ``AddInteraction``, ``PullInteraction`` and their kin (AG-150).

        Raises Refused: 6 unknown, 10 unknown operation, 1 parameter missing, 2 not possible.
        """

    # E-mail that arrives

    async def begin_email(self, mail: IncomingMail) -> str:
        """Route a mail that came in; the id of its interaction. Safe to repeat."""


class ChatService(Protocol):
    """The customer's side of chats, whichever way he comes.

    All but ``begin_chat`` raise Refused: 6 for a chat that does not exist, 2 for one that is over.
    """

    async def begin_chat(self, *, nickname: str, queue: str = "", user_data: Json | None = None, key: str = "") -> str:
        """A customer is there and wants an agent; the id of the interaction. An empty queue is the default one (AG-54).

        Where there is a ``key``, the same one again begins nothing, and gives the same id.

        Raises Refused: 6 unknown queue.
        """

    async def say(self, interaction: str, text: str, *, message_id: str = "") -> None:
        """He says something. Raises Refused: 1 for an empty text, 10 for one that is too long."""

    async def notice(self, interaction: str, kind: str, text: str | None = None) -> None:
        """``TYPING_STARTED``, ``TYPING_STOPPED`` and the like (AG-94)."""

    async def leave(self, interaction: str) -> None:
        """He goes (AG-128)."""

    async def queue_position(self, interaction: str) -> QueuePosition | None:
        """Where he stands in his queue; None, if he has an agent, is being offered to one, or is not queued yet.

        Raises Unavailable also where the engine does not answer within two seconds (MRE-112).
        """

    async def transcript(self, interaction: str, first: int = 1) -> Sequence[Json]:
        """What the customer may see of it, from this event on, each as in ``chat_notifications`` (AG-95, AG-96)."""
