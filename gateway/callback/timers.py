"""What an instance waits for by the clock: stored deadlines, each of which belongs to certain steps.

Source: the T(…) of SM-20…34, SM-40…41; SM-70.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.callback.states import Step


class Timer(StrEnum):
    """A deadline by the name under which it is stored."""

    LIFE = "life"
    """``_ttl``: afterwards the instance is unknown (SV-4)."""
    QUEUED = "queued"
    """``_urs_queued_ttl`` (SM-29)."""
    REACH = "reach"
    """``_max_time_to_reach_eta_pos_threshold`` (SM-28)."""
    WATCH = "watch"
    """The next look at the queue (TH-9)."""
    CONFIRM = "confirm"
    """``_user_confirm_timeout`` (SM-22)."""
    NOTIFY = "notify"
    """``_agent_availability_notification_delay``: the customer is told again (SM-22)."""
    CONTACT = "contact"
    """The end of the booking, or ``_client_timeout`` of a chat (SM-26)."""
    RESERVE = "reserve"
    """``_agent_reserve_timeout`` (SM-40)."""
    ON_LINE = "on-line"
    """``_max_time_to_wait_for_agent_on_the_call`` (SM-41)."""


TIMERS: Mapping[Step, frozenset[Timer]] = {
    Step.WAIT_AGENT: frozenset({Timer.LIFE, Timer.QUEUED, Timer.REACH, Timer.WATCH}),
    Step.WAIT_CONFIRM: frozenset({Timer.LIFE, Timer.QUEUED, Timer.CONFIRM, Timer.NOTIFY}),
    Step.WAIT_CONTACT: frozenset({Timer.LIFE, Timer.QUEUED, Timer.CONTACT}),
    Step.WAIT_CONNECT: frozenset({Timer.LIFE, Timer.QUEUED}),
    Step.ROUTING: frozenset({Timer.LIFE, Timer.RESERVE, Timer.ON_LINE}),
    Step.TALKING: frozenset({Timer.LIFE}),
    Step.DONE: frozenset({Timer.LIFE}),
}
"""Which may run in a step; entering it stops all others."""
