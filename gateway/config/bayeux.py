"""The ``[bayeux]`` section, made from the dataclass ``bayeux.protocol.options.Options``.

The options exist once, there; here they get units, and the defaults that a service needs
and a library does not.

Source: OPS-21, OPS-43, SEC-43, SEC-44.
"""

from __future__ import annotations

import dataclasses
import typing
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, create_model, model_validator

from bayeux.protocol.options import Options
from bayeux.transports.origin import Origins
from bayeux.transports.proxy import Proxies
from channels.private import PRIVATE_PREFIXES
from gateway.config.units import Duration, Size

GATEWAY_DEFAULTS: dict[str, Any] = {
    "ws_ping_interval": 25.0,  # OPS-43: a half-open socket is gone after 45 s, and proxies see traffic
    "ws_ping_timeout": 20.0,
    "forward_ext": ("binary",),  # SEC-43: applications put tokens into ext
    "private_prefixes": PRIVATE_PREFIXES,
}

# Counts and rates are plain numbers; what is a time or a size can only be told by its name.
_SIZES = frozenset(
    each.name
    for each in dataclasses.fields(Options)
    if each.name.endswith(("_bytes", "_size", "_buffer")) and each.name != "max_batch_messages"
)
_RATES = frozenset(each.name for each in dataclasses.fields(Options) if "rate" in each.name)
_PER_TRANSPORT = ("timeout", "interval", "max_interval", "meta_connect_delivery_only")
_PER_MOUNT = (
    "timeout",
    "max_interval",
    "advise_unknown_session",
    "browser_cookie_path",
    "trust_client_session",
    "allowed_origins",
)

strict = ConfigDict(strict=True, extra="forbid", frozen=True)
"""Types as written, no unknown key, no change afterwards: for every section."""


def _type_of(name: str, hint: Any) -> Any:
    """The type of an option in the configuration: with a unit if it has one; lists instead of tuples."""
    if hint is float and name not in _RATES:
        return Duration
    if hint is int and name in _SIZES:
        return Size
    if hint == tuple[str, ...]:
        return list[str]
    if hint == bool | tuple[str, ...]:
        return bool | list[str]
    if hint is float or hint is int:
        return typing.Annotated[hint, Field(ge=-1)]
    return hint


def _default_of(name: str, default: Any, kind: Any) -> Any:
    value = GATEWAY_DEFAULTS.get(name, default)
    if isinstance(value, tuple):
        return list(value)
    return kind(value) if kind in (Duration, Size) else value


def _plain(value: Any) -> Any:
    """A value of the configuration as Options wants it."""
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, Duration):
        return float(value)
    return int(value) if isinstance(value, Size) else value


_HINTS = typing.get_type_hints(Options)
_OPTIONS = {each.name: each for each in dataclasses.fields(Options) if "doc" in each.metadata}
_TYPES = {name: _type_of(name, _HINTS[name]) for name in _OPTIONS}


class Overrides(BaseModel):
    """Some options once more, for a mount or a transport; what is not set is as in ``[bayeux]``."""

    model_config = strict

    def as_overrides(self) -> dict[str, Any]:
        """Only what is set, as ``Options.replaced`` takes it."""
        given = {name: getattr(self, name) for name in type(self).model_fields if name in _OPTIONS}
        return {name: _plain(value) for name, value in given.items() if value is not None}


class OptionsSection(BaseModel):
    """Every option of the library, and those that differ by transport."""

    model_config = strict

    if TYPE_CHECKING:
        websocket: Overrides = Overrides()
        long_polling: Overrides = Overrides()

    @model_validator(mode="after")
    def _without_contradiction(self) -> typing.Self:
        options = self.options()  # SEC-4: raises ValueError
        for name, check in (("trusted_proxies", Proxies), ("allowed_origins", Origins)):
            try:
                check(getattr(options, name))
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return self

    def options(self) -> Options:
        """The same as the library knows them.

        Raises ValueError for values that contradict each other.
        """
        return Options(**{name: _plain(getattr(self, name)) for name in _OPTIONS})


def _overrides_model(name: str, options: tuple[str, ...]) -> type[Overrides]:
    fields: dict[str, Any] = {
        each: (_TYPES[each] | None, Field(default=None, description=_OPTIONS[each].metadata["doc"])) for each in options
    }
    return create_model(name, __base__=Overrides, **fields)


def _options_model() -> type[OptionsSection]:
    fields: dict[str, Any] = {
        name: (
            _TYPES[name],
            Field(default=_default_of(name, each.default, _TYPES[name]), description=each.metadata["doc"]),
        )
        for name, each in _OPTIONS.items()
    }
    for name in ("websocket", "long_polling"):
        model = _overrides_model(name, _PER_TRANSPORT)
        fields[name] = (model, Field(default=model(), description=f"What differs on {name.replace('_', '-')}."))
    return create_model("BayeuxSection", __base__=OptionsSection, **fields)


if TYPE_CHECKING:  # what create_model makes cannot be seen without running it
    MountOverrides = Overrides
    BayeuxSection = OptionsSection
else:
    MountOverrides = _overrides_model("MountOverrides", _PER_MOUNT)
    BayeuxSection = _options_model()
