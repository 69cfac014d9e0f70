"""One agent's request, once it is known that he may make it, with what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from channels.interaction.model import Interaction, Leg, Role
from channels.interaction.refusal import MISSING, NOT_FOUND, NOT_PERMITTED, OUT_OF_RANGE, OperationRefused
from channels.interaction.rules import Rules

AGENT_PARAMETERS = ("agentId", "targetUri", "targetPath", "userUri")
QUEUE_PARAMETERS = ("queueName", "queue", "queueUri")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Who asks, on what, with which parameters."""

    interaction: Interaction
    leg: Leg
    """His."""
    parameters: Mapping[str, Any]
    now: float
    new_id: Callable[[], str]
    rules: Rules

    @property
    def agent(self) -> str:
        """Who asks."""
        return self.leg.agent

    def text(self, *names: str) -> str:
        """The first of these parameters that is given; empty if none is. Refused: 10 for one that is no text."""
        for name in names:
            value = self.parameters.get(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise OperationRefused(OUT_OF_RANGE, f"{name} must be a text")
            return value
        return ""

    def required_text(self, *names: str) -> str:
        """The same, refused with 1 where it is missing or empty."""
        value = self.text(*names)
        if not value:
            raise OperationRefused(MISSING, f"{names[0]} is missing")
        return value

    def mapping(self, name: str) -> Mapping[str, Any]:
        """A parameter that is an object; empty if it is not given. Refused: 10."""
        value = self.parameters.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise OperationRefused(OUT_OF_RANGE, f"{name} must be an object")
        return value

    def colleague(self) -> str:
        """The other agent who is meant. Refused: 1 nobody named, 6 unknown, 10 the asker himself."""
        return self.known_colleague(last_segment(self.required_text(*AGENT_PARAMETERS)))

    def known_colleague(self, name: str) -> str:
        """The agent of this name. Refused: 6, 10."""
        agent = self.rules.find_agent(name)
        if agent is None:
            raise OperationRefused(NOT_FOUND, "There is no such agent")
        if agent == self.agent:
            raise OperationRefused(OUT_OF_RANGE, "That is you")
        return agent

    def queue(self) -> str:
        """The queue that is meant. Refused: 1, 6."""
        return self.known_queue(last_segment(self.required_text(*QUEUE_PARAMETERS)))

    def known_queue(self, name: str) -> str:
        """The queue of this name. Refused: 6."""
        queue = self.rules.find_queue(name)
        if queue is None:
            raise OperationRefused(NOT_FOUND, "There is no such queue")
        return queue

    def demand_owner(self) -> None:
        """Refused: 5 for who is only in a colleague's conference."""
        if self.leg.role is not Role.OWNER:
            raise OperationRefused(NOT_PERMITTED, "Only the owner of the chat may do that")


def last_segment(name_or_uri: str) -> str:
    """What a URI or a path names; a name that has no ``/`` as it is."""
    return unquote(name_or_uri.rstrip("/").rpartition("/")[2]) if "/" in name_or_uri else name_or_uri
