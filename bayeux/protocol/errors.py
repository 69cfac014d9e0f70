"""What can go wrong in a Bayeux conversation, and the one place where its words stand.

Three branches, because they are treated differently: ``ProtocolError`` is the client's fault
in one message and is answered in its reply; ``BodyRefused`` is the client's fault in a whole
request body or frame, of which nothing is processed; anything else is ours.

Source: section 10 of the Bayeux reference; BER-1 pins the texts of CometD byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

# Faye's client parses the error with this alphabet, aiocometd splits it at its colons.
_OUTSIDE_ERROR_ALPHABET = re.compile(r"[^A-Za-z0-9 \-_!~()$@/*.]")
_OUTSIDE_PRINTABLE_ASCII = re.compile(r"[^ -~]")
# SEC-22: an error never carries more of the input than this, all its arguments together.
MAX_ARGUMENT_LENGTH = 64


class BayeuxError(Exception):
    """Everything this library raises on purpose."""


class ProtocolError(BayeuxError):
    """A refused message: its reply is ``successful: false`` with ``wire`` as its ``error``.

    Args:
        arguments: what the error is about, in the wire order; cut and cleaned here.
        instead: fields that a policy wants in the reply in place of the standard ones (HS-7).
    """

    code: ClassVar[int]
    text: ClassVar[str]
    is_passing: ClassVar[bool] = False
    """The same request may succeed later (HS-17)."""
    is_final: ClassVar[bool] = False
    """A handshake refused like this must not be tried again."""

    def __init__(self, *arguments: str, instead: Mapping[str, Any] | None = None) -> None:
        super().__init__(*arguments)
        self.arguments = arguments
        self.instead: Mapping[str, Any] = instead or {}

    @property
    def wire(self) -> str:
        """``CODE:ARGS:TEXT``, in the alphabet every known client can parse."""
        cleaned = [_OUTSIDE_ERROR_ALPHABET.sub("_", a[:MAX_ARGUMENT_LENGTH]) for a in self.arguments[:8]]
        return f"{self.code}:{','.join(cleaned)[:MAX_ARGUMENT_LENGTH]}:{self.text}"


class VersionUnsupported(ProtocolError):
    """The client asks for more than Bayeux 1.0 (HS-6)."""

    code = 300
    text = "version_unsupported"
    is_final = True


class ConnectionTypesUnsupported(ProtocolError):
    """No connection type in common (HS-5)."""

    code = 301
    text = "connection_types_unsupported"
    is_final = True


class ChannelMissing(ProtocolError):
    """No ``channel`` (MSG-14)."""

    code = 400
    text = "channel_missing"


class FieldInvalid(ProtocolError):
    """A field of the wrong type, named by the argument (MSG-20)."""

    code = 400
    text = "field_invalid"


class MalformedMessage(ProtocolError):
    """Not a Bayeux envelope; on WebSocket only, HTTP answers 400 (MSG-4)."""

    code = 400
    text = "malformed_message"


class BinaryInvalid(ProtocolError):
    """A binary message whose data does not decode (BIN-5)."""

    code = 400
    text = "binary_invalid"

    def __init__(self) -> None:
        super().__init__("data")


class SessionUnknown(ProtocolError):
    """Unknown, expired or foreign ``clientId`` (CN-21, SES-4)."""

    code = 402
    text = "session_unknown"


class ParameterMissing(ProtocolError):
    """A field that ``strict_handshake`` demands is absent (HS-4)."""

    code = 402
    text = "Missing required parameter"


class HandshakeDenied(ProtocolError):
    """The security policy refused a handshake (HS-7)."""

    code = 403
    text = "handshake_denied"
    is_final = True


class HandshakeFailed(ProtocolError):
    """The session had been used already."""

    code = 403
    text = "handshake_failed"
    is_final = True


class ChannelCreateDenied(ProtocolError):
    """A publish would create a channel that may not be created (PUB-6, CH-11)."""

    code = 403
    text = "channel_create_denied"


class CreateDenied(ProtocolError):
    """A subscribe would create a channel that may not be created (SUB-4)."""

    code = 403
    text = "create_denied"


class SpeakerDenied(ProtocolError):
    """The policy says why a request of one user may not speak for the session of another (AG-103)."""

    code = 403
    text = "speaker_denied"


class PublishDenied(ProtocolError):
    """The policy or an authorizer refused a publish (PUB-6)."""

    code = 403
    text = "publish_denied"


class SubscribeDenied(ProtocolError):
    """The policy or an authorizer refused a subscription (SUB-4)."""

    code = 403
    text = "subscribe_denied"


class SubscriptionMissing(ProtocolError):
    """No ``subscription``, or an empty array of them (SUB-2)."""

    code = 403
    text = "subscription_missing"


class SubscriptionInvalid(ProtocolError):
    """A ``subscription`` that names no channel or pattern (SUB-2, CH-6)."""

    code = 403
    text = "subscription_invalid"


class SubscribeFailed(ProtocolError):
    """The session ended while its subscribe was on its way."""

    code = 403
    text = "subscribe_failed"


class UnsubscribeFailed(ProtocolError):
    """Unsubscribing from a meta channel, or the session ended meanwhile (UNS-5)."""

    code = 403
    text = "unsubscribe_failed"


class MessageDeleted(ProtocolError):
    """An extension or a listener vetoed the message (PUB-7, HS-8, CN-24)."""

    code = 404
    text = "message_deleted"
    is_final = True


class UnknownTarget(ProtocolError):
    """Nobody answers calls of that target, where ``rpc_strict`` says so (RPC-6)."""

    code = 404
    text = "unknown_target"


class ChannelInvalid(ProtocolError):
    """A channel name outside the grammar (CH-1…CH-5, PUB-5), or not fit for what is to be done with it.

    Args:
        why: what is wrong, in words for programmers; it does not go to clients.
    """

    code = 405
    text = "channel_invalid"

    def __init__(self, why: str = "that name is no channel, or none for this") -> None:
        super().__init__()
        self.why = why

    def __str__(self) -> str:
        return self.why


class TemplateInvalid(ChannelInvalid):
    """What an application registered is no channel template (CHN-8); the argument says why, for its programmer."""


class MessageIdInvalid(ProtocolError):
    """An ``id`` outside the grammar (MSG-12)."""

    code = 405
    text = "message_id_invalid"


class ReplayInvalid(ProtocolError):
    """A subscribe asks for a replay from what is no position on that channel (RPL-11, RPL-17)."""

    code = 400
    text = "replay_invalid"


class ReplayGap(ProtocolError):
    """The events after the position named are not all there any more, and the channel refuses gaps (RPL-15)."""

    code = 412
    text = "replay_gap"


class SalesforceError(ProtocolError):
    """An error in the words of Salesforce, which its clients look for (RPL-20).

    They contain characters outside the alphabet of all other errors; what they repeat of the input is bounded alike.
    """

    code = 400

    @property
    def wire(self) -> str:
        """``400::`` and the sentence, with the arguments in its braces."""
        shown = [_OUTSIDE_PRINTABLE_ASCII.sub("_", a[:MAX_ARGUMENT_LENGTH]) for a in self.arguments]
        return f"{self.code}::{self.text.format(*shown)}"


class ReplayIdInvalid(SalesforceError):
    """The id, given as argument, is none, or is not retained any more."""

    text = (
        "The replayId {{{}}} you provided was invalid.  Please provide a valid ID, -2 to replay all events, "
        "or -1 to replay only new events."
    )


class ReplayIdMissing(SalesforceError):
    """The map, second argument without its braces, has no position for the channel, first argument."""

    text = (
        "The replayId for channel {{{}}} wasn't found using the provided replay ID map {{{{{}}}}}. Ensure that the "
        "channel name provided in the replay map matches the channel name used for subscribing."
    )


class MessageTooLarge(ProtocolError):
    """One Bayeux message above ``max_bayeux_message_size`` bytes (SEC-L8)."""

    code = 413
    text = "message_too_large"


class RateLimited(ProtocolError):
    """Too many messages or handshakes (SEC-L19, SEC-L20)."""

    code = 429
    text = "rate_limited"
    is_passing = True


class InternalError(ProtocolError):
    """A handler of ours raised (BER-2); the trace is in the log, never in the reply."""

    code = 500
    text = "internal_error"


class Unavailable(ProtocolError):
    """A needed back end is away, the server is full or is shutting down (HS-17)."""

    code = 503
    text = "unavailable"
    is_passing = True


class BodyRefused(BayeuxError):
    """A request body or frame of which nothing is processed.

    ``status`` answers it over HTTP, ``close_code`` closes a WebSocket. The text is ours and
    never repeats the body (SEC-10).
    """

    status: ClassVar[int] = 400
    close_code: ClassVar[int] = 1002


class MalformedBody(BodyRefused):
    """Not JSON, or not an object or an array of objects (MSG-4)."""

    close_code = 1008


class HandshakeNotAlone(BodyRefused):
    """A handshake shares its body or frame with other messages (HS-9)."""


class BatchTooLarge(BodyRefused):
    """More messages than ``max_batch_messages`` (BAT-8)."""

    status = 413
    close_code = 1009
