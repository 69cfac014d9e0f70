"""The mark that each event of a run carries, and what a received body says: marks and replies.

An event's data has the run's id, its stream, its number in that stream and the intended time of its publish, as one
string: servers keep strings as they are, whatever they do to the order of fields. So marks are found without
decoding JSON; only bodies with replies are decoded.

Cost: a body seen before is one look into a dictionary. The subscribers of one fan-out get the same bytes.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

Reply = Mapping[str, Any]

MAX_KNOWN_BODIES = 4096  # a few hundred fan-outs are under way at a time; those of a second ago never come again
MAX_KNOWN_BYTES = 32 * 1024 * 1024
_REPLY = b'"successful"'  # a field of each reply, and of no event of ours


class Content:
    """What one body, or several that came together, says. Shared by all who got it: read only."""

    __slots__ = ("is_plain", "marks", "replies", "runs")

    def __init__(self, marks: Sequence[tuple[int, int, int]], replies: Sequence[Reply]) -> None:
        self.marks = marks
        """Stream, number and intended time (nanoseconds, monotonic) of each event."""
        self.replies = replies
        self.runs = _runs(marks)
        """The same as stretches without a gap: stream, first number, count."""
        self.is_plain = len({stream for stream, _, _ in self.runs}) == len(self.runs)
        """Each stream has one stretch only."""


def _runs(marks: Sequence[tuple[int, int, int]]) -> Sequence[tuple[int, int, int]]:
    if len(marks) == 1:
        stream, number, _ = marks[0]
        return ((stream, number, 1),)
    runs: list[tuple[int, int, int]] = []
    for stream, number, _ in marks:
        if runs and runs[-1][0] == stream and runs[-1][1] + runs[-1][2] == number:
            runs[-1] = (stream, runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((stream, number, 1))
    return runs


class Reader:
    """Reads bodies of one run.

    Args:
        run: its id; events of other runs are not seen.
        remembers: many will get the same bytes.
    """

    def __init__(self, run: str, *, remembers: bool) -> None:
        self._find = re.compile(rb'"%s (\d+) (\d+) (\d+)"' % run.encode()).findall
        self._remembers = remembers
        self.known: dict[bytes, Content] = {}
        """By the bytes that said it; look here first."""
        self._known_bytes = 0

    def read(self, received: bytes, bodies: Sequence[bytes]) -> Content:
        """What ``bodies`` say, which arrived as ``received``.

        Raises ValueError for what is no JSON array of messages.
        """
        marks: list[tuple[int, int, int]] = []
        replies: list[Reply] = []
        for body in bodies:
            for stream, number, sent in self._find(body):
                marks.append((int(stream), int(number), int(sent)))
            if _REPLY in body:
                replies += _replies(body)
        content = Content(marks, replies)
        if self._remembers:
            if len(self.known) >= MAX_KNOWN_BODIES or self._known_bytes > MAX_KNOWN_BYTES:
                self.known.clear()
                self._known_bytes = 0
            self.known[received] = content
            self._known_bytes += len(received)
        return content


def _replies(body: bytes) -> list[Reply]:
    messages = orjson.loads(body)
    if isinstance(messages, dict):
        messages = [messages]
    if not isinstance(messages, list) or not all(isinstance(each, dict) for each in messages):
        raise ValueError("not an array of messages")
    return [each for each in messages if "successful" in each]


def padding(size: int, seed: int) -> str:
    """``size`` characters that compress badly, the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    return "".join(chance.choices(string.ascii_uppercase + string.digits, k=size))


def message_parts(run: str, stream: int, channel: str, client_id: str, fill: str) -> tuple[bytes, bytes]:
    """The constant parts of a publish: before its number and time, and between these and its number again.

    Ids are letters and digits alone, as CometD's server has it.
    """
    head = {"channel": channel, "clientId": client_id}
    before = orjson.dumps(head)[:-1] + f',"data":{{"bench":"{run} {stream} '.encode()
    return b"[" + before, f'","fill":"{fill}"}},"id":"{stream}n'.encode()
