"""Why a customer's request was not done: an HTTP status, and the name that programs branch on.

The names are the closed list of ERR-3; what has no better one is a ``GSGException``.

Source: ERR-1…5.
"""

from __future__ import annotations

from typing import ClassVar, Final

GSG: Final = "com.genesyslab.gsg."


class Refused(Exception):
    """A request that changed nothing; its text is for people (ERR-5)."""

    status: ClassVar[int] = 400
    exception: ClassVar[str] = f"{GSG}GSGException"

    def __init__(self, text: str, *, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after = retry_after
        """Seconds after which the same may be asked again; None where that would not help (ERR-4)."""


class RequestWrong(Refused):
    """What was sent cannot be understood, or may not be said."""


class NotAuthenticated(Refused):
    """Credentials are missing or wrong (AUTH-2)."""

    status = 401
    exception = f"{GSG}AuthenticationException"


class Forbidden(Refused):
    """Somebody else may, this one may not."""

    status = 403
    exception = "java.rmi.AccessException"


class PathUnknown(Refused):
    """G-22."""

    status = 404


class StorageNotFound(Refused):
    """No such storage or key: never there, expired, or another user's."""

    status = 404
    exception = f"{GSG}storage.StorageNotFoundException"


class MethodNotAllowed(Refused):
    """G-22."""

    status = 405

    def __init__(self) -> None:
        super().__init__("this resource does not know that method")


class TooLarge(Refused):
    """More than a bound allows."""

    status = 413


class MediaTypeWrong(Refused):
    """G-8."""

    status = 415
    exception = f"{GSG}MediaTypeException"


class Away(Refused):
    """What is behind us cannot be reached, or has too much to do, for a moment."""

    status = 503
    exception = f"{GSG}InternalException"
