"""The providers of a node."""

from __future__ import annotations

import importlib.util
from importlib.machinery import ModuleSpec

import pytest

from gateway.failure import ExitCode, Failure
from gateway.push.providers import providers as module
from gateway.push.providers.options import PushOptions
from gateway.push.providers.providers import TYPES, Providers


@pytest.mark.spec("NT-15")
async def test_without_credentials_all_are_there() -> None:
    providers = Providers(PushOptions(), TYPES)
    assert {type_ for type_ in TYPES if providers.get(type_)} == TYPES
    assert providers.get("iOS") is providers.get("ios")
    assert providers.get("comet") is None
    await providers.close()


@pytest.mark.spec("NT-3")
async def test_types_that_are_switched_off_have_none() -> None:
    providers = Providers(PushOptions(), ["comet", "httpcb"])
    assert {type_ for type_ in TYPES if providers.get(type_)} == {"httpcb"}
    await providers.close()


@pytest.mark.spec("NT-15")
@pytest.mark.parametrize(("type_", "missing", "extra"), [("ios", "h2", "apns"), ("android", "jwt", "fcm")])
async def test_what_has_to_be_installed_is_named_at_the_start(
    monkeypatch: pytest.MonkeyPatch, type_: str, missing: str, extra: str
) -> None:
    def found(name: str) -> ModuleSpec | None:
        return None if name == missing else importlib.util.find_spec(name)

    monkeypatch.setattr(module, "find_spec", found)
    await Providers(PushOptions(), ["comet", "httpcb"]).close()
    with pytest.raises(Failure, match=rf"{type_} needs {missing}: install bayeux-gateway\[{extra}\]") as failed:
        Providers(PushOptions(), ["comet", type_])
    assert failed.value.code is ExitCode.CONFIGURATION
