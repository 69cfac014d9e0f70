"""What comes from Redis and is not what we write: dropped, counted, and told once (SEC-80)."""

from __future__ import annotations

import logging

from bayeux.backplane.backplane import Link
from bayeux.backplane.redis.envelope import Malformed

log: logging.Logger = logging.getLogger(__name__)

MALFORMED = "malformed"


def refuse(tally: Link, where: str, error: Malformed) -> None:
    """Count it, and warn of the first."""
    tally.dropped[MALFORMED] = tally.dropped.get(MALFORMED, 0) + 1
    if tally.dropped[MALFORMED] == 1:
        log.warning(
            "%s holds what no node of this version writes (%s): see that no other program and no other version of the "
            "format uses this prefix; it is dropped and counted",
            where,
            error,
            extra={"event": "backplane_malformed"},
        )
