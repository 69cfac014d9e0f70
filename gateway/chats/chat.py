"""What is kept of one chat on the customer's side: who he is, and how far he has heard.

What was said is the interaction's, and stands there alone; positions are numbers of entries of it (CH1-15).

Source: CH1-2, CH1-7, CH1-13, CH1-14, CC-2, CC-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from channels.document import from_document, to_document
from gateway.agents.customers import id_of

PUSHABLE_FOR: Final = 60 * 60.0
"""Seconds that who can be pushed is waited for: his app is in the background, not gone (CC-11)."""
LOOKS: Final = 4
"""At a live session in one time-out: each is a commit, and the customer may be dropped so much later."""
SHORTEST: Final = 1.0
"""Seconds between two of them, however short the time-out is: 0 would have the leader do nothing else."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where the app can be told while it is in the background."""

    type: str
    """``push_notification_type``, such as ``fcm``."""
    id: str
    """``push_notification_deviceid``."""
    provider: str = ""
    language: str = ""
    debug: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chat:
    """All moments are seconds since 1970."""

    id: str
    """The instance's."""
    service: str
    """The name by which its options are configured."""
    nickname: str
    form: Mapping[str, str] = field(default_factory=dict)
    """What the app sent with it for the agent."""
    attached: Mapping[str, str] = field(default_factory=dict)
    """What the application left with the instance, as agents shall see it (OPT-6)."""
    key: str
    """``secureKey``."""
    user: str = ""
    """``gms_user`` whom events are for; empty: nobody said."""
    is_comet: bool = False
    """Events go to the user's sessions; else the app polls."""
    target: Target | None = None
    timeout: float
    """Seconds without a sign of life after which the customer is gone (``_client_timeout``)."""
    expires: float
    """When the instance is forgotten, and this with it."""
    began: float
    """When the app asked for it."""
    seen_at: float
    """Of the last sign of life."""
    had_session: bool = False
    """At the last look the user had a live session."""
    is_away: bool = False
    """The app went into the background, and the agents were told."""
    given: int = 0
    """Position of the last answer."""
    told: int = 0
    """Position of the last event."""
    pushed: int = 0
    """Position of the last entry that was pushed to the device."""
    is_end_told: bool = False
    """There was an event that says so; nothing follows it (CC-10)."""
    is_over: bool = False

    @property
    def interaction(self) -> str:
        """Id of the interaction; also ``chatSessionId``."""
        return id_of(self.id)

    @property
    def gone_at(self) -> float:
        """When the customer is gone unless he gives another sign of life, or the instance is (CH1-13)."""
        patience = self.timeout if self.target is None else max(self.timeout, PUSHABLE_FOR)
        return min(self.seen_at + patience, self.expires)

    def due(self, now: float) -> float | None:
        """When something has to be looked at; None: nothing any more."""
        if self.is_over:
            return None
        look = now + max(self.timeout / LOOKS, SHORTEST)
        return self.gone_at if not self.is_comet else min(look, self.expires if self.had_session else self.gone_at)

    def to_document(self) -> dict[str, Any]:
        """As it is stored."""
        return to_document(self)

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Chat:
        """As it was stored."""
        return from_document(cls, body)


def chat_key(id: str) -> str:
    """Of the document, and the name of its deadline."""
    return f"{DEADLINE}:{id}"


DEADLINE: Final = "chat"
"""Kind of the deadlines of chats."""
