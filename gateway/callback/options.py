"""Which value an option has for one request: the service's, or what the customer's app asks for.

A service's own value wins. The app is heard where the service says nothing and the option is one that a scenario is
selected by, and for whatever the service lists in ``_overwritable_options``. All else that it sends under the name of
an option has no effect: nobody lifts a limit by asking for it.

Source: G-11…13; CB-1, CB-15.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.callback.profiles import SELECTORS

REQUESTABLE = SELECTORS | {"_provide_code", "_resource_group"}
"""What an app may choose where the service does not."""

OVERWRITABLE = "_overwritable_options"
REDIRECT = "_redirect"
MAX_REDIRECTS = 5

ALIASES: Mapping[str, str] = {
    "max_queued_callbacks_per_service": "_max_queued_callbacks_per_service",
}
"""Older names (CB-15)."""

TOKEN = re.compile(r"\$([^$\s]+)\$")

Options = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Service:
    """The service that handles a request, and its options for it."""

    asked: str
    """The name in the URL; instances are found under it."""
    name: str
    """``_service_name``: that of ``asked``, or where it redirects to."""
    options: Options


class ServiceUnknown(Exception):
    """There is no service of that name."""


class RedirectInvalid(Exception):
    """A chain of redirects is too long, a circle, or ends nowhere: the configuration's fault."""


def resolve(asked: str, services: Mapping[str, Options], request: Options) -> Service:
    """Who handles a request for that service, and with which options.

    Args:
        services: what is configured, by name.
        request: the parameters that are texts.

    Raises:
        ServiceUnknown, RedirectInvalid: nothing is to be created.
    """
    if asked not in services:
        raise ServiceUnknown(asked)
    # The app redirects only what it named itself: further on, the services speak.
    name, following = asked, _merged(services[asked], request).get(REDIRECT, "")
    passed = [asked]
    while following and not _is_request_interaction(services[name]):
        if following in passed or len(passed) > MAX_REDIRECTS or following not in services:
            raise RedirectInvalid(f"{' → '.join([*passed, following])}")
        name = following
        passed.append(name)
        following = _merged(services[name], {}).get(REDIRECT, "")
    return Service(asked, name, _merged(services[name], request))


def _merged(configured: Options, request: Options) -> Options:
    """The options of one service for one request."""
    named = {ALIASES.get(name, name): text for name, text in configured.items()}
    overwritable = {name.strip() for name in named.get(OVERWRITABLE, "").split(",")} - {OVERWRITABLE, ""}
    chosen = {name: request[name] for name in REQUESTABLE if name in request}
    own = {name: _filled(text, request) for name, text in named.items()}
    overwritten = {name: request[name] for name in overwritable if name in request}
    return chosen | own | overwritten


def _filled(text: str, request: Options) -> str:
    """``$name$`` as the request gives it; a token that it does not give stays (G-12)."""
    return TOKEN.sub(lambda token: request.get(token[1], token[0]), text)


def _is_request_interaction(configured: Options) -> bool:
    return configured.get("_service", configured.get("_name", "")) == "request-interaction"
