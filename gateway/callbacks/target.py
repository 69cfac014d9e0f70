"""Whom a service's ``_target`` names: a queue of the routing engine.

A target is written as for the original's router: a name, the server that knows it, and what it is
(``SimpleChatInQueue@StatServer.GA``). Our engine has queues, which select agents themselves, so the name is a queue's.
A target that is no queue's name, such as an expression of skills, is given one by the configuration.

Source: SM-4, SM-43.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_TARGET: Final = re.compile(r"(?P<name>.+)@[^@]*\.(A|AP|GA|GP|Q|DN|GC|RP|DL|\?\?)\Z", re.DOTALL)


def queue_of(target: str, named: Mapping[str, str]) -> str:
    """The queue that a target means; whether there is one of that name its router finds out.

    Args:
        named: queues by targets, as configured.
    """
    target = target.strip()
    if target in named:
        return named[target]
    found = _TARGET.match(target)
    name = found["name"].strip() if found is not None else target
    return named.get(name, name)
