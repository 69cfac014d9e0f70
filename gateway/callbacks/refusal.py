"""Why a callback was not started, changed or connected.

Source: ERR-3, ERR-4, ERR-6; CB-4…7, CB-10, CB-13, CB-15…18, SV-21, SV-23, SM-4.
"""

from __future__ import annotations

from typing import Final

from gateway.customers.refusal import GSG, Refused

_CALLBACK: Final = f"{GSG}services.callback.exceptions.CallbackException"


class NumberRefused(Refused):
    """The customer's number is none that anybody could call, or one that is too dear."""

    exception = f"{_CALLBACK}Number"


class NumberExcluded(Refused):
    """The number is on the list of exceptions."""

    exception = f"{_CALLBACK}Excluded"


class OptionWrong(Refused):
    """A reserved parameter is missing, or has a value that it cannot have."""

    exception = f"{_CALLBACK}InvalidOption"


class TimeRefused(Refused):
    """Nobody is there at the time that was asked for."""

    exception = f"{_CALLBACK}Availability"


class StateWrong(Refused):
    """A callback that stands where this one does cannot be asked that."""

    exception = f"{_CALLBACK}State"


class NotNow(Refused):
    """A limit is reached, or no agent is near yet."""

    status = 503
    exception = f"{_CALLBACK}ServiceUnavailable"


class CallbackUnknown(Refused):
    """There is none of that id, or not of that service, or it is another user's."""

    status = 404
    exception = f"{GSG}services.ServiceNotFoundException"


class KeyReused(Refused):
    """The same ``Idempotency-Key`` came with another request."""

    status = 409


class Misconfigured(Refused):
    """The service cannot be run as it is configured: nothing that the app could do better."""

    status = 500
    exception = f"{GSG}services.ors.OrsServiceException"
