"""What another project's server does at every turn against a rule, put right before a case looks.

Each amend is named by the rule it stands in for, and is made only where the peer's table asks for it. What was
amended is remembered, so that no table keeps an amend nobody needs.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson

from tests.conformance.conversation import Amends, Message, is_event, place
from tests.support.wire import Reply

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """An error text of a peer, as a pattern, and ours of the same meaning (``\\1`` is its first group)."""

    theirs: str
    ours: str
    channel: str | None = None
    """Only in replies on this channel."""

    def translate(self, reply: Message) -> Message:
        """The reply in our words, if this is its error."""
        match = re.fullmatch(self.theirs, reply.get("error", ""), re.DOTALL)
        if match and self.channel in (None, reply.get("channel")):
            return {**reply, "error": match.expand(self.ours)}
        return reply


def _is_new_session(message: Message) -> bool:
    return message.get("channel") == "/meta/handshake" and message.get("successful") is True


def _without(field: str, message: Message) -> Message:
    return {name: value for name, value in message.items() if name != field}


def _without_client_id(message: Message) -> Message:
    return message if is_event(message) or _is_new_session(message) else _without("clientId", message)


def _without_id(message: Message) -> Message:
    return _without("id", message) if is_event(message) else message


def _with_minimum_version(message: Message) -> Message:
    return {"minimumVersion": "1.0", **message} if _is_new_session(message) else message


def _with_our_type(reply: Reply) -> Reply:
    ours = {"application/json": "application/json;charset=UTF-8", "text/javascript": "text/javascript;charset=UTF-8"}
    media_type, _, charset = (reply.header("content-type") or "").lower().replace(" ", "").partition(";charset=")
    is_ours = media_type in ours and charset in ("", "utf-8")
    return _with_headers(reply, {"content-type": ours[media_type]}) if is_ours else reply


def _not_to_be_stored(reply: Reply) -> Reply:
    return _with_headers(reply, {"cache-control": "no-cache, no-store", "x-content-type-options": "nosniff"})


def _with_headers(reply: Reply, headers: Mapping[str, str]) -> Reply:
    kept = [pair for pair in reply.headers if pair[0] not in headers]
    return dataclasses.replace(reply, headers=(*kept, *headers.items()))


def _events_first(messages: list[Message]) -> list[Message]:
    return sorted(messages, key=place)


class PeerAmends(Amends):
    """The amends of one client of a peer."""

    def __init__(self, rules: Collection[str], words: Sequence[Word], made: set[str]) -> None:
        self._rules = frozenset(rules)
        assert self._rules <= AMENDS, f"no amend for {self._rules - AMENDS}"
        self._words = words
        self._made = made
        self._advised: set[str] = set()
        """Ids of our connects that had advice, as text."""
        self._of_messages: Mapping[str, Callable[[Message], Message]] = {
            "MSG-15": _without_client_id,
            "MSG-18": _without_id,
            "HS-2": _with_minimum_version,
            "ADV-4": self._without_advice,
            "BER-1": self._in_our_words,
        }

    def first_connect(self) -> Mapping[str, Any]:
        """Advice to answer at once, for a server that would hold it (CN-1)."""
        if "CN-1" not in self._rules:
            return {}
        self._made.add("CN-1")
        return {"advice": {"timeout": 0}}

    def request(self, message: Message) -> Message:
        if message["channel"] == "/meta/connect" and "advice" in message:
            self._advised.add(repr(message.get("id")))
        return self._make({"PUB-3": self._with_data}, message)

    def messages(self, messages: list[Message]) -> list[Message]:
        return [self._make(self._of_messages, message) for message in messages]

    def response(self, reply: Reply) -> Reply:
        reply = self._make({"HTTP-3": _with_our_type, "ENC-1": _not_to_be_stored}, reply)
        if reply.status != 200 or not reply.body.startswith(b"[{"):
            return reply
        messages = self._make({"BAT-5": _events_first}, self.messages(reply.json))
        body = orjson.dumps(messages)
        return dataclasses.replace(_with_headers(reply, {"content-length": str(len(body))}), body=body)

    def _make(self, amends: Mapping[str, Callable[[T], T]], subject: T) -> T:
        for rule, amend in amends.items():
            if rule in self._rules and (amended := amend(subject)) != subject:
                self._made.add(rule)
                subject = amended
        return subject

    def _with_data(self, message: Message) -> Message:
        return {"data": {}, **message} if message["channel"].startswith("/service/") else message

    def _without_advice(self, message: Message) -> Message:
        was_asked = repr(message.get("id")) in self._advised
        is_usual = message.get("channel") == "/meta/connect" and message.get("successful") is True
        return _without("advice", message) if is_usual and not was_asked else message

    def _in_our_words(self, message: Message) -> Message:
        for word in self._words:
            message = word.translate(message)
        return message


AMENDS = frozenset({"ADV-4", "BAT-5", "BER-1", "CN-1", "ENC-1", "HS-2", "HTTP-3", "MSG-15", "MSG-18", "PUB-3"})
"""What can be put right, by rule."""
