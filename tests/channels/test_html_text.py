"""What agents read of a letter in HTML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.html_text import text_of


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("Hello&nbsp;&amp; good<br>day", "Hello & good\r\nday"),
        ("<p>One</p>\n<p>Two\nthree</p>", "One\r\n\r\nTwo three"),
        ("<ul><li>one<li>two</li></ul>", "- one\r\n- two"),
        ("<head><title>T</title><style>p {}</style></head><body>seen", "seen"),
        ("<head><title>T</title><body>seen", "seen"),
        ("<SCRIPT>if (a < b) alert('</p>')</SCRIPT>seen", "seen"),
        ("<script>never closed", ""),
        ("<img alt='a > b' src=x><a title=\"</a>\" href=x>link</a>", "a > blink"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("<!-- <b>not</b> --><!doctype html><?php ?>seen", "seen"),
        ('<a title="never closed>still seen', "still seen"),
        ("&lt;script&gt;alert(1)&lt;/script&gt;", "<script>alert(1)</script>"),
        ("cut off <b", "cut off"),
    ],
)
def test_shows_what_a_reader_would_read(html: str, text: str) -> None:
    assert text_of(html) == text


@pytest.mark.parametrize("piece", ["<", "<a ", "<a '", '<a ">', "<!--", "<![CDATA[", "</", "<script", "<p>", "&", "<?"])
def test_hostile_markup_takes_no_longer_than_other(piece: str) -> None:
    """The standard library's parser took minutes for some of these; here only the time-out would tell."""
    text_of(piece * (256 * 1024 // len(piece)))


@given(st.text(alphabet="<>/!-?abp\"' &;=\n", max_size=60))
def test_any_text_is_read(html: str) -> None:
    assert "\r\n\r\n\r\n" not in text_of(html)
