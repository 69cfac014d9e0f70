"""The bus that the configuration chooses.

Source: MRE-2, MRE-130, MRE-137, MRE-140.
"""

from __future__ import annotations

from collections.abc import Callable

from bayeux.backplane.redis.topology import Topology
from gateway.config.model import Config
from gateway.failure import ExitCode, Failure
from gateway.routing.admin import BusWithDeadLetters
from gateway.routing.bus.broker import Broker
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.bus.redis_streams import RedisBus


def make_bus(config: Config, *, node: str, clock: Callable[[], float]) -> BusWithDeadLetters:
    """As ``mre.transport`` says. Raises Failure where what it needs is not installed."""
    if config.mre.transport == "stomp":
        return _stomp(config, node, clock)
    if config.redis is None:
        return MemoryBus(clock=clock)
    topology = Topology.parse(config.redis.get_secret_value())
    return RedisBus(topology, node=node, prefix=f"{config.backplane.prefix}:", clock=clock)


def _stomp(config: Config, node: str, clock: Callable[[], float]) -> BusWithDeadLetters:
    try:
        from gateway.routing.bus.stomp import StompBus  # noqa: PLC0415 - an extra
    except ModuleNotFoundError as error:
        if error.name != "stompman":
            raise
        raise Failure(
            "mre.transport is stomp, which needs stompman: pip install 'bayeux-gateway[stomp]'", ExitCode.UNAVAILABLE
        ) from None
    stomp = config.mre.stomp
    passcode = stomp.passcode.get_secret_value() if stomp.passcode is not None else ""
    brokers = [Broker.parse(text, stomp.login, passcode) for text in stomp.brokers]
    return StompBus(brokers, node=node, prefix=stomp.prefix, clock=clock)
