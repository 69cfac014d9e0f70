"""What leaves as a log line: one event, one line, text for people or JSON for machines.

The library and we log through the standard library; structlog only forms the lines. What comes
from outside cannot break a line or colour a terminal, and an event that repeats is cut down.

Source: OPS-52, SEC-99.
"""

from __future__ import annotations

import codecs
import logging
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, MutableMapping
from typing import Any, TextIO

import structlog

from gateway.config.model import Log

_LONGEST = 256  # SEC-99
# Control characters, line separators of Unicode, and what turns the direction of writing.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_ENTRIES = 100
_PER_SECOND = 10
_EVENTS_REMEMBERED = 1000


def configure(config: Log, stream: TextIO | None = None, *, node: str = "", worker: str = "") -> None:
    """Send all logs of this process to one stream, by default the standard output."""
    out = stream or sys.stdout
    as_text = config.format == "text" or (config.format == "auto" and out.isatty())
    handler = logging.StreamHandler(out)
    handler.setFormatter(_formatter(as_text, node, worker, colors=out.isatty() and "NO_COLOR" not in os.environ))
    handler.addFilter(RepeatFilter())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.level.upper())
    logging.getLogger("mail.log").setLevel(logging.WARNING)  # aiosmtpd tells who writes to whom
    logging.getLogger("hpack").setLevel(logging.WARNING)  # it tells every header, tokens included
    logging.captureWarnings(True)
    # What no line of ours tells need not be found out for each record: it is a third of its cost.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class Listing(list[str]):
    """A value of a record whose entries are cut one by one, not all of them together."""


class RepeatFilter(logging.Filter):
    """Lets through ten records of an event a second, and tells how many it held back when the next one passes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._seen: dict[tuple[str, str], list[float]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Is this record written?"""
        now = self._clock()
        if len(self._seen) > _EVENTS_REMEMBERED:
            self._seen.clear()
        # begin of the second, written in it, held back since the last that was written
        state = self._seen.setdefault((record.name, str(record.msg)), [now, 0, 0])
        if now - state[0] >= 1:
            state[0], state[1] = now, 0
        if state[1] >= _PER_SECOND:
            state[2] += 1
            return False
        state[1] += 1
        if state[2]:
            record.suppressed = int(state[2])
            state[2] = 0
        return True


# Looked up here: the first use opens a file, which must not be when descriptors have run out.
_escape = codecs.getencoder("unicode_escape")


def safe(value: str) -> str:
    """Without what could break a line or deceive a reader; cut (SEC-99)."""
    escaped = _UNSAFE.sub(lambda match: _escape(match[0])[0].decode(), value)
    return escaped if len(escaped) <= _LONGEST else escaped[: _LONGEST - 1] + "…"


Fields = MutableMapping[str, Any]
_extra_of = structlog.stdlib.ExtraAdder()


def _formatter(as_text: bool, node: str, worker: str, *, colors: bool) -> logging.Formatter:
    def ordered(logger: Any, level: str, given: Fields) -> Fields:
        """The fields of OPS-52 in their order, then what the record brings."""
        record: logging.LogRecord = given["_record"]
        extra = {name: _safe_value(value) for name, value in _extra_of(logger, level, {"_record": record}).items()}
        # An event's name is fixed, so that it can be counted: its own, or its text before anything was filled in.
        event = extra.pop("event", None) or safe(str(record.msg))
        fields: dict[str, Any] = {
            "ts": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created)) + f".{int(record.msecs):03d}Z",
            "level": level,
            "logger": record.name,
            "event": event,
        }
        message = safe(str(given["event"]))
        if message != event:
            fields["msg"] = message
        if node and not as_text:
            fields["node"] = node
        if worker:
            fields["worker"] = worker
        fields.update((name, value) for name, value in extra.items() if name != "_record" and value is not None)
        if "exc_info" in given:
            fields["exc_info"] = given["exc_info"]
        return fields

    if as_text:
        renderers: list[Any] = [
            _text_first,
            structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_write_trace),
        ]
    else:
        renderers = [_trace_as_field, structlog.processors.JSONRenderer(ensure_ascii=False)]
    return structlog.stdlib.ProcessorFormatter(processors=[ordered, *renderers])


def _text_first(logger: Any, level: str, fields: Fields) -> Fields:
    """For people: the filled-in text instead of the event's name."""
    fields["event"] = fields.pop("msg", fields["event"])
    fields["timestamp"] = fields.pop("ts")
    return fields


def _trace(exc_info: Any) -> str:
    lines = "".join(traceback.format_exception(*exc_info)).splitlines()
    return "\n".join(safe(line) for line in lines)


def _trace_as_field(logger: Any, level: str, fields: Fields) -> Fields:
    if "exc_info" in fields:
        fields["exception"] = _trace(fields.pop("exc_info"))
    return fields


def _write_trace(out: TextIO, exc_info: Any) -> None:
    out.write("\n" + _trace(exc_info))


def _safe_value(value: Any) -> Any:
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    if isinstance(value, Listing):
        return [_safe_value(entry) for entry in value[:_ENTRIES]]
    return safe(repr(value))
