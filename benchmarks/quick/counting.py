"""What turns of the loop cost, counted instead of timed.

Three passes, because each would spoil the figures of the others. ``Steps`` follows every bytecode instruction,
in all of Python that runs: ours, asyncio's, Tornado's. ``Calls`` follows the calls into C. ``Kept`` weighs what is
left. All are entered for each turn, so that what the clients do between two turns is not counted.

Instructions are the nearest to processor time that needs no clock: the interpreter takes no shortcuts while it is
followed, so they do not depend on how warm it is. What they hide is the work of C, so calls into it are counted
besides, and those that give bytes to the kernel once more by themselves.
"""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

_HERE = str(Path(__file__).parent)
_OF_SOCKETS = frozenset(("send", "sendmsg", "sendto", "sendall"))
_OF_THE_SYSTEM = frozenset(("write", "writev"))

BALLAST = 100_000
"""Objects that the collector has counted in advance: its count stops at zero, and what goes would not be seen."""


class Steps:
    """Instructions, calls of Python functions, and objects made that the collector tracks.

    Those that the interpreter takes from its free lists are not among the objects, small tuples for instance: they
    cost next to nothing, and the collector does not hear of them.
    """

    def __init__(self) -> None:
        self.instructions: int = 0
        self.calls: int = 0
        """Going on with a coroutine is one."""
        self.made: int = 0
        self._tracked = 0
        self._follow = self._on_event  # to make it for each frame would count as objects made

    def __enter__(self) -> None:
        self._before = sys.gettrace()
        self._tracked = gc.get_count()[0]
        sys.settrace(self._on_frame)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _on_frame(self, frame: FrameType, event: str, argument: object) -> Any:
        if is_ours(frame.f_code):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        self.calls += 1
        self._tracked += 1  # the frame as an object is made for this function alone
        return self._follow

    def _on_event(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "opcode":
            self.instructions += 1
            tracked = gc.get_count()[0]
            if tracked > self._tracked:
                self.made += tracked - self._tracked
            self._tracked = tracked
        return self._follow


class Calls:
    """Calls into C, writes among them, and by how many the collector's objects were more at the worst moment."""

    def __init__(self) -> None:
        self.of_c: int = 0
        self.writes: int = 0
        """Calls that gave bytes to the kernel."""
        self.at_once: int = 0
        self._tracked = 0

    def __enter__(self) -> None:
        self._before = sys.getprofile()
        self._tracked = gc.get_count()[0]
        sys.setprofile(self._on_event)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> None:
        if is_ours(frame.f_code):
            return
        self.at_once = max(self.at_once, gc.get_count()[0] - self._tracked)
        if event == "c_call":
            self.of_c += 1
            self.writes += _is_write(argument)


class Kept:
    """What is left of the objects and of the bytes."""

    def __init__(self) -> None:
        self.objects: int = 0
        self.bytes: int = 0

    def __enter__(self) -> None:
        self.bytes -= tracemalloc.get_traced_memory()[0]
        self.objects -= gc.get_count()[0]

    def __exit__(self, *_: object) -> None:
        self.objects += gc.get_count()[0]
        self.bytes += tracemalloc.get_traced_memory()[0]


@contextmanager
def uncollected() -> Iterator[None]:
    """Nothing is collected within, and all that comes and goes is seen in the collector's count."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    ballast: list[list[int]] = [[] for _ in range(BALLAST)]
    try:
        yield
    finally:
        ballast.clear()
        if was_on:
            gc.enable()


def is_ours(code: CodeType) -> bool:
    """Whether it belongs to these modules, and so to what is not measured."""
    return code.co_filename.startswith(_HERE)


def _is_write(function: Any) -> bool:
    name = function.__name__
    if name in _OF_SOCKETS:
        return type(function.__self__).__module__ == "socket"
    return name in _OF_THE_SYSTEM and function.__module__ == "posix"
