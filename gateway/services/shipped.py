"""The templates that come with the gateway: callbacks with their four profiles, and the built-in services.

Source: MG-6, SM-1, SM-3, SM-4, OPT-2, OPT-3, OPT-5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.callback.profiles import PRESETS, SELECTORS
from gateway.callback.profiles import Profile as Scenario
from gateway.services.options import OPTIONS, Kind
from gateway.services.template import Manifest, Parameter, Profile, Template

CALLBACK_MANDATORY: Final = ("_target", "_urs_server_url", "_urs_virtual_queue")
"""What a callback service is not without (SM-4); the second one is of no use to the orchestrator that is built in."""

_TYPES: Final[Mapping[Kind, str]] = {Kind.INTEGER: "integer", Kind.BOOLEAN: "boolean"}
_SPECIAL: Final[Mapping[str, str]] = {
    "_eta_pos_threshold": "threshold",
    "_resource_group": "resource-group",
    "_exceptions": "pattern-group",
    "_business_hours_service": "service-selection",
    "_capacity_service": "service-selection",
    "_request_ewt_service": "service-selection",
    "_request_queue_time_stat": "statistic-selection",
    "_urs_server_url": "url",
}
_OF_SERVICES: Final = ("_type", "_service", "_name", "_service_type", "_profile", "_template")
"""What says which service it is; a template does, itself."""

_PRESET_OF_CALLBACKS: Final[Mapping[str, str]] = {
    "_service_type": "callback",
    "_urs_prioritization_strategy": "WaitForTarget",
    "_urs_strategy_update_sub_routine": "SetRouteDelay",
}
_PRESET_OF_CALLERS: Final[Mapping[str, str]] = {
    "_resource_group": "DNIS",
    "_booking_expiration_timeout": "30",
    "_provide_code": "false",
    "_userorig_connect_limit": "3",
}


def _parameter(name: str, *, kind: str = "optional", default: str | None = None, description: str = "") -> Parameter:
    option = OPTIONS[name]
    return Parameter.model_validate(
        {
            "name": name,
            "category": option.category.value,
            "kind": kind,
            "advanced": option.category.value == "Advanced",
            "type": _SPECIAL.get(name) or _TYPES.get(option.kind, "string"),
            "default": default,
            "description": description or (f"By default {option.default}." if option.default else ""),
        }
    )


def _callback() -> Template:
    optional = (name for name in OPTIONS if name not in CALLBACK_MANDATORY and name not in _OF_SERVICES)
    parameters = [
        *(_parameter(name, kind="mandatory", default="") for name in CALLBACK_MANDATORY),
        *(_parameter(name) for name in optional),
    ]
    return Template(
        manifest=Manifest(
            format=1,
            name="callback",
            type="ors",
            service="callback",
            title="Callback",
            description="A customer waits for an agent without holding the line, or is led to one at once.",
            parameters=parameters,
        ),
        profiles=tuple(_profile(scenario, preset) for scenario, preset in PRESETS.items()),
    )


def _profile(scenario: Scenario, preset: Mapping[str, str]) -> Profile:
    more = _PRESET_OF_CALLERS if preset["_media_type"] == "voice" else {}
    return Profile(
        name=scenario.value,
        values={**_PRESET_OF_CALLBACKS, **more, **preset},
        fixed=sorted(SELECTORS & preset.keys()),
    )


def _built_in(name: str, title: str, parameters: Iterable[Parameter]) -> Template:
    return Template(
        manifest=Manifest(format=1, name=name, type="builtin", service=name, title=title, parameters=list(parameters))
    )


SHIPPED: Final[Mapping[str, Template]] = {
    template.name: template
    for template in (
        _callback(),
        _built_in("match-interaction", "Match Interaction", [_parameter("_ttl", default="30")]),
        _built_in(
            "request-access",
            "Request Access",
            [
                _parameter("_ttl", default="30"),
                _parameter("_provide_code", default="false"),
                _parameter("_resource_group", default="DNIS"),
                _parameter("_booking_expiration_timeout", default="30"),
                _parameter("_access_code_length"),
            ],
        ),
        _built_in(
            "request-chat",
            "Request Chat",
            [
                _parameter("_ttl", default="36000"),
                _parameter("_chat_endpoint", default="Environment:default"),
                _parameter("_client_timeout"),
            ],
        ),
        _built_in(
            "request-interaction",
            "Request Interaction",
            [
                _parameter("_ttl", default="30"),
                _parameter("_provide_code", default="false"),
                _parameter("_resource_group", default="DNIS"),
                _parameter("_booking_expiration_timeout"),
                _parameter("_access_code_length"),
                _parameter("_return_pool_health"),
            ],
        ),
    )
}
"""By name."""
