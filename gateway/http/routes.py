"""Which path is served by what, on the public and on the internal listener.

Source: OPS-40, SEC-97.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tornado.web import Application

from bayeux.transports.mount import Mount
from bayeux.transports.routes import make_handlers
from gateway.api.resource import Surroundings
from gateway.api.routes import api_routes
from gateway.customers.http.routes import Route
from gateway.http.admin import BusHandler, DeadLettersHandler, PlanEntryHandler, PlanHandler, TaskHandler
from gateway.http.handler import NotFound, StaticFiles, log_access
from gateway.http.health import DetailedHealthHandler, HealthHandler
from gateway.http.internal import DrainHandler, KickHandler, MetricsHandler, PublishHandler, StatusHandler
from gateway.observe.health import Health
from gateway.operations import Operations

STATIC = Path(__file__).parent.parent / "static"
_PLANNED = "mrds|queues|agents|attributes"
_HEALTH = r"/health/(live|ready|startup)"


def public_application(
    mounts: Iterable[Mount], api: Surroundings, health: Health, customers: Iterable[Route] = ()
) -> Application:
    """What clients may reach.

    The listener keeps connections that begin at a mount; the routes of the mounts are for a browser that
    goes on there with the connection over which it got the page.

    Args:
        customers: routes of their side, where it is served.
    """
    return Application(
        [
            *make_handlers(*mounts),
            (_HEALTH, HealthHandler, {"health": health}),
            *api_routes(api),
            *customers,
            (r"/()", StaticFiles, {"path": STATIC, "default_filename": "index.html"}),
            (r"/desktop/?()", StaticFiles, {"path": STATIC / "desktop", "default_filename": "index.html"}),
            (r"/chat-demo/?()", StaticFiles, {"path": STATIC / "chat-demo", "default_filename": "index.html"}),
            (r"/static/([A-Za-z0-9_./-]+)", StaticFiles, {"path": STATIC}),
        ],
        default_handler_class=NotFound,
        log_function=log_access("public"),
    )


def internal_application(operations: Operations, token: str, max_json_depth: int) -> Application:
    """What only operators and commands on this machine may reach."""
    asked = {"operations": operations}
    ordered = {**asked, "token": token, "max_json_depth": max_json_depth}
    return Application(
        [
            (_HEALTH, DetailedHealthHandler, asked),
            (r"/metrics", MetricsHandler, asked),
            (r"/internal/publish", PublishHandler, ordered),
            (r"/internal/status", StatusHandler, ordered),
            (r"/internal/drain", DrainHandler, ordered),
            (r"/internal/kick", KickHandler, ordered),
            (r"/admin/tasks/([^/]{1,256})", TaskHandler, ordered),
            (r"/admin/dlq", DeadLettersHandler, ordered),
            (r"/admin/bus", BusHandler, ordered),
            (rf"/admin/({_PLANNED})", PlanHandler, ordered),
            (rf"/admin/({_PLANNED})/([^/]{{1,512}})", PlanEntryHandler, ordered),
        ],
        default_handler_class=NotFound,
        log_function=log_access("internal"),
    )
