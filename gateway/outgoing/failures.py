"""How a call to another host can fail.

Texts name no path, no query and no header: a place that somebody gave us to call is often a secret (NF-4).
"""

from __future__ import annotations


class CallFailed(Exception):
    """There is no answer."""


class TargetRefused(CallFailed):
    """We do not call that place; asking again changes nothing."""


class NoAnswer(CallFailed):
    """The other side was not there, too slow, too long, or no HTTP; it may do better another time."""
