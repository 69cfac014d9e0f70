"""One running callback, as it is stored.

Source: SM-20…34, SM-40…41, SM-70; SV-4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from gateway.callback.profiles import Media, Profile
from gateway.callback.settings import Settings
from gateway.callback.states import PUBLIC, WAITING, PublicState, Reason, Step
from gateway.callback.timers import Timer


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A number that was booked for the customer to call."""

    number: str
    code: str = ""
    """Empty: none was asked for."""
    expires: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A callback between two events; all moments are seconds since 1970."""

    id: str
    service: str
    """That in whose name it is found (G-13)."""
    settings: Settings
    created: float
    step: Step
    reason: Reason | None = None
    user: str = ""
    """``gms_user``; empty: the app named none."""
    pushed: bool = False
    """Whether the app can be told anything without asking (CB-2)."""
    chat_parameters: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    """How often the customer was told of an agent, since one came near."""
    near_because: str = ""
    """Why an agent is near; empty: none is, or the customer has answered (TH-10)."""
    connects: int = 0
    """Numbers or chats that were given to the customer."""
    access: Access | None = None
    """What the customer may call."""
    rejections: int = 0
    """Agents who did not take the customer."""
    deadlines: Mapping[Timer, float] = field(default_factory=dict)

    @property
    def profile(self) -> Profile:
        """Its scenario."""
        return self.settings.profile

    @property
    def is_chat(self) -> bool:
        """Whether the customer chats rather than calls."""
        return self.profile.media is Media.CHAT

    @property
    def is_told(self) -> bool:
        """Whether the customer is told that an agent is near, rather than finding it out by asking (SM-2, SM-30)."""
        return self.pushed and self.settings.wait_for_user_confirm

    @property
    def is_in_queue(self) -> bool:
        """Whether it has a place there; in an immediate scenario only once the customer is there."""
        return self.step is Step.ROUTING or (self.profile.waits and self.step in WAITING)

    @property
    def state(self) -> PublicState:
        """``_callback_state``."""
        return PUBLIC[self.step]

    @property
    def expires(self) -> float:
        """When it is forgotten (SV-4)."""
        return self.created + self.settings.ttl

    def to_document(self) -> dict[str, Any]:
        """As it is stored: texts, numbers, lists and mappings."""
        return {
            **{name: getattr(self, name) for name in PLAIN},
            "settings": self.settings.written(),
            "step": self.step.value,
            "reason": self.reason.value if self.reason else None,
            "chat_parameters": dict(self.chat_parameters),
            "access": asdict(self.access) if self.access else None,
            "deadlines": {timer.value: due for timer, due in self.deadlines.items()},
        }

    @classmethod
    def from_document(cls, body: Mapping[str, Any]) -> Instance:
        """As it was stored."""
        return cls(
            **{name: body[name] for name in PLAIN},
            settings=Settings.read(body["settings"]),
            step=Step(body["step"]),
            reason=Reason(body["reason"]) if body["reason"] else None,
            chat_parameters=body["chat_parameters"],
            access=Access(**body["access"]) if body["access"] else None,
            deadlines={Timer(name): due for name, due in body["deadlines"].items()},
        )


PLAIN = ("id", "service", "created", "user", "pushed", "attempts", "near_because", "connects", "rejections")
"""Fields that are stored as they are."""
