"""What a change of an interaction means to the one who waits for an agent: the news of it, in few words.

Who follows a chat from the customer's side (a callback, for example) need not know of legs and roles. Colleagues who
are asked in, or advise, are no news: only who has it, or is to have it, counts.

Source: SM-40, SM-42, SM-13; AG-66, AG-75, AG-128.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from channels.interaction.model import Interaction, Leg
from channels.interaction.reasons import Reason
from channels.interaction.states import State


class Progress(StrEnum):
    """A piece of news."""

    RESERVED = "reserved"
    """An agent was found, and is asked."""
    REJECTED = "rejected"
    """Who was asked does not take it: he declined, did not answer, or it was taken from him."""
    CONNECTED = "connected"
    """An agent has it, and both talk."""
    TRANSFERRED = "transferred"
    """Who had it has it no more: it is another agent's, or the queue's again."""
    ENDED = "ended"
    """The customer is in it no more, whoever ended it; nothing follows."""


def progress(before: Interaction | None, after: Interaction) -> Sequence[Progress]:
    """The news of one change, in the order in which they happened.

    Of one change that is the last word: an offer that ends because the customer left is not rejected but ended. An
    offer that is taken back for another agent to be asked (``offers.withdraw``) is no news to who wanted that.

    Args:
        before: None: there was none.
    """
    if before is not None and _is_over(before):
        return ()
    if _is_over(after):
        return (Progress.ENDED,)
    asked, has = _asked(before), _holder(before)
    asks, holds = _asked(after), _holder(after)
    news = []
    if has and holds != has and _owner(after) != has:
        news.append(Progress.TRANSFERRED)
    if asked and asks != asked and holds != asked and not _is_withdrawn(after, asked):
        news.append(Progress.REJECTED)
    if asks and asks != asked:
        news.append(Progress.RESERVED)
    if holds and holds != has:
        news.append(Progress.CONNECTED)
    return news


def _is_over(interaction: Interaction) -> bool:
    return interaction.is_closed or not interaction.has_customer


def _owner(interaction: Interaction) -> str:
    return interaction.owner.agent if interaction.owner is not None else ""


def _asked(interaction: Interaction | None) -> str:
    """Who is to have it, if he has not answered yet."""
    owner = _owner_leg(interaction)
    return owner.agent if owner is not None and owner.state is State.INVITED else ""


def _holder(interaction: Interaction | None) -> str:
    """Who works on it as his own."""
    owner = _owner_leg(interaction)
    return owner.agent if owner is not None and owner.is_held else ""


def _is_withdrawn(interaction: Interaction, agent: str) -> bool:
    leg = interaction.leg(agent)
    return leg is not None and leg.reason is Reason.REQUEUED


def _owner_leg(interaction: Interaction | None) -> Leg | None:
    return interaction.owner if interaction is not None else None
