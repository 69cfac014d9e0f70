"""One session's requests and events over long-polling: two kept connections, as a browser has them.

One waits in the held connect; the other takes everything else, one request at a time, and what is to be sent
meanwhile goes together in the next.
"""

from __future__ import annotations

from bayeux.client.cookies import Cookies
from gateway.bench.loop import Address, Connection, Loop
from gateway.bench.marks import Reader
from gateway.bench.responses import AnswerReader, Head, NotHttp
from gateway.bench.session import Session, State

_MAX_BATCH = 50  # messages; servers bound it, ours at a hundred


class PollingCarrier:
    """A session's two connections.

    Args:
        polls: where the held connects go; None: where everything else goes.
    """

    __slots__ = ("_connects", "_others", "_path", "_queued", "_reader", "_secure", "cookies", "head", "session")

    def __init__(
        self,
        loop: Loop,
        address: Address,
        authority: str,
        path: str,
        reader: Reader,
        session: Session,
        *,
        polls: Address | None = None,
    ) -> None:
        self.session = session
        self.cookies: Cookies | None = None
        self._path = path
        self._secure = address.tls is not None
        self._reader = reader
        self.head = _head(authority, path, "")
        self._queued: list[bytes] = []
        self._connects = _Exchange(loop, polls or address, self)
        self._others = _Exchange(loop, address, self)

    def send(self, body: bytes) -> None:
        """See ``Carrier``."""
        if self._others.is_busy:
            self._queued.append(body)
        else:
            self._others.request(body)

    def send_connect(self, body: bytes) -> None:
        """See ``Carrier``."""
        self._connects.request(body)

    def close(self) -> None:
        """Close both."""
        self._queued.clear()
        self._connects.close()
        self._others.close()

    def answered(self, exchange: _Exchange, head: Head, body: bytes) -> None:
        """An answer has come."""
        if head.cookies:
            self._keep(head.cookies)
        if head.status != 200:
            words = f"HTTP {head.status}: {body[:100].decode('utf-8', 'replace')}".strip()
            if exchange is self._connects or self.session.state is not State.CONNECTED:
                self.session.denied(words)
            else:
                self.session.lost_request(words)
            return
        content = self._reader.known.get(body)
        if content is None:
            try:
                content = self._reader.read(body, [body])
            except ValueError as error:
                self.lost(exchange, f"what came is no Bayeux: {error}")
                return
        self.session.take(content)
        if self._queued and not self._others.is_busy:
            batch, self._queued = self._queued[:_MAX_BATCH], self._queued[_MAX_BATCH:]
            self._others.request(batch[0] if len(batch) == 1 else b"[%b]" % b",".join(each[1:-1] for each in batch))

    def lost(self, exchange: _Exchange, words: str) -> None:
        """A request will not be answered."""
        if exchange is self._connects:
            self.session.lost(words)
        else:
            self._queued.clear()
            self.session.lost_request(words)

    def _keep(self, set_cookies: tuple[str, ...]) -> None:
        if self.cookies is None:
            self.cookies = Cookies()
        for each in set_cookies:
            self.cookies.store(each)
        authority = self.head.split(b"\r\n", 2)[1].removeprefix(b"Host: ").decode()
        path = self._path.partition("?")[0]
        self.head = _head(authority, self._path, self.cookies.header(path, secure=self._secure))


class _Exchange(Connection):
    """One connection: a request, its answer, the next request."""

    __slots__ = ("_answers", "_carrier", "is_busy")

    def __init__(self, loop: Loop, address: Address, carrier: PollingCarrier) -> None:
        super().__init__(loop, address)
        self._carrier = carrier
        self._answers = AnswerReader()
        self.is_busy = False
        """An answer is awaited."""

    def request(self, body: bytes) -> None:
        """Send one; there is none under way."""
        self.is_busy = True
        if self.is_closed:
            self._answers = AnswerReader()
            self.open()
        self.write(b"%b%d\r\n\r\n%b" % (self._carrier.head, len(body), body))

    def close(self) -> None:
        """Await nothing any more."""
        super().close()
        self.is_busy = False

    def received(self, received: bytes) -> None:
        """A part of the answer, or all of it."""
        try:
            answer = self._answers.feed(received)
        except NotHttp as error:
            self.fail(str(error))
            return
        if answer is not None:
            self._answered(*answer)

    def lost(self, words: str) -> None:
        """The server may close between two requests, and end an answer by closing."""
        if not self.is_busy:
            return
        answer = self._answers.finish()
        if answer is not None:
            self._answered(*answer)
        else:
            self.is_busy = False
            self._carrier.lost(self, words)

    def _answered(self, head: Head, body: bytes) -> None:
        self.is_busy = False
        if not head.stays_open:
            self.close()
        self._carrier.answered(self, head, body)


def _head(authority: str, path: str, cookies: str) -> bytes:
    cookie = f"Cookie: {cookies}\r\n" if cookies else ""
    return (
        f"POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n{cookie}Content-Length: "
    ).encode("latin-1")
