"""What administrators did, as lines of the log: who, when, what, before and after. Secrets are masked.

Source: MG-4…8, SEC-52, SEC-55, SEC-99.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from gateway.services.entry import Entry
from gateway.services.kinds import Texts
from gateway.services.options import masked

log = logging.getLogger("gateway.audit")


@dataclass(frozen=True, slots=True)
class Author:
    """Who did it, and by which request."""

    name: str
    peer: str
    request_id: str

    def changed(self, what: str, before: Entry | None, after: Entry | None) -> None:
        """One line for a change of the configuration; of texts only what differs."""
        was, becomes = _texts(before), _texts(after)
        differs = [
            key for key in {**was, **becomes} if was.get(key) != becomes.get(key) or (key in was) != (key in becomes)
        ]
        self.did(
            "configuration changed",
            what=what,
            before=masked({key: was[key] for key in differs if key in was}) if before is not None else None,
            after=masked({key: becomes[key] for key in differs if key in becomes}) if after is not None else None,
        )

    def did(self, event: str, **fields: Any) -> None:
        """One line for anything else."""
        log.info(event, extra={"user": self.name, "peer": self.peer, "request_id": self.request_id, **fields})


def _texts(entry: Entry | None) -> Texts:
    return entry.texts if entry is not None else {}
