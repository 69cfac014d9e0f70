"""A machine small enough to see through, and a role that runs it: for tests of what makes roles last."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from gateway.routing.bus.bus import CHAT_SERVER, GENERAL, Bus, BusMessage
from gateway.routing.duty import MachineDuty
from gateway.routing.machine import NewId, Sending, Step
from gateway.routing.outbox import bus_pump
from gateway.routing.role import Role
from gateway.store.store import Document, Room

TTL = 1.0
"""Seconds that the lease of the role is held for."""


class Ledger:
    """Writes down in each account what was entered there, and sends a receipt of it.

    Types: ``Enter``; ``Nothing`` changes nothing; ``Later`` is entered when its deadline comes, unless ``Never`` came
    before; ``Defect`` raises; ``Garbage`` is buried.
    """

    queues = (GENERAL,)

    def __init__(self) -> None:
        self.accounts: dict[str, list[str]] = {}
        self.failing_deadlines: set[str] = set()

    def load(self, documents: Iterable[Document]) -> None:
        self.accounts = {each.key: list(each.body["entries"]) for each in documents}

    def receive(self, queue: str, message: BusMessage, now: float, new_id: NewId) -> Step:
        said = json.loads(message.body)
        deadline = f"{said['account']}/{said['entry']}"
        match message.type:
            case "Enter":
                return self._enter(said["account"], said["entry"], new_id)
            case "Later":
                return Step(deadlines={deadline: now + said["after"]})
            case "Never":
                return Step(deadlines={deadline: None})
            case "Garbage":
                return Step(buried="MALFORMED_BODY")
            case "Defect":
                raise ValueError("a defect")
            case _:
                return Step()

    def expire(self, deadline: str, now: float, new_id: NewId) -> Step:
        if deadline in self.failing_deadlines:
            raise ValueError("a defect")
        account, _, entry = deadline.partition("/")
        return replace(self._enter(account, entry, new_id), deadlines={deadline: None})

    def adopt(self, step: Step) -> None:
        self.accounts |= {key: list(body["entries"]) for key, body in step.documents.items() if body}

    def _enter(self, account: str, entry: str, new_id: NewId) -> Step:
        entries = [*self.accounts.get(account, []), entry]
        receipt = BusMessage(
            type="Receipt", body=json.dumps({"entry": entry}).encode(), id=new_id(), key=f"account:{account}"
        )
        return Step(documents={account: {"entries": entries}}, messages=[Sending(CHAT_SERVER, receipt)])


def entry(number: int, message_type: str = "Enter", **fields: Any) -> BusMessage:
    """A message to the ledger; its id is made of type and number."""
    said = {"account": "a", "entry": str(number), **fields}
    return BusMessage(
        type=message_type,
        body=json.dumps(said).encode(),
        id=f"{message_type}-{number}",
        key=f"account:{said['account']}",
    )


def ledger_role(ledger: Ledger, room: Room, bus: Bus, node: str = "one", *, lease_ttl: float = TTL) -> Role:
    """The role on one node."""
    pump = bus_pump(room, bus)
    return Role(
        MachineDuty(ledger, room, pump),
        room,
        bus,
        name="ledger",
        node=node,
        queues={GENERAL: "ledgers"},
        pumps=[pump],
        lease_ttl=lease_ttl,
    )
