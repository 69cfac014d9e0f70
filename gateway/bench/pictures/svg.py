"""SVG as text: elements, words that fit, and the frame that every picture has.

Widths of words are estimated, on the wide side: nothing here can measure a font.
"""

from __future__ import annotations

import html
import re
import textwrap
import unicodedata
import zlib
from collections.abc import Sequence

FONT_SIZE = 13
LINE_HEIGHT = 18
MARGIN = 14
SERIES = 8
"""How many series have a colour of their own; the next ones begin again."""

# Colours differ in lightness too. `screen` keeps print light; a picture brings its ground along, because
# the page around an <img> may be dark while the reader's system is light.
STYLE = """
svg.chart { --ground: #ffffff; --ink: #16232b; --quiet: #55666f; --line: #d5dde1;
  --s0: #0b6e69; --s1: #c2570c; --s2: #5a55c8; --s3: #8a9aa3; --s4: #b42352; --s5: #2f7fd1;
  --s6: #7a6a00; --s7: #7b3f98;
  max-width: 100%; height: auto; }
@media screen and (prefers-color-scheme: dark) {
  svg.chart { --ground: #18232a; --ink: #e6edf0; --quiet: #a3b4bd; --line: #33434d;
    --s0: #4cc2b8; --s1: #f09a55; --s2: #a9a4ff; --s3: #8296a1; --s4: #ff8aae; --s5: #7db8f5;
    --s6: #d6c34a; --s7: #d19ae8; }
}
svg.chart text { font: 13px system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif;
  fill: var(--ink, #16232b); stroke: none; }
svg.chart .title { font-size: 15px; font-weight: 600; }
svg.chart .group { font-weight: 600; }
svg.chart .quiet { fill: var(--quiet, #55666f); }
svg.chart .ground { fill: var(--ground, #ffffff); stroke: none; }
svg.chart .grid { fill: none; stroke: var(--line, #d5dde1); }
svg.chart .whisker { fill: none; stroke: var(--ink, #16232b); stroke-width: 1.5; }
svg.chart .s0 { fill: var(--s0, #0b6e69); stroke: var(--s0, #0b6e69); }
svg.chart .s1 { fill: var(--s1, #c2570c); stroke: var(--s1, #c2570c); }
svg.chart .s2 { fill: var(--s2, #5a55c8); stroke: var(--s2, #5a55c8); }
svg.chart .s3 { fill: var(--s3, #8a9aa3); stroke: var(--s3, #8a9aa3); }
svg.chart .s4 { fill: var(--s4, #b42352); stroke: var(--s4, #b42352); }
svg.chart .s5 { fill: var(--s5, #2f7fd1); stroke: var(--s5, #2f7fd1); }
svg.chart .s6 { fill: var(--s6, #7a6a00); stroke: var(--s6, #7a6a00); }
svg.chart .s7 { fill: var(--s7, #7b3f98); stroke: var(--s7, #7b3f98); }
svg.chart .bar { stroke: none; }
svg.chart .curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
"""
"""The same sheet in every picture, so that pictures in one page agree and its policy can name it by one hash."""

_NOT_IN_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(value: str) -> str:
    """Any text as content of an element or attribute."""
    return html.escape(_NOT_IN_XML.sub("\ufffd", value))


def element(name: str, *content: str, **attributes: str | float | None) -> str:
    """One element around markup.

    Attributes are escaped, those that are None left out; write ``class_`` for class, ``stroke_width`` for stroke-width.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_attribute(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inside = "".join(content)
    return f"<{name}{given}>{inside}</{name}>" if inside else f"<{name}{given}/>"


def words(x: float, y: float, value: str, **attributes: str | float | None) -> str:
    """A line of text whose baseline begins at x, y."""
    return element("text", text(value), x=x, y=y, **attributes)


def width_of(value: str, size: float = FONT_SIZE) -> float:
    """About how wide a text is."""
    return size * sum(1.0 if unicodedata.east_asian_width(each) in "WF" else 0.58 for each in value)


def shortened(value: str, width: float, size: float = FONT_SIZE) -> str:
    """The text, or as much of it as fits."""
    if width_of(value, size) <= width:
        return value
    while value and width_of(value + "…", size) > width:
        value = value[:-1]
    return value.rstrip() + "…"


def wrapped(value: str, width: float, size: float = FONT_SIZE) -> list[str]:
    """The text in as many lines as it needs, three at most."""
    fitting = max(1, int(width / (size * 0.58)))
    return textwrap.wrap(value, fitting, max_lines=3, placeholder=" …") or [""]


def colour(number: int) -> str:
    """The class of the series with this number."""
    return f"s{number % SERIES}"


def picture(title: str, description: str, body: Sequence[str], *, width: int, height: float) -> str:
    """The whole SVG: ground, title, description, body.

    Args:
        body: its first 0 is below the title; ``height`` is its own.
    """
    title_lines = wrapped(title, width - 2 * MARGIN, 15)
    above = MARGIN + 20 * len(title_lines)
    whole = round(above + height + MARGIN)
    name = f"chart-{zlib.crc32(text(title + description).encode()):08x}"
    shown = [words(MARGIN, MARGIN + 14 + 20 * number, line, class_="title") for number, line in enumerate(title_lines)]
    return element(
        "svg",
        element("title", text(title), id=f"{name}-title"),
        element("desc", text(description), id=f"{name}-desc"),
        element("style", STYLE),
        element("rect", class_="ground", width=width, height=whole, rx=8),
        *shown,
        element("g", *body, transform=f"translate(0 {above})"),
        xmlns="http://www.w3.org/2000/svg",
        class_="chart",
        role="img",
        aria_labelledby=f"{name}-title",
        aria_describedby=f"{name}-desc",
        viewBox=f"0 0 {width} {whole}",
        width=width,
        height=whole,
    )


def _attribute(value: str | float) -> str:
    return text(value) if isinstance(value, str) else f"{value:.2f}".rstrip("0").rstrip(".")
