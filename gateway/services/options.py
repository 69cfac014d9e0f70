"""The options of services by name: what kind of text each takes, what it is by default, and where people look for it.

An option that is not here may be stored with any text, as a service's own parameter.

Source: OPT-1…4, OPT-8, OPT-9; G-12, G-13, SV-3, SV-4, RI-7, RA-5, RS-2, AUTH-3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from gateway.callback import settings
from gateway.callback.options import ALIASES as CALLBACK_ALIASES
from gateway.callback.options import TOKEN
from gateway.callback.settings import WHOLE, OptionInvalid

LONGEST_TEXT: Final = 8_192
"""Characters of one option."""
MOST_OPTIONS: Final = 300
"""Of one service."""

MASK: Final = "***"
"""Stands for a secret wherever one is shown."""

PROFILE: Final = "_profile"
"""Which profile a service was made from: its selectors are locked (SM-3)."""
TEMPLATE: Final = "_template"
"""Which template it was made from."""

_SECRET = re.compile(r"password|secret|passphrase|private_key|api_?key|(^|_)token$", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Kind(StrEnum):
    """What texts an option takes (OPT-1)."""

    INTEGER = "integer"
    BOOLEAN = "boolean"
    LIST = "list"
    NAME = "name"


class Category(StrEnum):
    """Under which heading people find an option (OPT-2)."""

    GENERAL = "General"
    QUEUE = "Queue Management"
    URS = "URS Queueing"
    SCHEDULED = "Scheduled Call"
    USERORIGINATED = "Voice - User Originated"
    USERTERMINATED = "Voice - User Terminated"
    TREATMENT = "Voice Treatment"
    NOTIFICATION = "Notification"
    CHAT = "Chat"
    ADVANCED = "Advanced"


@dataclass(frozen=True, slots=True)
class Option:
    """One that has a meaning here, or had one in the original."""

    name: str
    kind: Kind
    category: Category
    default: str | None
    """None: it has to be filled in, or stays without a value (OPT-3)."""


_INTEGERS = """
General          _ttl=86400 _access_code_length=6 _booking_expiration_timeout=30
Queue            _max_queued_callbacks_per_service=1000 _throttle_callbacks_per_service_1=500
                 _throttle_callbacks_per_service_2=1000 _throttle_ttl_1=300 _throttle_ttl_2=3600
                 _throttle_request_parameters_limit=6
URS              _max_time_to_reach_eta_pos_threshold=14160 _max_urs_ewt_pos_polling_interval=30
                 _min_urs_ewt_pos_polling_interval=2 _min_queue_wait=0 _max_queue_wait=0 _urs_queued_ttl=14400
                 _urs_request_timeout=100 _urs_vq_priority _urs_vq_priority_increment
                 _urs_vq_priority_increment_interval _on_route_done_delay
Scheduled        _desired_connect_time_threshold=180 _max_request_by_time_bucket=100 _request_execution_time_buffer=120
                 _request_time_bucket=5 _snooze_duration=300
Userorig         _userorig_connect_limit=3
Userterm         _agent_disposition_timeout=45 _agent_preview_allow_reject=0 _agent_preview_timeout=30
                 _call_timeguard_timeout=15000 _cannot_dial_buffer_time=0 _dial_retry_timeout=300
                 _ixn_createcall_timeout=32 _max_dial_attempts=3 _max_successful_customer_contacts
                 _plugin_on_dial_timeout
Notification     _agent_availability_notification_delay=30 _max_notify_delivery_attempts=3
                 _max_number_of_user_availability_confirmation_attempts=3 _user_confirm_timeout=30
Chat             _client_timeout=120
Advanced         _agent_reject_retry_timeout=0 _agent_reserve_timeout=30 _agent_transfer_confirm_timeout=0
                 _agent_reserve_delay_before_release _max_ors_submit_attempts=3 _max_transfer_to_agent_attempts=5
                 _max_time_to_wait_for_agent_on_the_call=3600 _max_time_to_wait_for_ixn_delete
                 _delay_connid_attempt_loop
"""
_BOOLEANS = """
General          _provide_code=false _wait_for_agent=false _wait_for_user_confirm=false _return_pool_health=false
Queue            _disallow_impossible_phone_numbers=true _disallow_premium_phone_numbers=true
                 _enable_throttle_header_parameters=true
Scheduled        _enable_reject_out_of_office_hours=false
Userterm         _agent_first_via_rp=false _agent_first_via_tg=false _agent_preview=false _agent_preview_via_rp=false
                 _cpd_enable=true _enable_disposition_dialog=false
Notification     _use_debug_push_certificate=false
Chat             _chat_400_response_on_disconnected=false
Advanced         _retain_session_until_ixn_deleted=false _offer_callback=false _plugin_on_dial_associate_ixn=false
                 _plugin_on_dial_invoke_on_call_failed=false _rep_userevent_enable=false
                 _use_reporting_aggregator=false
"""
_LISTS = """
General          _customer_lookup_keys=_customer_number _mandatory_customer_lookup_keys=_customer_number
                 _overwritable_options
Queue            _throttle_request_parameters=_customer_number
URS              _eta_pos_threshold=0:10,10:5,20:2,30:1,40:0 _queue_ping_ors_period=-120,-2
                 _queue_poll_period=-120,120 _queue_poll_period_recovery=-1440,-120 _urs_udata_xfer_keys
Notification     _callback_events_list _filtering_chat_events
"""
_NAMES = """
General          _type _service _name _service_type _redirect _target _call_direction=USERORIGINATED _media_type=voice
                 _resource_group=DNIS _default_country=US _exceptions _paused_services_list=GMS_Paused_Services
                 _paused_services_id username password _profile _template
