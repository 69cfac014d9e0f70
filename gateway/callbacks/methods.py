"""What an instance of a callback is asked under its id.

Source: SV-20…23, SV-30…32, SV-40…42, TH-10.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.callback import dialogs
from gateway.callback.events import Cancel
from gateway.callbacks.callbacks import KIND, Callbacks
from gateway.callbacks.refusal import CallbackUnknown, NotNow
from gateway.callbacks.registry import cancelled
from gateway.customers.refusal import PathUnknown
from gateway.instances.instance import Instance
from gateway.instances.request import Request
from gateway.instances.services import Kind, Method, Services

_ACTION: Final = "get-dialog-user-confirmation-provide_code-"

_Ask = Callable[[Instance, Request], Awaitable[Any]]


class PositionGone(CallbackUnknown):
    """As the original answers who asks for the place of what has none any more (SV-32)."""

    status = 500


class CallbackMethods:
    """See ``gateway.instances.services.Method``.

    Args:
        queue_position_500: answer 500 where the place is asked for of what has none (``compat.queue_position_500``).
    """

    def __init__(self, callbacks: Callbacks, *, queue_position_500: bool = False) -> None:
        self._callbacks = callbacks
        self._queue_position_500 = queue_position_500

    def register(self, services: Services) -> None:
        """Have instances be asked them, and services be of this kind."""
        services.kinds[KIND] = Kind(start=self._callbacks.start)
        services.methods["connect"] = Method(answer=_of_callbacks(self.connect))
        services.methods["disconnect"] = Method(answer=_of_callbacks(self.disconnect))
        services.methods["check-queue-position"] = Method(answer=_of_callbacks(self.position), by_get=True)
        for flag in ("true", "false"):
            services.methods[f"{_ACTION}{flag}"] = Method(answer=_of_callbacks(self.menu), by_get=True)

    async def connect(self, instance: Instance, request: Request) -> Mapping[str, Any]:
        """The customer is ready (SV-20)."""
        return await self._callbacks.connect(instance.id, request.base)

    async def disconnect(self, instance: Instance, request: Request) -> Mapping[str, Any]:
        """The customer withdraws (SV-42)."""
        await self._callbacks.request(instance.id, Cancel())
        return cancelled(instance.id)

    async def position(self, instance: Instance, request: Request) -> Mapping[str, Any]:
        """How it stands in its queue (SV-30)."""
        try:
            return await self._callbacks.position(instance.id)
        except CallbackUnknown as unknown:
            if self._queue_position_500:
                raise PositionGone(unknown.text) from None
            raise

    async def menu(self, instance: Instance, request: Request) -> Mapping[str, Any]:
        """What a notice tells the app to ask for: whether the customer is still interested (SV-40)."""
        callback = await self._callbacks.look(instance.id)
        if callback is None:
            raise CallbackUnknown("there is no such callback, or it is over")
        if not callback.instance.near_because and not callback.instance.connects:
            raise NotNow("no agent is near yet", retry_after=1)
        return dialogs.menu(callback.instance, request.base)


def _of_callbacks(ask: _Ask) -> _Ask:
    """Other kinds of instances have no such method."""

    async def asked(instance: Instance, request: Request) -> Any:
        if instance.kind != KIND:
            raise PathUnknown("there is no such method")
        return await ask(instance, request)

    return asked
