"""Workbins: where an agent puts interactions aside; each agent has those that are configured, for himself.

Source: AG-150…152.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from channels.dialects.announcement import Asked
from channels.interaction import engine, operations
from channels.interaction.effects import Outcome
from channels.interaction.model import Channel, Interaction
from channels.interaction.request import last_segment
from channels.interaction.states import State
from channels.private import WORKBINS
from gateway.agents import notices
from gateway.agents.interactions import Interactions
from gateway.agents.operations import Caller, Dialect, Done
from gateway.agents.refusal import MISSING, NOT_FOUND, NOT_NOW, OUT_OF_RANGE, Refused
from gateway.agents.settings import Settings, Workbin
from gateway.agents.side import ChatSide
from gateway.agents.turn import Turn, agent_key

_MEDIA: Final[Mapping[str, tuple[Channel, ...]]] = {
    "Interaction": (Channel.CHAT, Channel.EMAIL),
    "Chat": (Channel.CHAT,),
    "Email": (Channel.EMAIL,),
}
"""What ``AddChat``, ``PullEmail`` and their kin are for."""


class Workbins:
    """Those of all agents."""

    def __init__(
        self, side: ChatSide, settings: Settings, interactions: Interactions, new_hex: Callable[[], str]
    ) -> None:
        self._side = side
        self._settings = settings
        self._interactions = interactions
        self._new_hex = new_hex

    def all(self, caller: Caller) -> Sequence[dict[str, Any]]:
        """See ``AgentService.workbins``."""
        return [_described(each, caller) for each in self._settings.workbins.values()]

    async def one(self, caller: Caller, id: str, *, with_content: bool) -> dict[str, Any]:
        """See ``AgentService.workbin``."""
        workbin = self._known(id)
        described = _described(workbin, caller)
        if not with_content:
            return described

        async def decision(turn: Turn) -> Sequence[Interaction]:
            return await self._interactions.in_workbin(turn, caller.user, workbin.id)

        items = await self._side.decide(decision)
        return {
            **described,
            "chats": [self._shown(each, caller, Dialect.CHATS) for each in items if each.channel is Channel.CHAT],
            "emails": [self._shown(each, caller, Dialect.EMAILS) for each in items if each.channel is Channel.EMAIL],
        }

    async def perform(self, caller: Caller, id: str, operation: str, parameters: Mapping[str, Any]) -> Done:
        """See ``AgentService.perform_on_workbin``."""
        workbin = self._known(id)
        reference = parameters.get("referenceId")
        if operation in ("Subscribe", "Unsubscribe"):
            await self._side.decide(
                lambda turn: self._subscribe(turn, caller.user, workbin, operation == "Subscribe", reference)
            )
        elif operation.startswith("Add") and operation.removeprefix("Add") in _MEDIA:
            media = _MEDIA[operation.removeprefix("Add")]
            await self._side.decide(lambda turn: self._add(turn, caller.user, workbin, parameters, media))
        elif operation.startswith("Pull") and operation.removeprefix("Pull") in _MEDIA:
            media = _MEDIA[operation.removeprefix("Pull")]
            await self._side.decide(lambda turn: self._pull(turn, caller.user, workbin, parameters, media))
        else:
            raise Refused(OUT_OF_RANGE, f"there is no operation {operation}")
        return Done(reference if isinstance(reference, int) else None)

    async def _subscribe(self, turn: Turn, user: str, workbin: Workbin, wanted: bool, reference: int | None) -> None:
        agent = await turn.agent(user)
        workbins = agent.workbins | {workbin.id} if wanted else agent.workbins - {workbin.id}
        turn.put_agent(replace(agent, workbins=workbins))
        state = "Subscribed" if wanted else "Unsubscribed"
        turn.announce(user, WORKBINS, notices.workbin_subscription(workbin.id, state, reference), of=agent_key(user))

    async def _add(
        self, turn: Turn, user: str, workbin: Workbin, parameters: Mapping[str, Any], media: Sequence[Channel]
    ) -> None:
        interaction = await self._meant(turn, parameters, media)
        outcome = operations.perform(
            interaction,
            user,
            "PlaceInWorkbin",
            {**parameters, "workbin": workbin.id},
            now=turn.now,
            new_id=self._new_hex,
            rules=self._settings.rules,
        )
        await self._keep(turn, user, interaction, outcome, parameters)

    async def _pull(
        self, turn: Turn, user: str, workbin: Workbin, parameters: Mapping[str, Any], media: Sequence[Channel]
    ) -> None:
        interaction = await self._meant(turn, parameters, media)
        leg = interaction.leg(user)
        if leg is None or leg.state is not State.IN_WORKBIN or leg.workbin != workbin.id:
            raise Refused(NOT_FOUND, "it does not lie in this workbin")
        agent = await turn.agent(user)
        if interaction.channel.value not in agent.channels:
            raise Refused(NOT_NOW, f"the channel {interaction.channel.value} is not started")
        turn.put_agent(agent)  # who signs out at the same time does it before this, or takes it along
        outcome = engine.pulled(
            interaction,
            user,
            turn.now,
            new_id=self._new_hex,
            nickname=str(parameters.get("nickname", "")),
            rules=self._settings.rules,
        )
        await self._keep(turn, user, interaction, outcome, parameters)

    async def _keep(
        self, turn: Turn, user: str, before: Interaction, outcome: Outcome, parameters: Mapping[str, Any]
    ) -> None:
        reference = parameters.get("referenceId")
        asked = Asked(agent=user, reference_id=reference) if isinstance(reference, int) else None
        await self._interactions.keep(turn, before, outcome, asked=asked)

    async def _meant(self, turn: Turn, parameters: Mapping[str, Any], media: Sequence[Channel]) -> Interaction:
        name = parameters.get("id") or parameters.get("uri")
        if not isinstance(name, str):
            raise Refused(MISSING, "id or uri is missing")
        interaction = await self._interactions.find(turn, last_segment(name))
        if interaction is None or interaction.channel not in media:
            raise Refused(NOT_FOUND, "there is no such interaction")
        return interaction

    def _known(self, id: str) -> Workbin:
        workbin = self._settings.workbins.get(id)
        if workbin is None:
            raise Refused(NOT_FOUND, "there is no such workbin")
        return workbin

    def _shown(self, interaction: Interaction, caller: Caller, dialect: Dialect) -> Mapping[str, Any]:
        leg = interaction.leg(caller.user)
        assert leg is not None, "it stands in the index because of this leg"
        return self._interactions.shown(interaction, leg, dialect, caller.origin)


def _described(workbin: Workbin, caller: Caller) -> dict[str, Any]:
    return {
        "id": workbin.id,
        "workbinName": workbin.id,
        "displayName": workbin.display_name,
        "type": "Agent",
        "uri": f"{caller.origin}/api/v2/workbins/{workbin.id}",
    }
