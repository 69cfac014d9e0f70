"""What hooks are on both sides of a conversation: how they are registered, and how one stops its message.

Knows neither messages nor who calls the hooks.

Source: EXN-1, EXN-4, GEN-4, GEN-9.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, TypeVar

Hook = TypeVar("Hook")


class _Stop(Enum):
    """The type of ``STOP``."""

    STOP = "stop"


STOP: Final = _Stop.STOP
"""Returned by a hook of an extension: this message goes no further."""


class Registry(list[Hook]):
    """Hooks of one kind, in order of registration; one that is added twice is called twice (GEN-4).

    As a decorator it registers a function and gives it back (GEN-9). Hooks may come and go while they are called:
    whoever calls them walks a copy.
    """

    __slots__ = ()

    def add(self, hook: Hook) -> Callable[[], None]:
        """Register a hook; returns how to remove it, which may be called more than once."""
        self.append(hook)
        return Removal(self, hook)

    def __call__(self, hook: Hook) -> Hook:
        """Register a function, as its decorator."""
        self.append(hook)
        return hook


class Removal:
    """Takes one registration back, once."""

    __slots__ = ("_hook", "_registry")

    def __init__(self, registry: list[Any], hook: Any) -> None:
        self._registry: list[Any] | None = registry
        self._hook = hook

    def __call__(self) -> None:
        """Remove it, if that has not been done."""
        registry, self._registry = self._registry, None
        if registry is not None and self._hook in registry:
            registry.remove(self._hook)
