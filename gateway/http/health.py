"""``/health/live``, ``/health/ready`` and ``/health/startup``, for who runs the gateway.

Source: OPS-51, SEC-97.
"""

from __future__ import annotations

from gateway.http.handler import JsonHandler
from gateway.observe.health import Health


class HealthHandler(JsonHandler):
    """200 or 503; what was checked is told on the internal listener only."""

    def initialize(self, health: Health, with_details: bool) -> None:
        """Whose."""
        self._questions = {"live": health.live, "ready": health.ready, "startup": health.startup}
        self._with_details = with_details

    def get(self, question: str) -> None:
        """No authentication: a load balancer asks."""
        ok, report = self._questions[question]()
        self.answer(report if self._with_details else {"status": report["status"]}, 200 if ok else 503)
