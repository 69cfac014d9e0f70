"""Why an administrator's request was not done: what customers are told, and a few of our own.

Source: MG-1, MG-22, MG-24, SEC-L21, ERR-1…4.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.customers.refusal import GSG, Refused
from gateway.services.kinds import Wrong


class Invalid(Refused):
    """It can be read, and is not valid."""

    status = 422

    def __init__(self, wrongs: Sequence[Wrong]) -> None:
        super().__init__("; ".join(": ".join(filter(None, (each.path, each.message))) for each in wrongs[:10]))
        self.wrongs = wrongs


class Unknown(Refused):
    """There is no such thing."""

    status = 404
    exception = f"{GSG}services.ServiceNotFoundException"


class Taken(Refused):
    """There is one of that name."""

    status = 409


class Kept(Refused):
    """It is not removed or changed."""

    status = 409


class TagWrong(Refused):
    """``If-Match`` names another state than the present one."""

    status = 412


class TooOften(Refused):
    """Too many wrong passwords."""

    status = 429
