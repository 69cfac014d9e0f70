"""What an agent has in hand when he goes: taken from him, and routed to somebody else.

Source: AG-26, AG-38, AG-125, MRE-64.
"""

from __future__ import annotations

from typing import Final

from channels.interaction import engine
from channels.interaction.effects import ChangeTask, Outcome
from channels.interaction.model import Channel, Interaction, Leg, Role
from channels.interaction.reasons import Reason
from channels.interaction.states import State
from gateway.agents.interactions import Interactions
from gateway.agents.settings import Settings
from gateway.agents.turn import Turn

AGENT_LOGOUT: Final = "AGENT_LOGOUT"
"""Code of a task that was taken from an agent who is gone."""


class Work:
    """Takes it back."""

    def __init__(self, settings: Settings, interactions: Interactions) -> None:
        self._settings = settings
        self._interactions = interactions

    async def take_back(self, turn: Turn, user: str, reason: Reason, *, offers_only: bool) -> None:
        """His invitations; unless it is for those alone, what he has accepted, too.

        Of who signs out the communication server takes the tasks itself (MRE-64); of who was lost it has to be told.
        """
        for interaction in await self._interactions.of_agent(turn, user):
            leg = interaction.leg(user)
            if leg is not None and (leg.state is State.INVITED or not offers_only):
                await self._interactions.keep(turn, interaction, self._taken(turn, interaction, leg, reason))

    def _taken(self, turn: Turn, interaction: Interaction, leg: Leg, reason: Reason) -> Outcome:
        signs_out = reason is Reason.LOGOUT
        if leg.is_held and leg.role is Role.OWNER and signs_out and self._settings.logout_closes:
            return engine.ended(interaction, reason, turn.now)
        outcome = engine.revoked(interaction, leg.agent, reason, turn.now)
        if not interaction.is_routed:
            # A draft: nobody else knows of it.
            queue = self._settings.default_queue(Channel.EMAIL)
            anew = engine.requeued(outcome.interaction, queue)
            return Outcome(interaction=anew.interaction, effects=(*outcome.effects, *anew.effects))
        if signs_out:
            return outcome
        is_colleague = leg.role is not Role.OWNER and leg.is_held
        told = ChangeTask(agent=leg.agent, state="CLOSED" if is_colleague else "QUEUED", code=AGENT_LOGOUT)
        return Outcome(interaction=outcome.interaction, effects=(*outcome.effects, told))
