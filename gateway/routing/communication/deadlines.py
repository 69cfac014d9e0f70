"""Names of the communication server's deadlines: what for, which task, and which agent.

Source: MRE-74, MRE-76, MRE-126; AG-66, AG-126.
"""

from __future__ import annotations

from typing import Final

ACCEPT, WRAP_UP, LIFETIME, FORGET, LOST = "accept", "wrap-up", "lifetime", "forget", "lost"

GRACE: Final = 0.75
"""Seconds that an offer rings on while no Accept is taken any more.

In them arrives what the chat server took at the last moment, for nobody to be told Accepted and then Revoked (AG-66). A
bus needs a few milliseconds, clocks of nodes differ by some more, and the whole is to be within a second (AG-126).
"""


def accept(task_id: str, agent_id: str) -> str:
    """An offer rings out."""
    return f"{ACCEPT}:{task_id}:{agent_id}"


def wrap_up(task_id: str, agent_id: str) -> str:
    """A task that is wrapped up closes."""
    return f"{WRAP_UP}:{task_id}:{agent_id}"


def lifetime(task_id: str) -> str:
    """A task has been open for too long."""
    return f"{LIFETIME}:{task_id}"


def forget(task_id: str) -> str:
    """A closed task can be asked for no more."""
    return f"{FORGET}:{task_id}"


def lost(agent_id: str) -> str:
    """An agent has not come back after his chat server's failure."""
    return f"{LOST}::{agent_id}"


def parts_of(name: str) -> tuple[str, str, str]:
    """What for, the task, and the agent; ids of tasks have no colon."""
    kind, _, rest = name.partition(":")
    task_id, _, agent_id = rest.partition(":")
    return kind, task_id, agent_id
