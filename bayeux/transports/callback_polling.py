"""The ``callback-polling`` transport (JSONP): a script that the page loads and that calls its function.

Like long-polling in all but form: the messages come in the query of a GET, the answer is one call of the function
that the query names. It is never compressed: secrets of a session would stand beside text of the page's own choice.
Which pages may load it was decided before, by ``Referer`` where there is no ``Origin``.

Source: section 13 of the Bayeux reference; DEL-3, ENC-2, SEC-32.
"""

from __future__ import annotations

from collections.abc import Sequence

from bayeux.protocol.encoded import Batch
from bayeux.protocol.errors import MalformedBody
from bayeux.protocol.options import CALLBACK, Options
from bayeux.transports.adopted.http import HttpRequest
from bayeux.transports.exchange import HttpExchange
from bayeux.transports.long_polling import LongPoll, form_values, messages_of_form, words_of

JAVASCRIPT = "text/javascript;charset=UTF-8"

# JP-4: who opens the address gets a file to save, not a page; a plugin does not take it for one of its own.
_AS_FILE = b"Content-Disposition: attachment; filename=f.txt\r\n"
_NO_PREFIX_OF_CALLERS_CHOICE = b"/**/"


class CallbackPoll(LongPoll):
    """A script on its way through the server (``Transport``).

    Args:
        callback: the function to call; it goes into the answer as it is.
    """

    __slots__ = ("_callback",)

    name = "callback-polling"
    connect_only = True  # JP-5: scripts may be run in another order than they were answered in

    def __init__(self, exchange: HttpExchange, callback: str) -> None:
        super().__init__(exchange)
        self._callback = callback.encode()

    def _answer(self, events: Batch, replies: Sequence[bytes], extra: bytes) -> int:
        script = b"%b%b(%b);" % (_NO_PREFIX_OF_CALLERS_CHOICE, self._callback, escaped(events.body(replies)))
        return self._exchange.answer(200, script, extra + _AS_FILE, content_type=JAVASCRIPT)


def start(exchange: HttpExchange, request: HttpRequest) -> None:
    """Read the query's messages and have them handled (JP-1)."""
    options, query = exchange.context.options, request.head.query.encode("latin-1")
    try:
        callback = callback_of(query, options)
        messages = messages_of_form(query, options)
    except MalformedBody as refusal:
        exchange.refuse(refusal.status, words_of(refusal))
        return
    CallbackPoll(exchange, callback).handle(messages)


def callback_of(query: bytes, options: Options) -> str:
    """The one function that a query names, or the option's where it names none (JP-2, JP-3).

    Raises MalformedBody.
    """
    names = form_values(query, options.callback_parameter.encode())
    if not names and options.default_callback:
        return options.default_callback
    if len(names) != 1:
        raise MalformedBody("one callback is needed")
    name = names[0].decode("latin-1")
    if len(name) > options.callback_parameter_max_length or not CALLBACK.fullmatch(name):
        raise MalformedBody("malformed callback")
    return name


def escaped(json: bytes) -> bytes:
    """JSON that means the same in any script, also one within a page (JP-4)."""
    # All three can stand in strings only, where a backslash changes nothing of what is meant.
    json = json.replace(b"\xe2\x80\xa8", rb"\u2028").replace(b"\xe2\x80\xa9", rb"\u2029")
    return json.replace(b"</", rb"<\/")
