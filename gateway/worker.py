"""``python -m gateway.worker``: one of the processes of a gateway; its supervisor starts it, nobody else.

It is told what to be by the first frame on its standard input, which is its end of the way to the supervisor. It goes
by the configuration that the supervisor read, whatever files say by then. If the supervisor is gone, it leaves, too.

Source: OPS-45, OPS-60.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

import orjson

from bayeux.protocol.errors import Unavailable
from gateway.app import Gateway
from gateway.config import ConfigurationWrong
from gateway.config.loading import Loaded, load_given
from gateway.config.sources import Given
from gateway.config.units import Address
from gateway.control import Control, Refused, read_first_frame
from gateway.failure import ExitCode, Failure
from gateway.node import NodeOperations
from gateway.observe.logging import configure
from gateway.operations import NodeUnknown, PlanChanged, PlanConflict, PublishRefused, RoutingRefused, RoutingUnknown
from gateway.run import Run
from gateway.sockets import shared
from gateway.tuning import forget_garbage

log = logging.getLogger(__name__)

READY = "ready"
"""What a worker tells when it serves."""
KINDS: Mapping[str, type[Exception]] = {
    "node": NodeUnknown,
    "publish": PublishRefused,
    "unavailable": Unavailable,
    "routing-unknown": RoutingUnknown,
    "routing-refused": RoutingRefused,
    "plan-conflict": PlanConflict,
    "plan-changed": PlanChanged,
}
"""What may be raised by an order, and its name on the way to the supervisor."""
ORDERS: Final = frozenset(
    {
        *("health", "status", "publish", "drain", "kick", "other_gateways"),
        *("task", "dead_letters", "replay", "send", "overheard", "planned", "plan"),
    }
)
"""What a supervisor may ask, as ``Operations`` calls it, besides metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What a worker is to be."""

    given: Mapping[str, tuple[Any, str]]
    """The configuration: what was not left at its default, with its place."""
    gateway: str
    """The gateway's name among others."""
    number: int
    public: str
    """The port that it shares."""
    internal: str
    """Where its supervisor listens for operators."""

    @classmethod
    def of(cls, loaded: Loaded, **more: Any) -> Self:
        """With this configuration."""
        return cls(given={key: (each.value, each.place) for key, each in loaded.given.items()}, **more)

    @classmethod
    def from_frame(cls, frame: bytes) -> Self:
        """As it arrived."""
        return cls(**orjson.loads(frame))

    def as_frame(self) -> bytes:
        """For the way there."""
        return orjson.dumps(asdict(self))

    def load(self) -> Loaded:
        """The configuration again."""
        return load_given({key: Given(value, place) for key, (value, place) in self.given.items()})


def main() -> ExitCode:
    """Be a worker until told to leave; the exit code."""
    end = socket.socket(fileno=os.dup(0))
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    assignment = Assignment.from_frame(read_first_frame(end))
    config = assignment.load().config
    configure(config.log, node=assignment.gateway, worker=str(assignment.number))
    try:
        gateway = Gateway(config, name=f"{assignment.gateway}/{assignment.number}", url=f"http://{assignment.internal}")
        try:
            public = shared(Address.parse(assignment.public), "listen.public")
            forget_garbage()
            return asyncio.run(_work(gateway, public, end, str(assignment.number)))
        finally:
            gateway.agents.close()
    except ConfigurationWrong as wrong:
        sys.stderr.write(f"{wrong}\n")
        return ExitCode.CONFIGURATION
    except Failure as failure:
        sys.stderr.write(f"{failure}\n")
        return failure.code


async def _work(gateway: Gateway, public: socket.socket, end: socket.socket, number: str) -> ExitCode:
    run = Run(gateway, public)
    operations = NodeOperations(run, number)

    async def answer(question: str, arguments: Mapping[str, Any]) -> Any:
        return await _answer(operations, question, arguments)

    control = Control(end, answer)
    await control.open()

    async def serve_supervisor() -> None:
        await control.run()
        log.error("the supervisor has gone: leaving")
        run.notice = 0.0  # whoever starts it again needs the port
        run.orders.put_nowait(signal.SIGTERM)

    serving = asyncio.create_task(serve_supervisor())
    try:
        return await run.until_told(lambda: control.tell(READY))
    finally:
        serving.cancel()
        await asyncio.wait((serving,))


async def _answer(operations: NodeOperations, question: str, arguments: Mapping[str, Any]) -> Any:
    try:
        if question == "metrics":
            return [family.as_json() for family in await operations.metrics()]
        if question in ORDERS:
            return await getattr(operations, question)(**arguments)
        raise Refused("unknown", f"{question} is not answered by a worker")
    except tuple(KINDS.values()) as refused:
        kind = next(kind for kind, error in KINDS.items() if isinstance(refused, error))
        raise Refused(kind, str(refused)) from None


if __name__ == "__main__":
    sys.exit(main())