Queue            _enable_in_queue_checking=true
URS              _urs_server_url _urs_virtual_queue _urs_prioritization_strategy=WaitForTarget
                 _urs_strategy_update_sub_routine=SetRouteDelay _urs_ewt_estimation_method=ursdial
                 _urs_ewt_virtual_queue _urs_extension_data _urs_call_interaction_age
                 _threshold_when_eta_unknown=pass _vq_for_outbound_calls
Scheduled        _business_hours_service _capacity_service _reject_future_desired_time=1M _reject_past_desired_time
                 _request_ewt_service _request_queue_time_stat
Userterm         _agent_preview_data _calling_party_display_name _calling_party_number
                 _disposition_userevent_mediatype _ixn_createcall_hints _ixn_redirect_confirm _ixn_redirect_hints
                 _on_user_confirm_timeout=CONNECT-ANYWAY _prefix_dial_out _preview_userevent_mediatype _route_point
                 _src_route_point _trunk_group _userterminated_first_connect_party=CUSTOMER
Treatment        _treatment_find_agent_fail _treatment_waiting_for_agent _treatment_call_failure_answering_machine
                 _treatment_customer_connect
Notification     _provider_name _notification_message_file _enable_status_notification=false _status_notification_type
                 _status_notification_target _status_notification_provider _status_notification_secret
                 _agent_timeout_notification_message _client_timeout_notification_message
Chat             _chat_endpoint=Environment:default
Advanced         _attach_udata=single_json _offer_callback_vxml_app_url _plugin_on_dial_url _rep_userevent_dn
                 _rep_userevent_mediatype _rep_userevent_switch _reporting_aggregator_url
"""
_TEXTS: Final[Mapping[str, tuple[Category, str]]] = {
    "_text_wait_for_agent": (Category.GENERAL, "We will notify you when agent is available"),
    "_text_call_soon": (Category.GENERAL, "You will receive the call shortly"),
}
"""Whose defaults have blanks."""

_HEADINGS: Final[Mapping[str, Category]] = {
    "General": Category.GENERAL,
    "Queue": Category.QUEUE,
    "URS": Category.URS,
    "Scheduled": Category.SCHEDULED,
    "Userorig": Category.USERORIGINATED,
    "Userterm": Category.USERTERMINATED,
    "Treatment": Category.TREATMENT,
    "Notification": Category.NOTIFICATION,
    "Chat": Category.CHAT,
    "Advanced": Category.ADVANCED,
}

ALIASES: Final[Mapping[str, str]] = {
    **CALLBACK_ALIASES,
    "_urs_strategy_update_subroutine": "_urs_strategy_update_sub_routine",  # OPT-4
}
"""Other spellings; what is stored has the right one."""

CHOICES: Final[Mapping[str, frozenset[str]]] = {
    "_type": frozenset({"builtin", "built-in", "ors"}),
    "_attach_udata": frozenset({"single_json", "separate_keys", "gms_storage_id"}),
    "_enable_status_notification": frozenset({"false", "notify", "subscribe_notify"}),
    "_userterminated_first_connect_party": frozenset({"CUSTOMER", "AGENT"}),
}
"""Names of which there are only these (SV-3, OPT-6)."""


def _table() -> dict[str, Option]:
    found = {name: Option(name, Kind.NAME, category, text) for name, (category, text) in _TEXTS.items()}
    texts = {Kind.INTEGER: _INTEGERS, Kind.BOOLEAN: _BOOLEANS, Kind.LIST: _LISTS, Kind.NAME: _NAMES}
    for kind, text in texts.items():
        category = Category.GENERAL
        for word in text.split():
            if word in _HEADINGS:
                category = _HEADINGS[word]
                continue
            name, is_given, default = word.partition("=")
            found[name] = Option(name, kind, category, default if is_given else None)
    return found


OPTIONS: Final[Mapping[str, Option]] = MappingProxyType(_table())
"""All that are known, by name."""


def check(name: str, text: str) -> None:
    """Whether an option may be saved with this text; what is left to the request (``$name$``) is told then.

    Raises:
        OptionInvalid: its text says what would be right.
    """
    if len(text) > LONGEST_TEXT:
        raise OptionInvalid(name, f"has more than {LONGEST_TEXT} characters")
    if _CONTROL.search(text) is not None:
        raise OptionInvalid(name, "has control characters")
    if TOKEN.search(text) is not None:
        return
    settings.check(name, text)
    option = OPTIONS.get(name)
    if option is None:
        return
    if option.kind is Kind.INTEGER and WHOLE.fullmatch(text.strip()) is None:
        raise OptionInvalid(name, f"not a whole number of at most nine digits: {shortened(text)}")
    if option.kind is Kind.BOOLEAN and text.strip().lower() not in {"true", "false"}:
        raise OptionInvalid(name, f"neither true nor false: {shortened(text)}")
    if name in CHOICES and text not in CHOICES[name]:
        raise OptionInvalid(name, f"is one of {', '.join(sorted(CHOICES[name]))}")


def is_secret(name: str) -> bool:
    """Nobody is shown its text."""
    return _SECRET.search(name) is not None


def masked(texts: Mapping[str, str | None]) -> dict[str, str | None]:
    """What may be shown and logged."""
    return {name: MASK if text and is_secret(name) else text for name, text in texts.items()}


def shortened(text: str) -> str:
    """For messages."""
    return text if len(text) <= 64 else f"{text[:64]}…"
