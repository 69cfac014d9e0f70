"""A message's bytes, made once for all who receive it, and the batches they leave in.

Cost model: encoding, framing and compressing happen once a message and once a distinct batch; a subscriber
costs a reference. ``EncodedMessage`` compares by identity, so two sessions with the same
waiting messages compare equal at C speed and share one ``Batch`` (benchmarks/fanout).

Rules: DEL-8, ENC-2, WS-4, WS-11, WS-15.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from typing import Any

from bayeux.protocol.deflate import MOST_AT_ONCE, Deflate
from bayeux.protocol.frames import deflated_text_frame, text_frame
from bayeux.protocol.gzipped import MOST_OF_ONES_OWN, Shared, gzipped, share

MAX_FRAME_BYTES = 64 * 1024  # WS-11: the limit several clients have


class EncodedMessage:
    """One finished event: immutable, shared by every queue it waits in."""

    __slots__ = ("accepted_at", "channel", "flow", "json", "key", "lazy_timeout", "position", "size")

    def __init__(self, channel: str, json: bytes, accepted_at: float = 0.0, lazy_timeout: float | None = None) -> None:
        self.channel: str = channel
        self.json: bytes = json
        """The event as one JSON object, UTF-8."""
        self.accepted_at: float = accepted_at
        """When its publish was accepted, on the server's clock."""
        self.lazy_timeout: float | None = lazy_timeout
        """Seconds it may wait for company; None = it is not lazy (Q-10)."""
        self.flow: Any = None
        """The ``FlowControl`` of its channel, if it has one (QUE-5)."""
        self.position: int = 0
        """Its replay id, if its channel has a history (RPL-2)."""
        self.key: Hashable = None
        """What supersedes what under it."""
        self.size: int = len(json)
        """Bytes, what the queue bounds count."""


class Batch:
    """Events that leave together, oldest first; its bytes are made at the first asking.

    Args:
        messages: not changed afterwards.
        max_frame_bytes: a WebSocket frame holds at most this, but always a whole message (WS-15).
        max_frame_messages: likewise in messages; 0 = unlimited.
    """

    __slots__ = (
        "_arrays",
        "_deflated",
        "_gzipped",
        "_json",
        "framed",
        "max_frame_bytes",
        "max_frame_messages",
        "messages",
    )

    def __init__(
        self,
        messages: Sequence[EncodedMessage],
        max_frame_bytes: int = MAX_FRAME_BYTES,
        max_frame_messages: int = 0,
    ) -> None:
        self.messages: Sequence[EncodedMessage] = messages
        self.max_frame_bytes: int = max_frame_bytes
        self.max_frame_messages: int = max_frame_messages
        self._json: bytes | None = None
        self._arrays: list[bytes] | None = None
        self.framed: bytes | None = None
        """Its ``frames``, if somebody has asked for them: a look that calls nothing."""
        self._deflated: dict[Deflate, bytes] | None = None
        self._gzipped: Shared | None = None

    def __len__(self) -> int:
        return len(self.messages)

    @property
    def json(self) -> bytes:
        """The events with commas between them and no brackets, for an HTTP body."""
        if self._json is None:
            self._json = b",".join([message.json for message in self.messages])
        return self._json

    def body(self, replies: Sequence[bytes]) -> bytes:
        """The events and these replies behind them as one JSON array, for an HTTP body."""
        parts = (self.json, *replies) if self.messages else replies
        return b"[" + b",".join(parts) + b"]"

    def gzipped_body(self, replies: Sequence[bytes]) -> bytes:
        """The same by gzip; the events are compressed once, the replies only where they are long (ENC-2)."""
        own = b",".join((b"", *replies)) + b"]"
        if not self.messages or len(own) > MOST_OF_ONES_OWN:
            return gzipped(self.body(replies))
        if self._gzipped is None:
            self._gzipped = share(b"[" + self.json)
        return self._gzipped.followed_by(own)

    @property
    def arrays(self) -> list[bytes]:
        """The events as JSON arrays, each the text of one WebSocket message."""
        if self._arrays is None:
            whole = b"[" + self.json + b"]"
            is_one = self.messages and len(whole) < self.max_frame_bytes and self.max_frame_messages <= 0
            self._arrays = [whole] if is_one else [b"[" + b",".join(part) + b"]" for part in self._parts()]
        return self._arrays

    @property
    def frames(self) -> bytes:
        """The same as complete WebSocket text frames."""
        if self.framed is None:
            if len(self.messages) == 1:  # it is never divided (WS-15)
                self.framed = text_frame(b"[" + self.messages[0].json + b"]")
            else:
                self.framed = b"".join(map(text_frame, self.arrays))
        return self.framed

    def deflated_frames(self, how: Deflate) -> bytes:
        """The same compressed, for the sockets that agreed on it (WS-4)."""
        if self._deflated is None:
            self._deflated = {}
        frames = self._deflated.get(how)
        if frames is None:
            frames = self._deflated[how] = b"".join(self._deflate(how))
        return frames

    def _deflate(self, how: Deflate) -> Iterator[bytes]:
        room = MOST_AT_ONCE
        for array in self.arrays:
            room -= len(array)
            yield text_frame(array) if room < 0 else deflated_text_frame(array, how)

    def _parts(self) -> list[list[bytes]]:
        parts: list[list[bytes]] = []
        room = 0
        for message in self.messages:
            needed = message.size + 1
            is_full = bool(parts) and 0 < self.max_frame_messages <= len(parts[-1])
            if not parts or needed > room or is_full:
                parts.append([])
                room = self.max_frame_bytes - 2
            parts[-1].append(message.json)
            room -= needed
        return parts


NOTHING = Batch(())
"""The empty batch."""
