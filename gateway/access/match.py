"""Whose call it is: of the bookings of a number, those that the caller's number or a code tells.

Source: MI-4…6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.access.booking import Booking


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What is known of a call; numbers as they are compared."""

    dialled: str
    caller: str = ""
    """Empty: not told."""
    code: str = ""
    """What was typed; empty: nothing."""


def match(bookings: Iterable[Booking], call: Call, now: float, *, is_shared: bool) -> list[Booking]:
    """The bookings that the call may be for, the oldest first; none, if nothing tells them from others.

    Args:
        bookings: all that have the call's code or caller, and the only one of the number, if it is not shared.
        is_shared: whether the number has several that are live.
    """
    live = [each for each in bookings if each.dialled == call.dialled and each.is_live(now)]
    fitting = sorted((each for each in live if _fits(each, call)), key=lambda each: (each.booked, each.instance))
    told = [each for each in fitting if _is_told(each, call)]
    if told:
        return told
    # MI-5: the number alone tells nothing, unless nobody else was given it; a locked number nobody else was.
    return [] if is_shared else fitting


def _fits(booking: Booking, call: Call) -> bool:
    """Whether nothing that is known speaks against it (MI-4)."""
    if booking.code and booking.code != call.code:
        return False
    return not (booking.caller and call.caller) or booking.caller == call.caller


def _is_told(booking: Booking, call: Call) -> bool:
    """Whether more than the number speaks for it."""
    return bool(booking.code) or bool(booking.caller and booking.caller == call.caller)
