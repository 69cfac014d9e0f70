"""A Bayeux message as a client sent it: validated, and what of it may be passed on.

Owns the envelope (MSG-1…5), the field checks in their order (MSG-14, MSG-20), the shape of a
reply (MSG-10…17) and of a forwarded event (MSG-18, PUB-8, PUB-9).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping, Sequence
from enum import StrEnum
from types import MappingProxyType, NoneType
from typing import Any, TypeAlias

from bayeux.protocol import channel as names
from bayeux.protocol import json
from bayeux.protocol.channel import ChannelName, Kind, parse_channel
from bayeux.protocol.envelope import Envelope
from bayeux.protocol.errors import (
    ChannelCreateDenied,
    ChannelMissing,
    FieldInvalid,
    MessageIdInvalid,
    MessageTooLarge,
    ProtocolError,
    SubscribeDenied,
    SubscriptionInvalid,
    SubscriptionMissing,
    UnsubscribeFailed,
)
from bayeux.protocol.options import Options
from bayeux.protocol.reply import Reply

Fields: TypeAlias = dict[str, Any]
"""A Bayeux message as a JSON object."""

MessageId: TypeAlias = "str | int"

_ID = re.compile(r"[A-Za-z0-9\-_.:]{1,128}\Z")  # MSG-12, SEC-L13

PROTOCOL_FIELDS = frozenset(
    (
        "channel id clientId version minimumVersion supportedConnectionTypes connectionType subscription data "
        "successful error advice ext timestamp reestablish failure x-messages "
        "authSuccessful connectionId json-comment-filtered"
    ).split()
)
"""Fields with a meaning of their own: what of them reaches a subscriber is decided one by one (PUB-9)."""


_EXTENSION_KEYS = frozenset(("ack", "replay", "timesync"))
"""Keys of ``ext`` between a client and the server: from a publisher they would be lies (XT-2)."""

_OF_PLAIN_PUBLISHES = frozenset(("channel", "id", "clientId", "data"))
"""The fields that most publishes have; none of them but ``data`` and the channel goes on to subscribers."""

_WITH_SUBSCRIPTION = (names.META_SUBSCRIBE, names.META_UNSUBSCRIBE)


class Request(StrEnum):
    """What a client can ask for."""

    HANDSHAKE = names.META_HANDSHAKE
    CONNECT = names.META_CONNECT
    SUBSCRIBE = names.META_SUBSCRIBE
    UNSUBSCRIBE = names.META_UNSUBSCRIBE
    DISCONNECT = names.META_DISCONNECT
    PUBLISH = "publish"


_META, _PUBLISH = Kind.META, Request.PUBLISH  # a member of an enumeration costs two look-ups

_META_REQUESTS: Mapping[str, Request] = {name: Request(name) for name in names.META_CHANNELS}


class Message:
    """One message of a client, checked; extensions and listeners may change it until it is encoded.

    ``message["field"]`` reads any field of it, those of the application included (MSGX-1).

    Args:
        channel, fields, request: in order; what a client sent becomes a message by ``received``.
    """

    __slots__ = ("_reply", "channel", "context", "fields", "id", "is_handled", "is_lazy", "request", "session")

    def __init__(self, channel: ChannelName, fields: Fields, request: Request) -> None:
        self.fields: MutableMapping[str, Any] = fields
        self.channel: ChannelName = channel
        self.id: MessageId | None = fields.get("id")
        self.request: Request = request
        self.context: Any = None
        """The ``Context`` of the request that brought it; None for calls of the application (MSGX-3)."""
        self.session: Any = None
        """The ``ServerSession`` that sent it; None for an unknown client and for the application."""
        self.is_handled: bool = False
        """A hook that refuses this message wrote its whole ``reply`` itself (MSGX-2)."""
        self.is_lazy: bool = False
        """It may wait for company on its way to each subscriber (MSGX-5, Q-10)."""
        self._reply: Reply | None = None

    @staticmethod
    def received(fields: Fields, options: Options) -> Message:
        """One as a client sent it. Raises ProtocolError in the order of MSG-14."""
        name = fields.get("channel")
        if not isinstance(name, str):
            raise ChannelMissing if name is None else FieldInvalid("channel")
        channel = parse_channel(name, options.max_channel_length, options.max_channel_segments)
        given = fields.get("id")
        if given is not None and not is_valid_id(given):
            raise MessageIdInvalid
        request = _meta_request(channel) if channel.kind is _META else _PUBLISH
        if request is _PUBLISH and _OF_PLAIN_PUBLISHES.issuperset(fields):
            if not isinstance(fields.get("clientId"), _STRING):
                raise FieldInvalid("clientId")
            return Message(channel, fields, request)
        _check_types(fields, request)
        if "ext" in fields and options.max_ext_size and len(json.encode(fields["ext"])) > options.max_ext_size:
            raise FieldInvalid("ext")
        return Message(channel, fields, request)

    @staticmethod
    def of_application(channel: ChannelName, data: json.Json, ext: Fields | None = None) -> Message:
        """A publish by the application itself: no client, no checks."""
        fields: Fields = {"channel": channel.text, "data": data}
        if ext:
            fields["ext"] = ext
        return Message(channel, fields, Request.PUBLISH)

    @staticmethod
    def as_heard(channel: ChannelName, fields: Fields) -> Message:
        """An event or a reply, as a client inside the server hears it: what we made ourselves, no checks."""
        return Message(channel, fields, _META_REQUESTS.get(channel.text, Request.PUBLISH))

    def __getitem__(self, field: str) -> Any:
        return self.fields[field]

    def __contains__(self, field: object) -> bool:
        return field in self.fields

    def get(self, field: str, default: Any = None) -> Any:
        """A field, or ``default`` where the message has none of that name."""
        return self.fields.get(field, default)

    def freeze(self) -> None:
        """Let nobody change it: it is encoded, and what is seen of it must be what was sent (MSGX-1)."""
        self.fields = MappingProxyType(self.fields)  # type: ignore[assignment]

    @property
    def client_id(self) -> str | None:
        """The session the client says it is; a credential, never to be passed on (PUB-8)."""
        return self.fields.get("clientId")

    @property
    def data(self) -> json.Json:
        """The payload of a publish; None also where the client sent none (PUB-3).

        Setting it raises TypeError once the message is encoded (MSGX-1).
        """
        return self.fields.get("data")

    @data.setter
    def data(self, value: json.Json) -> None:
        self.fields["data"] = value

    @property
    def ext(self) -> Fields:
        """What extensions put beside the message; empty when there is none. Untrusted (SEC-47)."""
        return self.fields.get("ext") or {}

    @property
    def advice(self) -> Fields:
        """What a client says about its next step; only connect has a use for it (ADV-6, HS-16)."""
        return self.fields.get("advice") or {}

    @property
    def reply(self) -> Reply:
        """The reply being built (MSGX-1): ``id`` and ``channel`` at first; what hooks add to it is sent."""
        return self._reply if self._reply is not None else self.begin_reply()

    @property
    def begun_reply(self) -> Reply | None:
        """The same if somebody has asked for it, else None."""
        return self._reply

    def begin_reply(self) -> Reply:
        """Settle what the reply repeats of the message."""
        if self._reply is None:
            self._reply = reply_to(self.fields, self.id)
        return self._reply


def asks_for(request: Request, fields: Fields) -> bool:
    """Whether a message, valid or not, is meant as this meta request (HS-9)."""
    channel = fields.get("channel")
    if not isinstance(channel, str) or not channel.startswith(request):
        return False
    if channel == request:
        return True
    try:
        return parse_channel(channel).text == request
    except ProtocolError:
        return False


def is_handshake(fields: Fields) -> bool:
    """Whether a message, valid or not, is meant as a handshake (HS-9)."""
    return asks_for(Request.HANDSHAKE, fields)


def success(message: Message) -> bytes | None:
    """The reply to a publish that succeeded, encoded (MSG-10…12); None where somebody began it, or it needs more care.

    A template: what stands in it was checked, and needs no escape in JSON.
    """
    given, fields, channel = message.id, message.fields, message.channel.text
    if message._reply is not None or fields.get("id") is not given or fields["channel"] != channel:
        return None
    if type(given) is str:
        return f'{{"id":"{given}","channel":"{channel}","successful":true}}'.encode()
    return None


_NONE_OF_THEM: frozenset[int] = frozenset()


def oversized(envelope: Sequence[Fields], options: Options) -> frozenset[int]:
    """Which messages, by position, are above ``max_bayeux_message_size`` (SEC-L8).

    Only a body above the bound can hold one; only then is it worth encoding each message again.
    """
    bound = options.max_bayeux_message_size
    if not bound or (type(envelope) is Envelope and envelope.size <= bound):
        return _NONE_OF_THEM
    return frozenset(n for n, fields in enumerate(envelope) if len(json.encode(fields)) > bound)


def too_large(options: Options) -> MessageTooLarge:
    """The error for one of them."""
    return MessageTooLarge(str(options.max_bayeux_message_size))


def reply_to(fields: Mapping[str, Any], known_id: MessageId | None = None) -> Reply:
    """The beginning of a reply: the request's ``id`` and ``channel`` where they are valid (MSG-10…12).

    Args:
        known_id: an id that was looked at already.
    """
    reply = Reply()
    given = fields.get("id")
    if given is not None and (given is known_id or is_valid_id(given)):
        reply["id"] = given
    channel = fields.get("channel")
    if isinstance(channel, str) and len(channel) <= _LONGEST_REPEATED:
        reply["channel"] = channel
    if "subscription" in fields and channel in _WITH_SUBSCRIPTION:
        reply["subscription"] = fields["subscription"]  # SUB-1: clients look the reply up by it
    return reply


def failed(reply: Reply, error: ProtocolError, advice: Mapping[str, Any] | None = None) -> Reply:
    """That reply, made one of failure (MSG-17)."""
    reply["successful"] = False
    reply["error"] = error.wire
    if advice is not None:
        reply["advice"] = dict(advice)
    reply.update(error.instead)
    return reply


_LONGEST_REPEATED = 2 * names.MAX_LENGTH


def is_valid_id(value: object) -> bool:
    """An integer, or a short string of letters, digits and the punctuation of UUIDs (MSG-12)."""
    if isinstance(value, str):
        return _ID.match(value) is not None
    return isinstance(value, int) and not isinstance(value, bool)


def event_of(message: Message, options: Options) -> Fields:
    """What of a publish reaches subscribers (MSG-18, PUB-9, EXT-3)."""
    fields = message.fields
    event: Fields = {"channel": message.channel.text, "data": fields.get("data")}
    if _OF_PLAIN_PUBLISHES.issuperset(fields):
        return event
    if message.ext and (ext := _forwarded(message.ext, options)):
        event["ext"] = ext
    if "timestamp" in fields:
        event["timestamp"] = fields["timestamp"]
    if options.forward_unknown_fields and not fields.keys() <= PROTOCOL_FIELDS:
        event.update((key, value) for key, value in fields.items() if key not in PROTOCOL_FIELDS)
    return event


def _forwarded(ext: Fields, options: Options) -> Fields:
    """What of a publish's ``ext`` subscribers may see (EXT-3, XT-2)."""
    if options.forward_ext is not True:
        allowed = options.forward_ext or ()
        ext = {key: value for key, value in ext.items() if key in allowed}
    if not _EXTENSION_KEYS.isdisjoint(ext):
        ext = {key: value for key, value in ext.items() if key not in _EXTENSION_KEYS}
    return ext


