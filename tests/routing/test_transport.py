"""The configuration chooses how the roles' messages travel."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.agents.transport import make_bus
from gateway.config.model import Config
from gateway.failure import Failure
from gateway.routing.bus.memory import MemoryBus
from gateway.routing.bus.redis_streams import RedisBus
from gateway.routing.bus.stomp import StompBus

BROKER = {"brokers": ["localhost:61613"], "login": "gateway", "passcode": "secret"}


def bus_of(**options: Any) -> object:
    return make_bus(Config.model_validate(options), node="one", clock=time.time)


@pytest.mark.spec("MRE-2")
async def test_a_transport_has_its_bus() -> None:
    assert isinstance(bus_of(), MemoryBus)
    assert isinstance(bus_of(redis="redis://localhost"), RedisBus)
    assert isinstance(bus_of(mre={"transport": "stomp", "stomp": BROKER}), StompBus)
    assert isinstance(bus_of(redis="redis://localhost", mre={"transport": "stomp", "stomp": BROKER}), StompBus)


@pytest.mark.spec("MRE-2")
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"mre": {"roles": ["chat", "communication"]}}, "by redis or stomp only"),
        ({"mre": {"transport": "stomp"}}, "needs a broker"),
        ({"mre": {"transport": "redis"}}, "needs the option redis"),
        ({"mre": {"stomp": {"brokers": ["tcp://localhost"]}}}, "written as host:61613"),
    ],
)
def test_what_does_not_fit_together_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Config.model_validate(options)


def test_stomp_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("stompman", "gateway.routing.bus.stomp"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "stompman", None)
    with pytest.raises(Failure, match=r"pip install 'bayeux-gateway\[stomp\]'"):
        bus_of(mre={"transport": "stomp", "stomp": BROKER})
