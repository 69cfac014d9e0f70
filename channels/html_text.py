"""The text of an HTML letter, for agents who see no markup.

Keeps words and line breaks; knows nothing of styles, tables or images beyond their ``alt``. Takes a time that grows
with the length of the markup alone, also of hostile markup, for which the standard library's parser needs its square.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_BLOCKS = frozenset(
    "address article blockquote br center dd div dl dt footer form h1 h2 h3 h4 h5 h6 header hr li ol p pre section "
    "table tr ul".split()
)
_UNSEEN = {
    **{name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style", "template", "title")},
    "head": re.compile("</head|<body", re.IGNORECASE),  # some do not close it
}
"""Elements that nobody reads, each with what ends it."""
# A quote that is never closed fails once for each kind of quote: what follows has none of them any more.
_TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9]*)((?:[^"'>]++|"[^"]*"|'[^']*')*+)>""")
_NAME = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)()")
_ALT = re.compile(r"""\salt\s*=\s*(?:"([^"]*)"|'([^']*)')""", re.IGNORECASE)


def text_of(html: str) -> str:
    """What a reader of it would read, lines ended by CRLF, at most one empty line in a row."""
    lines = [" ".join(line.split()) for line in "".join(_pieces(html)).split("\n")]
    return re.sub(r"(?:\r\n){3,}", "\r\n\r\n", "\r\n".join(lines)).strip()


def _pieces(html: str) -> Iterator[str]:
    """Words, and a line break where one shows; those of the source are spaces."""
    at = 0
    while (tag := html.find("<", at)) >= 0:
        yield _words(html[at:tag])
        if html.startswith(("<!", "<?"), tag):
            mark = "-->" if html.startswith("<!--", tag) else ">"
            at = _after(mark, html, tag)
            continue
        found = _TAG.match(html, tag) or _NAME.match(html, tag)
        if found is None:
            yield "<"
            at = tag + 1
            continue
        at = found.end() if found.re is _TAG else _after(">", html, tag)
        closes, name, attributes = found[1], found[2].lower(), found[3]
        if not closes and name in _UNSEEN:
            end = _UNSEEN[name].search(html, at)
            at = end.start() if end else len(html)
        else:
            yield _shown(closes, name, attributes)
    yield _words(html[at:])


def _shown(closes: str, name: str, attributes: str) -> str:
    """What a tag shows by itself."""
    if name == "img" and (alternative := _ALT.search(attributes)):
        return _words(alternative[1] or alternative[2] or "")
    if name not in _BLOCKS or (closes and name in ("br", "hr", "li")):
        return ""
    return "\n- " if name == "li" else "\n"


def _words(text: str) -> str:
    return unescape(text).replace("\n", " ").replace("\r", " ")


def _after(mark: str, html: str, start: int) -> int:
    """Where the text goes on; at the end, if the mark never comes."""
    found = html.find(mark, start)
    return found + len(mark) if found >= 0 else len(html)
