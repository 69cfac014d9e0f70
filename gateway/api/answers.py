"""The envelope of every answer, and which HTTP status goes with which ``statusCode``.

Source: AG-21, AG-34, AG-140, AG-143.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from gateway.agents.operations import ChannelResult, Done, Json
from gateway.agents.refusal import FAILED, FORBIDDEN, MISSING, OUT_OF_RANGE, Refused

PARTLY: Final = 7
"""Some of it was done."""
DEFAULT_LIMIT: Final = 100
"""Objects of one page."""

HTTP_STATUS: Mapping[int, int] = {
    0: 200,
    1: 400,  # required parameter missing
    2: 409,  # not valid in this state
    3: 403,  # forbidden
    4: 500,  # ours, or of what is behind us
    5: 403,  # the user lacks permission
    6: 404,  # not found
    7: 200,  # partly done
    8: 403,  # password change demanded
    9: 202,  # processing incomplete
    10: 400,  # out of range
    11: 403,  # read-only
    12: 500,  # cannot retrieve
    13: 500,  # cannot create
    14: 500,  # cannot delete
    15: 500,  # cannot update
    16: 500,  # cannot assign
    17: 500,  # cannot unassign
    18: 409,  # exists already
    19: 409,  # in use already
    20: 403,  # not authenticated
}


class RequestRefused(Refused):
    """Refused for how the request was made: HTTP has a status for that, ``statusCode`` has none of its own."""

    def __init__(self, http_status: int, status_code: int, text: str) -> None:
        super().__init__(status_code, text)
        self.http_status = http_status


class BodyTooLarge(RequestRefused):
    """AG-142, SEC-L9."""

    def __init__(self, most: int) -> None:
        super().__init__(413, OUT_OF_RANGE, f"the body has more than {most} bytes")


class MediaTypeWrong(RequestRefused):
    """AG-142, SEC-18."""

    def __init__(self, expected: str) -> None:
        super().__init__(415, OUT_OF_RANGE, f"the body must be {expected}, and not compressed")


class BodyMalformed(RequestRefused):
    """AG-142."""

    def __init__(self, why: str) -> None:
        super().__init__(400, MISSING, f"the body {why}")


class PageRefused(RequestRefused):
    """CORS-6."""

    def __init__(self) -> None:
        super().__init__(403, FORBIDDEN, "pages of this origin may not do that")


class MethodNotAllowed(RequestRefused):
    """SEC-17."""

    def __init__(self) -> None:
        super().__init__(405, OUT_OF_RANGE, "this resource does not know that method")


class Away(RequestRefused):
    """The store cannot be reached; nothing is known to have changed, and the same may be asked again (OPS-72)."""

    def __init__(self) -> None:
        super().__init__(503, FAILED, "try again in a moment")


def http_status(refused: Refused) -> int:
    """What HTTP says to it."""
    return refused.http_status if isinstance(refused, RequestRefused) else HTTP_STATUS[refused.status_code]


def error(refused: Refused) -> dict[str, Any]:
    """The body of a refusal."""
    return {"statusCode": refused.status_code, "statusMessage": refused.text}


def done(outcome: Done) -> Json:
    """What follows ``statusCode`` 0; the outcome itself comes as a notification (AG-4, AG-70)."""
    return {} if outcome.reference_id is None else {"referenceId": outcome.reference_id}


def parted(results: Sequence[ChannelResult]) -> Json:
    """All good, some, or none (AG-21); what is partly done says why in its parts.

    Raises Refused where none went well: with the code and the text of the first.
    """
    failed = [each for each in results if each.status_code]
    if not failed:
        return {}
    if len(failed) == len(results):
        raise Refused(failed[0].status_code, failed[0].text)
    return {
        "statusCode": PARTLY,
        "failed": [
            {"statusCode": each.status_code, "statusMessage": each.text, "channel": each.channel} for each in failed
        ],
        "succeeded": [{"statusCode": 0, "channel": each.channel} for each in results if not each.status_code],
    }


def collection(plural: str, objects: Sequence[Json], uris: Sequence[str], query: Json) -> dict[str, Any]:
    """Objects under their plural name where ``fields=*`` was asked for, else where they are (AG-143)."""
    return {plural: list(objects)} if query.get("fields") == "*" else {"uris": list(uris)}


def paged(uri: str, query: Json, total: int) -> Json:
    """How many there are, and where the pages beside this one are; only for who asked for pages (AG-143)."""
    if "limit" not in query and "offset" not in query:
        return {}
    offset, limit = query.get("offset", 0), query.get("limit", DEFAULT_LIMIT)
    beside = {"previous": offset - limit if offset > 0 else None, "next": offset + limit}
    links = {
        name: f"{uri}?{urlencode({**query, 'offset': max(place, 0), 'limit': limit})}"
        for name, place in beside.items()
        if place is not None and place < total
    }
    return {"totalCount": total, "paging": links}
