"""Error strings, byte for byte."""

from __future__ import annotations

import pytest

from bayeux.protocol import errors


@pytest.mark.spec("BER-1", "MSG-17")
@pytest.mark.parametrize(
    ("error", "wire"),
    [
        (errors.SessionUnknown(), "402::session_unknown"),
        (errors.HandshakeDenied(), "403::handshake_denied"),
        (errors.HandshakeFailed(), "403::handshake_failed"),
        (errors.ChannelMissing(), "400::channel_missing"),
        (errors.ChannelCreateDenied("not_a_member"), "403:not_a_member:channel_create_denied"),
        (errors.CreateDenied("denied_by_not_granting"), "403:denied_by_not_granting:create_denied"),
        (errors.PublishDenied("not_a_member"), "403:not_a_member:publish_denied"),
        (errors.SubscribeDenied("not_a_member"), "403:not_a_member:subscribe_denied"),
        (errors.SubscriptionMissing(), "403::subscription_missing"),
        (errors.SubscriptionInvalid(), "403::subscription_invalid"),
        (errors.SubscribeFailed(), "403::subscribe_failed"),
        (errors.UnsubscribeFailed(), "403::unsubscribe_failed"),
        (errors.MessageDeleted(), "404::message_deleted"),
        (errors.ChannelInvalid(), "405::channel_invalid"),
        (errors.MessageIdInvalid(), "405::message_id_invalid"),
        (errors.ConnectionTypesUnsupported("a", "b"), "301:a,b:connection_types_unsupported"),
        (errors.FieldInvalid("ext"), "400:ext:field_invalid"),
        (errors.InternalError(), "500::internal_error"),
        (errors.Unavailable(), "503::unavailable"),
    ],
)
def test_wire_form(error: errors.ProtocolError, wire: str) -> None:
    assert error.wire == wire


@pytest.mark.spec("SEC-22", "BER-3")
def test_arguments_are_cut_and_cleaned_to_the_alphabet_clients_parse() -> None:
    assert errors.SubscribeDenied('a:b,"<é>\n').wire == "403:a_b______:subscribe_denied"
    assert len(errors.VersionUnsupported("9" * 500).wire) < 100
