"""One agent's contact-center session: which media channels are open, what he wants of them, what can show him things.

Decides what the routing engine has to be told. It knows an agent as READY only while he wants it *and* a desktop of his
can show an invitation; what he is shown himself is his wish. Values only: no store, no clock.

Source: AG-22…40, AG-125, MRE-43, MRE-63.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from gateway.agents.states import CONNECTION_LOST, NOT_READY, SYSTEM_REASONS, UserState, not_ready

UNREACHABLE: Final = "UNREACHABLE"
"""Why the engine hears NOT_READY of an agent who wants Ready: nothing of his could show him an invitation."""


@dataclass(frozen=True, slots=True)
class Readiness:
    """What the engine knows, or shall know, of one media channel."""

    state: str = "NOT_READY"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MediaChannel:
    """One that is open."""

    wish: UserState = NOT_READY  # AG-22
    told: Readiness = Readiness()
    """After Login the engine has it as NOT_READY by itself (MRE-42)."""
    since: float = 0.0
    """When one of the two changed: what the engine says of the time before is out of date."""


@dataclass(frozen=True, slots=True)
class Command:
    """``AgentState`` for the engine."""

    channel: str
    readiness: Readiness


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Everything about him that must outlive a process."""

    user: str
    place: str = ""
    holder: str = ""
    """The HTTP session that opened it, where only one may have it (AG-25)."""
    channels: Mapping[str, MediaChannel] = field(default_factory=dict)
    desks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Node to the media channels that the Bayeux sessions which it has of him can show."""
    reached: frozenset[str] = frozenset()
    """The media channels on which he counts as reachable: a little longer than they are shown (AG-125)."""
    away_since: float | None = None
    """When the last of his desks went; None while there is one, and before the first."""
    workbins: frozenset[str] = frozenset()
    """Those whose changes he wants to hear of (AG-150)."""

    # What he wants

    @property
    def is_started(self) -> bool:
        """He has a contact-center session."""
        return bool(self.channels)

    def started(self, channels: Sequence[str], *, place: str, holder: str) -> Self:
        """With these channels open, too; those that are open stay as they are (AG-24)."""
        opened = {name: self.channels.get(name, MediaChannel()) for name in (*self.channels, *channels)}
        # What his desktops did before is nobody's business; no deadline waits for those that have gone (AG-125).
        begun = self if self.is_started else replace(self, reached=self.shown, away_since=None)
        return replace(begun, channels=opened, place=place or self.place, holder=holder)

    def ended(self) -> Self:
        """Without a contact-center session."""
        return replace(self, channels={}, place="", holder="", reached=frozenset(), away_since=None)

    def wishing(self, wish: UserState, now: float, *channels: str) -> Self:
        """With that wish for these channels."""
        changed = {
            name: replace(self.channels[name], wish=wish, since=now)
            for name in channels
            if name in self.channels and self.channels[name].wish != wish
        }
        return replace(self, channels={**self.channels, **changed})

    def wants(self, channel: str) -> bool:
        """Is it open, and does he want it Ready?"""
        found = self.channels.get(channel)
        return found is not None and found.wish.is_ready

    def can_be_offered(self, channel: str) -> bool:
        """May an invitation be shown to him (AG-35…37)?"""
        return self.wants(channel) and channel in self.reached

    # What can show him things

    @property
    def shown(self) -> frozenset[str]:
        """The media channels that a desktop of his shows at this moment."""
        return frozenset().union(*self.desks.values())

    def seen(self, node: str, media: frozenset[str] | None, now: float) -> Self:
        """A node's sessions of him can show these media channels; None: it has no session of him any more.

        What is gone counts as reachable until ``given_up``, where he is away altogether: desktops are reloaded.
        """
        desks = {name: each for name, each in self.desks.items() if name != node}
        if media is not None:
            desks[node] = media
        there = replace(self, desks=desks)
        if not self.is_started:
            return there
        if desks:
            is_returning = self.away_since is not None and not there.shown >= self.reached
            reached = self.reached | there.shown if is_returning else there.shown
            return replace(there, reached=reached, away_since=None)
        return replace(there, away_since=now if self.away_since is None and self.desks else self.away_since)

    def given_up(self) -> Self:
        """The grace is over: he is reachable where something shows him, and nowhere else."""
        return replace(self, reached=self.shown)

    def lost(self, now: float) -> Self:
        """He stayed away: what he wanted Ready is not (AG-125)."""
        ready = [name for name, each in self.channels.items() if each.wish.is_ready]
        return self.wishing(not_ready(CONNECTION_LOST), now, *ready)

    # What the engine has to know

    def settled(self, now: float) -> tuple[Self, Sequence[Command]]:
        """The agent of whom the engine was told what makes its picture right, and what to tell it."""
        wanted = {name: self._wanted(name) for name in self.channels}
        commands = [Command(name, each) for name, each in wanted.items() if each != self.channels[name].told]
        told = {each.channel: replace(self.channels[each.channel], told=each.readiness, since=now) for each in commands}
        return replace(self, channels={**self.channels, **told}), commands

    def corrected(self, channel: str, state: str, reason: str, at: float) -> Self:
        """After the engine said what it had of him at a moment (MRE-113).

        What it decided by a reason of its own becomes his state. That it takes him for ready though he is not means
        that it did not hear, or forgot: ``settled`` tells it again.
        """
        known = self.channels.get(channel)
        if known is None or at < known.since:
            return self
        if state in _AT_REST and reason in SYSTEM_REASONS and known.wish.is_ready:
            changed = replace(known, wish=not_ready(reason), told=Readiness("NOT_READY", reason), since=at)
        elif state in _AT_WORK and known.told.state != "READY":
            changed = replace(known, told=Readiness("READY"), since=at)
        else:
            return self
        return replace(self, channels={**self.channels, channel: changed})

    def _wanted(self, channel: str) -> Readiness:
        wish = self.channels[channel].wish
        if not wish.is_ready:
            return Readiness("NOT_READY", wish.reason)
        return Readiness("READY") if channel in self.reached else Readiness("NOT_READY", UNREACHABLE)

    # As it is kept

    def as_body(self) -> dict[str, Any]:
        """JSON values, from which ``from_body`` makes it again."""
        return {
            "user": self.user,
            "place": self.place,
            "holder": self.holder,
            "channels": {name: _channel_body(each) for name, each in self.channels.items()},
            "desks": {node: sorted(media) for node, media in self.desks.items()},
            "reached": sorted(self.reached),
            "away_since": self.away_since,
            "workbins": sorted(self.workbins),
        }

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """What ``as_body`` wrote."""
        return cls(
            user=body["user"],
            place=body["place"],
            holder=body["holder"],
            channels={name: _channel(each) for name, each in body["channels"].items()},
            desks={node: frozenset(media) for node, media in body["desks"].items()},
            reached=frozenset(body["reached"]),
            away_since=body["away_since"],
            workbins=frozenset(body["workbins"]),
        )


_AT_REST: Final = frozenset({"NOT_READY", "PENDING_NOT_READY"})
_AT_WORK: Final = frozenset({"READY", "RESERVED", "ACTIVE", "BUSY", "WORK_READY"})


def changed_channels(before: Agent, after: Agent) -> Iterator[str]:
    """The open media channels whose state looks different to the agent (AG-33, AG-40)."""
    for name, each in after.channels.items():
        known = before.channels.get(name)
        if known is None or known.wish != each.wish:
            yield name


def _channel_body(channel: MediaChannel) -> dict[str, Any]:
    wish = channel.wish
    return {
        "wish": [wish.id, wish.operation, wish.display_name, wish.is_ready, wish.reason],
        "told": [channel.told.state, channel.told.reason],
        "since": channel.since,
    }


def _channel(body: Mapping[str, Any]) -> MediaChannel:
    return MediaChannel(UserState(*body["wish"]), Readiness(*body["told"]), body["since"])
