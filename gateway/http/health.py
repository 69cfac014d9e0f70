"""``/health/live``, ``/health/ready`` and ``/health/startup``, for who runs the gateway.

Source: OPS-51, SEC-97.
"""

from __future__ import annotations

from gateway.http.handler import JsonHandler
from gateway.observe.health import Health
from gateway.operations import Operations


class HealthHandler(JsonHandler):
    """200 or 503, on the public listener without what was checked."""

    def initialize(self, health: Health) -> None:
        """Whose."""
        self._health = health

    def get(self, question: str) -> None:
        """No authentication: a load balancer asks."""
        ok, report = self._health.ask(question)
        self.answer({"status": report["status"]}, 200 if ok else 503)


class DetailedHealthHandler(JsonHandler):
    """The same on the internal listener, with everything that was checked."""

    def initialize(self, operations: Operations) -> None:
        """Whose."""
        self._operations = operations

    async def get(self, question: str) -> None:
        """No authentication here either."""
        ok, report = await self._operations.health(question)
        self.answer(report, 200 if ok else 503)