def subscriptions_of(message: Message, options: Options) -> list[ChannelName]:
    """The channels and patterns a subscribe or unsubscribe names (SUB-1, SUB-2).

    Raises SubscriptionMissing, SubscriptionInvalid; SubscribeDenied or UnsubscribeFailed for more than a
    session may have, which are not even looked at (SEC-L14). Then none of them may take effect.
    """
    wanted = message.fields.get("subscription")
    if wanted is None or wanted == []:
        raise SubscriptionMissing
    if isinstance(wanted, str):
        return [_subscription(wanted, options)]
    if isinstance(wanted, list) and 0 < options.max_subscriptions_per_session < len(wanted):
        raise SubscribeDenied("limit") if message.request is Request.SUBSCRIBE else UnsubscribeFailed
    if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
        raise SubscriptionInvalid
    return [_subscription(each, options) for each in wanted]


def _subscription(text: str, options: Options) -> ChannelName:
    try:
        channel = parse_channel(text, options.max_channel_length, options.max_channel_segments)
    except ProtocolError:
        raise SubscriptionInvalid from None
    if channel.is_template:  # CH-6
        raise SubscriptionInvalid
    return channel


def _meta_request(channel: ChannelName) -> Request:
    """What a message on a meta channel asks for."""
    try:
        return _META_REQUESTS[channel.text]
    except KeyError:  # CH-11: looked up whole, so nothing below a meta channel is taken for it
        raise ChannelCreateDenied("denied_by_security_policy") from None


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


_STRING, _OBJECT = (str, NoneType), (dict, NoneType)


def _check_types(fields: Fields, request: Request) -> None:
    """MSG-20, ADV-7; null counts as absent."""
    if not isinstance(fields.get("clientId"), _STRING):
        raise FieldInvalid("clientId")
    if "ext" in fields and not isinstance(fields["ext"], _OBJECT):
        raise FieldInvalid("ext")
    if "advice" in fields and not isinstance(fields["advice"], _OBJECT):
        raise FieldInvalid("advice")
    if request is Request.HANDSHAKE:
        for name in ("version", "minimumVersion"):
            if not isinstance(fields.get(name), _STRING):
                raise FieldInvalid(name)
        offered = fields.get("supportedConnectionTypes")
        if offered is not None and not _is_strings(offered):
            raise FieldInvalid("supportedConnectionTypes")
    elif request is Request.CONNECT and (advice := fields.get("advice")) and not has_numbers(advice):
        raise FieldInvalid("advice")


def has_numbers(advice: Fields) -> bool:
    """Whether what a client says about its next connect can be reckoned with (ADV-7)."""
    timeout, interval = advice.get("timeout"), advice.get("interval")
    return (timeout is None or _is_number(timeout)) and (interval is None or _is_number(interval))
