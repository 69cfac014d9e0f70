"""Who is told what, and where, when an interaction has changed: every agent of it, in every dialect.

Pure diff of two states, so nothing that an agent sees can change without his being told (AG-57). A session gets only
what it is subscribed to.

Source: AG-1, AG-2, AG-50, AG-58, AG-70, AG-102.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from channels.dialects import interactions, typed
from channels.dialects.news import readers
from channels.interaction.effects import Outcome, ShowHistory
from channels.interaction.model import Channel, Interaction, Leg
from channels.interaction.reasons import Reason
from channels.interaction.rules import DEFAULT_RULES, Rules
from channels.private import CHATS, EMAILS, INTERACTIONS

TYPED_CHANNELS: Mapping[Channel, str] = {Channel.CHAT: CHATS, Channel.EMAIL: EMAILS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """One message to one user."""

    user: str
    channel: str
    """Name of the Bayeux channel."""
    data: Mapping[str, Any]
    reason: Reason | None = None
    """Why it was taken away, for ``ext.gw`` (AG-58)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The request whose consequence this is."""

    agent: str
    reference_id: int
    """``referenceId``, which comes back to who asked (AG-70)."""
    is_given: bool = True
    """By who asked; else by the gateway, for the typed dialect alone: the original's other messages have none."""

    def number_on(self, channel: str) -> int | None:
        """What messages on a channel have as their ``referenceId``."""
        return self.reference_id if self.is_given or channel != INTERACTIONS else None


def announcements(
    before: Interaction | None,
    outcome: Outcome,
    *,
    base: str = "/api/v2",
    asked: Asked | None = None,
    rules: Rules = DEFAULT_RULES,
) -> Sequence[Announcement]:
    """All that has to be told, in order for each user.

    Args:
        before: as it was stored; None: there was none.
        base: what URIs begin with: ``https://host/api/v2``.
    """
    told = _of_one(before, outcome, base, rules)
    for created in outcome.created:
        told += _of_one(None, Outcome(interaction=created), base, rules)
    return [_referring(each, asked) for each in told] if asked else told


def history(
    interaction: Interaction,
    shown: ShowHistory,
    *,
    base: str = "/api/v2",
    rules: Rules = DEFAULT_RULES,
) -> Sequence[Announcement]:
    """The answer to RequestChatHistory, for the one session that asked."""
    leg = interaction.leg(shown.agent)
    assert leg is not None, "who asked has it"
    return _announced(
        interaction,
        leg,
        [interactions.project(interaction, leg, shown.events, rules)],
        [typed.message_log(interaction, shown.events, base)],
    )


def _of_one(before: Interaction | None, outcome: Outcome, base: str, rules: Rules) -> list[Announcement]:
    return [
        announcement
        for leg in readers(before, outcome.interaction)
        for announcement in _announced(
            outcome.interaction,
            leg,
            interactions.notifications(before, outcome, leg, rules),
            typed.notifications(before, outcome, leg, base, rules),
        )
    ]


def _announced(
    interaction: Interaction,
    leg: Leg,
    in_interactions: Sequence[Mapping[str, Any]],
    in_typed: Sequence[Mapping[str, Any]],
) -> list[Announcement]:
    typed_channel = TYPED_CHANNELS[interaction.channel]
    return [
        Announcement(user=leg.agent, channel=channel, data=data, reason=leg.reason)
        for channel, messages in ((INTERACTIONS, in_interactions), (typed_channel, in_typed))
        for data in messages
    ]


def _referring(announcement: Announcement, asked: Asked) -> Announcement:
    number = asked.number_on(announcement.channel)
    if announcement.user != asked.agent or number is None:
        return announcement
    return Announcement(
        user=announcement.user,
        channel=announcement.channel,
        data={**announcement.data, "referenceId": number},
        reason=announcement.reason,
    )
