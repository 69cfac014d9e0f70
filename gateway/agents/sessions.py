"""Agents' contact-center sessions: what an agent asks of his own state, and what follows from his desktops' presence.

Decides over one agent at a time; what becomes of the interactions that he has is ``gateway.agents.work``'s.

Source: AG-20…40, AG-125, MRE-40…43.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

from channels.interaction.reasons import Reason
from channels.private import AGENT, AGENT_CHANNELS, CHANNELS
from gateway.agents import notices
from gateway.agents.agent import Agent, changed_channels
from gateway.agents.operations import Caller, ChannelResult
from gateway.agents.refusal import FAILED, IN_USE, MISSING, NOT_FOUND, NOT_NOW, OUT_OF_RANGE, Refused
from gateway.agents.settings import Settings
from gateway.agents.side import ChatSide
from gateway.agents.states import NOT_READY
from gateway.agents.turn import Turn, agent_key
from gateway.routing.bus.bus import CHAT_SERVER
from gateway.routing.fields import fitting

KNOWN_MEDIA: Final = ("voice", "chat", "email")
"""Names of media channels that the interface knows, served or not."""

GRACE, LOST, REQUEUE = "grace", "lost", "requeue"
"""The deadlines of an agent without a desktop, in the order in which they come (AG-125)."""


class Work(Protocol):
    """What an agent has in hand."""

    async def take_back(self, turn: Turn, user: str, reason: Reason, *, offers_only: bool) -> None:
        """Take his invitations from him, and unless it is for those alone, what he has accepted, too."""


class Sessions:
    """All agents' sessions.

    Args:
        work: what they have in hand.
    """

    def __init__(self, side: ChatSide, settings: Settings, work: Work) -> None:
        self._side = side
        self._settings = settings
        self._work = work

    # What agents ask

    async def start(
        self, caller: Caller, channels: Sequence[str] | None, *, place: str = ""
    ) -> Sequence[ChannelResult]:
        """See ``AgentService.start_session``."""
        if not channels:
            raise Refused(MISSING, "channels are missing")
        results = [self._result_of(channel) for channel in dict.fromkeys(channels)]
        served = [each.channel for each in results if not each.status_code]

        async def decision(turn: Turn) -> None:
            agent = await turn.agent(caller.user)
            self._check_holder(turn, agent, caller)
            self._sign_in(turn, agent, served, place)
            self._settle(turn, agent, agent.started(served, place=place, holder=caller.session))

        if served:
            await self._side.decide(decision)
        return _together(results)

    async def end(self, caller: Caller) -> None:
        """See ``AgentService.end_session``."""

        async def decision(turn: Turn) -> None:
            agent = await turn.agent(caller.user)
            if not agent.is_started:
                return
            await self._work.take_back(turn, agent.user, Reason.LOGOUT, offers_only=False)
            rested = agent.wishing(NOT_READY, turn.now, *agent.channels)
            self._tell_states(turn, agent, rested)
            turn.put_agent(rested.ended())
            for channel in agent.channels:
                self._command(turn, agent.user, channel, "LOGOUT", "")
            for name in (GRACE, LOST, REQUEUE):
                turn.deadlines[f"{name}:{agent.user}"] = None
            for channel in AGENT_CHANNELS:
                turn.announce(agent.user, channel, {}, of=agent_key(agent.user), ext={"end": ""})

        await self._side.decide(decision)

    async def set_state(self, caller: Caller, operation: str, channel: str | None) -> Sequence[ChannelResult]:
        """See ``AgentService.set_state``."""
        state = self._settings.states.find(operation)
        if state is None:
            raise Refused(OUT_OF_RANGE, f"there is no operation {operation!r}")
        if channel is not None and channel not in KNOWN_MEDIA:
            raise Refused(NOT_FOUND, "there is no such channel")

        async def decision(turn: Turn) -> Sequence[ChannelResult]:
            agent = await turn.agent(caller.user)
            wanted = [channel] if channel is not None else list(agent.channels)
            if not wanted or not agent.channels.keys() >= set(wanted):
                raise Refused(NOT_NOW, "the channel is not started" if channel else "no channel is started")
            self._settle(turn, agent, agent.wishing(state, turn.now, *wanted))
            return [ChannelResult(each) for each in wanted]

        return await self._side.decide(decision)

    async def channels(self, caller: Caller) -> Sequence[dict[str, Any]]:
        """See ``AgentService.channels``."""
        agent = await self._side.decide(lambda turn: turn.agent(caller.user))
        return [notices.channel_state(agent, channel) for channel in agent.channels]

    async def channel(self, caller: Caller, channel: str) -> dict[str, Any]:
        """See ``AgentService.channel``."""
        agent = await self._side.decide(lambda turn: turn.agent(caller.user))
        if channel not in agent.channels:
            raise Refused(NOT_FOUND, "no such channel is started")
        return notices.channel_state(agent, channel)

    # What happens to them

    async def seen(self, turn: Turn, user: str, node: str, media: frozenset[str] | None) -> None:
        """A node's sessions of him can show these media channels; None: it has none of his any more."""
        agent = await turn.agent(user)
        after = agent.seen(node, media, turn.now)
        if after == agent:
            return
        self._settle(turn, agent, after)
        if not after.is_started:
            return
        if after.away_since is not None and agent.away_since is None:
            turn.deadlines[f"{GRACE}:{user}"] = turn.now + self._settings.presence_grace
            turn.deadlines[f"{LOST}:{user}"] = turn.now + self._settings.lost_after
        elif after.away_since is None and agent.away_since is not None:
            turn.deadlines[f"{LOST}:{user}"] = None
            turn.deadlines[f"{REQUEUE}:{user}"] = None

    async def expired(self, turn: Turn, name: str, user: str) -> None:
        """One of his deadlines is due."""
        agent = await turn.agent(user)
        turn.put_agent(agent)  # whoever changes him at the same time may set the deadline anew
        if name == GRACE:
            self._settle(turn, agent, agent.given_up())
        elif agent.away_since is None or not agent.is_started:
            return  # he came back, or signed out
        elif name == LOST:
            self._settle(turn, agent, agent.lost(turn.now))
            keeps = self._settings.lost_keeps
            await self._work.take_back(turn, user, Reason.CONNECTION_LOST, offers_only=keeps)
            if keeps:
                turn.deadlines[f"{REQUEUE}:{user}"] = agent.away_since + self._settings.lost_keep_for
        elif name == REQUEUE:
            await self._work.take_back(turn, user, Reason.CONNECTION_LOST, offers_only=False)

    async def corrected(self, turn: Turn, user: str, channel: str, state: str, reason: str, at: float) -> None:
        """The engine said what it had of him at a moment."""
        agent = await turn.agent(user)
        self._settle(turn, agent, agent.corrected(channel, state, reason, at))

    # Steps

    def _result_of(self, channel: str) -> ChannelResult:
        if channel in self._settings.media:
            return ChannelResult(channel)
        if channel == "voice":
            return ChannelResult(channel, FAILED, "no device is registered")
        if channel in KNOWN_MEDIA:
            return ChannelResult(channel, FAILED, f"{channel} is not served here")
        return ChannelResult(channel, OUT_OF_RANGE, f"there is no channel {channel!r}")

    def _check_holder(self, turn: Turn, agent: Agent, caller: Caller) -> None:
        """AG-25."""
        if agent.holder in ("", caller.session) or not agent.is_started or self._settings.multi == "shared":
            return
        if self._settings.multi == "refuse":
            raise Refused(IN_USE, "another desktop has your contact-center session")
        of, winner = agent_key(agent.user), caller.session
        turn.announce(agent.user, AGENT, notices.session_replaced(), of=of, ext={"but": winner})
        for channel in AGENT_CHANNELS:
            turn.announce(agent.user, channel, {}, of=of, ext={"end": winner})

    def _sign_in(self, turn: Turn, agent: Agent, channels: Sequence[str], place: str) -> None:
        """AG-23: once for each that was not open."""
        added = [channel for channel in channels if channel not in agent.channels]
        # The user has shown who he is at our door; his password is nobody else's (MRE-116).
        if added and not agent.is_started:
            self._side.command(
                turn,
                "Connect",
                {"AgentId": agent.user, "Password": "", "Extension": fitting(place), "Destination": CHAT_SERVER},
            )
        for channel in added:
            self._side.command(turn, "Login", {"AgentId": agent.user, "Password": "", "Mrd": channel})

    def _settle(self, turn: Turn, before: Agent, after: Agent) -> None:
        """Keep what became of him; tell him and the engine."""
        settled, commands = after.settled(turn.now)
        if settled == before:
            return
        turn.put_agent(settled)
        self._tell_states(turn, before, settled)
        for each in commands:
            self._command(turn, settled.user, each.channel, each.readiness.state, each.readiness.reason)

    def _tell_states(self, turn: Turn, before: Agent, after: Agent) -> None:
        changed = list(changed_channels(before, after))
        if changed:
            turn.announce(after.user, CHANNELS, notices.channel_states(after, changed), of=agent_key(after.user))

    def _command(self, turn: Turn, user: str, channel: str, state: str, reason: str) -> None:
        body = {"AgentId": user, "State": state, "Mrd": channel}
        self._side.command(turn, "AgentState", body | ({"ReasonCode": reason} if reason else {}))


def _together(results: Sequence[ChannelResult]) -> list[ChannelResult]:
    """Chat and e-mail are one, as long as they went alike (AG-21)."""
    multimedia = [each for each in results if each.channel in ("chat", "email")]
    if not multimedia or len({(each.status_code, each.text) for each in multimedia}) > 1:
        return list(results)
    first = multimedia[0]
    others = [each for each in results if each not in multimedia]
    return [*others, ChannelResult("multimedia", first.status_code, first.text)]
