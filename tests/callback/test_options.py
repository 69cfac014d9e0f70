"""Whose value an option has, and which service handles a request."""

from __future__ import annotations

import pytest

from gateway.callback.options import OVERWRITABLE, Options, RedirectInvalid, ServiceUnknown, resolve


def options(configured: Options, **request: str) -> Options:
    return resolve("help", {"help": configured}, {f"_{name}": text for name, text in request.items()}).options


@pytest.mark.spec("G-11")
def test_what_the_service_says_wins() -> None:
    assert options({"_provide_code": "false"}, provide_code="true") == {"_provide_code": "false"}


@pytest.mark.spec("G-11", "CB-1")
def test_app_chooses_what_the_service_leaves_open() -> None:
    assert options({}, provide_code="true", media_type="chat") == {"_provide_code": "true", "_media_type": "chat"}


@pytest.mark.spec("G-11")
def test_app_lifts_no_limit_by_asking() -> None:
    assert options({}, throttle_request_parameters_limit="0", ttl="999999") == {}


@pytest.mark.spec("G-13")
def test_app_may_say_otherwise_where_the_service_lets_it() -> None:
    configured = {OVERWRITABLE: "_ttl, _urs_virtual_queue", "_ttl": "60", "_target": "Billing"}
    chosen = options(configured, ttl="90", urs_virtual_queue="VQ", target="Other")
    assert (chosen["_ttl"], chosen["_urs_virtual_queue"], chosen["_target"]) == ("90", "VQ", "Billing")


@pytest.mark.spec("G-13")
def test_app_does_not_widen_what_it_may() -> None:
    configured = {OVERWRITABLE: f"_ttl,{OVERWRITABLE}"}
    assert options(configured, overwritable_options="_target", target="Other") == configured


@pytest.mark.spec("G-12")
def test_tokens_are_filled_from_the_request() -> None:
    request = {"usr_name": "Ann", "_customer_number": "408"}
    configured = {"_text": "$usr_name$ ($_customer_number$) wants $usr_thing$ for 5$", "_other": "$usr_name$$usr_name$"}
    told = resolve("help", {"help": configured}, request).options
    assert told == {"_text": "Ann (408) wants $usr_thing$ for 5$", "_other": "AnnAnn"}


@pytest.mark.spec("G-12")
def test_what_fills_a_token_is_not_filled_again() -> None:
    told = resolve("help", {"help": {"_text": "$a$"}}, {"a": "$b$", "b": "no"}).options
    assert told["_text"] == "$b$"


@pytest.mark.spec("CB-15")
def test_older_name_of_an_option_is_heard() -> None:
    assert options({"max_queued_callbacks_per_service": "5"}) == {"_max_queued_callbacks_per_service": "5"}


# Redirects


def test_unknown_service() -> None:
    with pytest.raises(ServiceUnknown):
        resolve("other", {"help": {}}, {})


@pytest.mark.spec("G-13")
def test_redirected_request_keeps_the_name_it_asked_for() -> None:
    services = {"help": {"_redirect": "night", "_ttl": "1"}, "night": {"_ttl": "2"}}
    service = resolve("help", services, {})
    assert (service.asked, service.name, service.options) == ("help", "night", {"_ttl": "2"})


@pytest.mark.spec("G-13")
def test_app_redirects_only_where_it_is_let() -> None:
    services = {"help": {"_redirect": "night"}, "night": {}, "day": {}}
    assert resolve("help", services, {"_redirect": "day"}).name == "night"
    services["help"] = {"_redirect": "night", OVERWRITABLE: "_redirect"}
    assert resolve("help", services, {"_redirect": "day"}).name == "day"
    assert resolve("help", services, {"_redirect": ""}).name == "help"
    assert resolve("help", services, {}).name == "night"


@pytest.mark.spec("G-13")
def test_request_interaction_is_not_redirected() -> None:
    services = {"help": {"_redirect": "night", "_type": "builtin", "_name": "request-interaction"}, "night": {}}
    assert resolve("help", services, {}).name == "help"


@pytest.mark.spec("G-13")
def test_five_redirects_are_followed_and_six_are_not() -> None:
    chain: dict[str, Options] = {f"s{n}": {"_redirect": f"s{n + 1}"} for n in range(6)} | {"s6": {}}
    assert resolve("s1", chain, {}).name == "s6"
    with pytest.raises(RedirectInvalid):
        resolve("s0", chain, {})


@pytest.mark.spec("G-13")
@pytest.mark.parametrize(
    "services",
    [
        {"help": {"_redirect": "help"}},
        {"help": {"_redirect": "b"}, "b": {"_redirect": "c"}, "c": {"_redirect": "b"}},
        {"help": {"_redirect": "nowhere"}},
    ],
)
def test_redirect_that_leads_nowhere(services: dict[str, Options]) -> None:
    with pytest.raises(RedirectInvalid, match="help"):
        resolve("help", services, {})
