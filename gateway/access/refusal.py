"""Why no number was given, or no booking was found.

Source: ERR-3, ERR-4; RI-3, RA-3, MI-6, RS-3.
"""

from __future__ import annotations

from gateway.customers.refusal import GSG, Refused


class GroupWrong(Refused):
    """Neither the service nor the request names a resource group, or there is none of that name."""

    exception = f"{GSG}services.resource.ResourceGroupException"


class InstanceUnknown(Refused):
    """No such instance: never there, or over."""

    status = 404
    exception = f"{GSG}services.ServiceNotFoundException"


class MatchNotFound(Refused):
    """No booking tells who calls."""

    status = 404
    exception = f"{GSG}services.match.MatchNotFoundException"


class NoneFree(Refused):
    """All numbers of a group, or all codes of a number, are somebody's."""

    status = 503
    exception = f"{GSG}services.resource.ResourceException"
