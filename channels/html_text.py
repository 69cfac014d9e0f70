"""The text of an HTML letter, for agents who see no markup.

Keeps words and line breaks; knows nothing of styles, tables or images beyond their ``alt``.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

MAX_READ = 128 * 1024
"""Characters of markup that are looked at: hostile markup costs the square of its length, a second at this one."""

_BLOCKS = frozenset(
    "address article blockquote br center dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre section "
    "table tr ul".split()
)
_UNSEEN = frozenset({"head", "script", "style", "template", "title"})


def text_of(html: str) -> str:
    """What a reader of it would read, lines ended by CRLF, at most one empty line in a row."""
    reader = _Reader()
    reader.feed(html[:MAX_READ])
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.pieces).split("\n")]
    return re.sub(r"(?:\r\n){3,}", "\r\n\r\n", "\r\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen = self._unseen or tag
        elif tag == "body":
            self._unseen = ""  # a head that nobody closed ends here
        elif tag in _BLOCKS:
            self.pieces.append("\n- " if tag == "li" else "\n")
        elif tag == "img" and (alternative := dict(attributes).get("alt")):
            self.pieces.append(alternative)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._unseen:
            self._unseen = ""
        elif tag in _BLOCKS and tag not in ("br", "hr", "li"):
            self.pieces.append("\n")

    def handle_data(self, text: str) -> None:
        if not self._unseen:
            # Line breaks of the source are spaces; those that show come from tags.
            self.pieces.append(text.replace("\n", " "))
