"""The connections to one origin, and the calls that go over them.

Over a connection that a call left half done nobody else calls: its calls end there, and the next ones begin anew.
Bounded: calls at once, connections, time and size of an answer.

Source: SEC-70, SEC-L25, NT-13.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import httpcore2

from gateway.outgoing.breaker import Breaker
from gateway.outgoing.failures import NoAnswer, TargetRefused
from gateway.outgoing.url import Url

log = logging.getLogger(__name__)

MOST_CALLS: Final = 200
"""To one origin at once; one more fails at once."""

_BROKEN: Final = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    OSError,
    ValueError,  # a status of no digits
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; a redirection is an answer like any other."""

    status: int
    headers: Mapping[str, str]
    """By names in small letters; of one that came twice the last."""
    body: bytes


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of each call."""

    timeout: float = 5.0
    """Seconds, from the call to the last byte of the answer."""
    connect_timeout: float = 3.0
    most_bytes: int = 1024 * 1024


class _Line:
    """A pool of connections, and how many calls are on it."""

    def __init__(self, pool: httpcore2.AsyncConnectionPool) -> None:
        self.pool = pool
        self.calls = 0
        self.is_spent = False

    async def leave(self) -> None:
        self.calls -= 1
        if self.is_spent and not self.calls:
            await self.pool.aclose()


class Origin:
    """One of those that we call.

    Args:
        open_pool: makes a pool without connections.
        now: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        name: str,
        open_pool: Callable[[], httpcore2.AsyncConnectionPool],
        bounds: Bounds,
        now: Callable[[], float],
    ) -> None:
        self._name = name
        self._open_pool = open_pool
        self._bounds = bounds
        self._now = now
        self._breaker = Breaker()
        self._line = _Line(open_pool())
        self._calls = 0

    @property
    def is_idle(self) -> bool:
        """Is nobody calling?"""
        return not self._calls

    async def post(self, url: Url, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send, and give the answer. Raises TargetRefused, NoAnswer."""
        if self._calls >= MOST_CALLS:
            raise NoAnswer("too many calls at once")
        if not self._breaker.admit(self._now()):
            raise NoAnswer("it has not answered for a while")
        self._calls += 1
        try:
            answer = await self._call(url, body, headers)
        except NoAnswer:
            self._note_failure()
            raise
        finally:
            self._calls -= 1
        self._note_answer()
        return answer

    async def close(self) -> None:
        """End all connections; whose call is not over gets NoAnswer."""
        await self._line.pool.aclose()

    async def _call(self, url: Url, body: bytes, headers: Mapping[str, str]) -> Answer:
        line = self._line
        line.calls += 1
        try:
            async with asyncio.timeout(self._bounds.timeout):
                return await self._exchange(line.pool, url, body, headers)
        except TimeoutError:
            self._give_up(line)
            raise NoAnswer(f"no answer within {self._bounds.timeout:g} seconds") from None
        except _BROKEN as error:
            self._give_up(line)
            raise NoAnswer(f"the connection failed: {type(error).__name__}") from None
        except TargetRefused:
            raise
        except BaseException:
            self._give_up(line)
            raise
        finally:
            await line.leave()

    async def _exchange(
        self, pool: httpcore2.AsyncConnectionPool, url: Url, body: bytes, headers: Mapping[str, str]
    ) -> Answer:
        request = httpcore2.URL(
            scheme=url.scheme.encode(), host=url.host.encode(), port=url.port, target=url.target.encode()
        )
        sent = [("Host", url.authority), *headers.items()]
        patience = {"connect": self._bounds.connect_timeout}
        async with pool.stream("POST", request, headers=sent, content=body, extensions={"timeout": patience}) as answer:
            content = bytearray()
            async for part in answer.aiter_stream():
                content += part
                if len(content) > self._bounds.most_bytes:
                    raise NoAnswer("the answer is too long")
            got = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            return Answer(answer.status, got, bytes(content))

    def _give_up(self, line: _Line) -> None:
        """Have nobody else call over these connections."""
        if not line.is_spent:
            line.is_spent = True
            self._line = _Line(self._open_pool())

    def _note_failure(self) -> None:
        was_open = self._breaker.is_open
        self._breaker.failed(self._now())
        if self._breaker.is_open and not was_open:
            log.info("%s does not answer and is left alone for a while", self._name, extra={"event": "origin_away"})

    def _note_answer(self) -> None:
        if self._breaker.is_open:
            log.info("%s answers again", self._name, extra={"event": "origin_back"})
        self._breaker.worked()
