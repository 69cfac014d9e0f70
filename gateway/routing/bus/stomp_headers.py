"""How a message stands in STOMP headers, and so, to a Java program, in those of JMS.

Custom names are Java identifiers: only such a JMS property can be asked for in a selector.

Source: MRE-12, MRE-130…134, MRE-138.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.routing.bus.bus import BusMessage
from gateway.routing.bus.dead_letters import DeadLetter

QUEUES: Final = "/queue/"
"""What the destinations of JMS queues begin with."""
VERSION: Final = "1"
CONTENT_TYPE: Final = "application/json;charset=utf-8"


class Destinations:
    """What queues are called by the broker.

    Args:
        prefix: before each queue's name.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def queue(self, name: str) -> str:
        """Of a queue."""
        return f"{self._prefix}{name}"

    def dead(self, queue: str) -> str:
        """Of its dead letters."""
        return f"{self._prefix}DLQ.{queue}"

    def name(self, destination: str) -> str:
        """Of whose queue it is; another one's destination is its own name."""
        return destination.removeprefix(self._prefix)


def headers_of(message: BusMessage, destinations: Destinations) -> dict[str, str]:
    """All but ``destination``; what is empty is left out."""
    headers = {
        "type": message.type,
        "correlation-id": message.correlation,
        "reply-to": destinations.queue(message.reply_to) if message.reply_to else "",
        "JMSXGroupID": message.key,
        "expires": "" if message.expires is None else str(round(message.expires * 1000)),
        # ActiveMQ gives a group to Java programs, and keeps it from those who read by STOMP.
        "key": message.key,
        "msgId": message.id,
        "producer": message.producer,
        "ts": message.time,
        "mreVersion": VERSION,
        "persistent": "true",
        # Java is to receive a TextMessage. Without this, a content-length would make it a BytesMessage.
        "amq-msg-type": "text",
    }
    return {name: value for name, value in headers.items() if value}


def message_of(headers: Mapping[str, str], body: bytes, destinations: Destinations) -> BusMessage:
    """Whatever stands there; what is missing is empty, and who gave no id has that of the broker."""
    expires = headers.get("expires", "")
    reply_to = headers.get("reply-to", "")
    return BusMessage(
        type=headers.get("type", ""),
        body=body,
        id=headers.get("msgId") or headers.get("message-id", ""),
        key=headers.get("key") or headers.get("JMSXGroupID", ""),
        correlation=headers.get("correlation-id", ""),
        reply_to=destinations.name(reply_to),
        producer=headers.get("producer", ""),
        time=headers.get("ts", ""),
        # JMS says 0 where a message never expires.
        expires=int(expires) / 1000 if expires.isascii() and expires.isdecimal() and int(expires) else None,
    )


def headers_of_dead(letter: DeadLetter, destinations: Destinations) -> dict[str, str]:
    """The message's, then what is known of its end. It must not vanish when its time is over."""
    headers = headers_of(letter.message, destinations)
    headers.pop("expires", None)
    return headers | {
        "reason": letter.reason,
        "tries": str(letter.tries),
        "first": str(round(letter.first * 1000)),
        "last": str(round(letter.last * 1000)),
    }


def dead_letter_of(queue: str, headers: Mapping[str, str], body: bytes, destinations: Destinations) -> DeadLetter:
    """The same, the other way round."""
    return DeadLetter(
        message=message_of(headers, body, destinations),
        queue=queue,
        reason=headers.get("reason", ""),
        tries=int(headers.get("tries", "0")),
        first=int(headers.get("first", "0")) / 1000,
        last=int(headers.get("last", "0")) / 1000,
        handle=headers.get("message-id", ""),
    )
