"""What Java's regular expressions mean, said to RE2. Each expectation is what Java 17 answers."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.services.javaregex import ExpressionRefused, complement, intersected, translated, united
from gateway.services.patterns import LONGEST_EXPRESSION, Pattern, compiled


@pytest.mark.spec("PT-3", "PT-6")
@pytest.mark.parametrize(
    ("expression", "matching", "others"),
    [
        ("123.*", ["123", "1234"], ["0123", "12", "123\n", "123\u2028"]),
        ("(?s)a.", ["a\n", "ab"], ["a"]),
        ("(?d)a.", ["a\r"], ["a\n"]),
        ("a|bc", ["a", "bc"], ["ac", "b"]),
        ("(?:a|b)+?", ["abba"], [""]),
        ("(?<name>a)b", ["ab"], ["b"]),
        ("a{2,3}", ["aa", "aaa"], ["a", "aaaa"]),
        ("a{2}?", ["aa"], ["a"]),
        ("^a$", ["a"], ["a\n"]),
        (r"\d\D\w\W\s\S", ["1a_- x"], ["１a_- x"]),
        (r"\s", ["\x0b", "\t"], ["\x85", "\xa0"]),
        (r"\h\v", ["\xa0\x85", "\t\u2029"], ["a\n"]),
        (r"\x41\u00e9\x{1F600}\0101\cA\t\e", ["Aé😀A\x01\t\x1b"], [""]),
        (r"\Qa.b*\E", ["a.b*"], ["aab"]),
        (r"\Q.\E*", ["..", ""], ["a"]),
        (r"\Qopen", ["open"], ["Qopen"]),
        (r"\.\\\-\$", [".\\-$"], []),
        ("[a-c]", ["b"], ["d", "-"]),
        ("[]a]", ["]", "a"], ["b"]),
        ("[a-]", ["a", "-"], ["b"]),
        ("[^a-c]", ["d", "\n"], ["a"]),
        ("[a-c[x-z]]", ["b", "y"], ["d"]),
        ("[a-z&&[^aeiou]]+", ["xyz"], ["a", "xa"]),
        ("[a-z&&def]", ["d"], ["a"]),
        (r"[\d&&[^5]]", ["4"], ["5"]),
        ("[^a&&b]", ["a", "b", "c"], []),
        (r"[\w.-]+", ["a.b-c"], ["a b"]),
        (r"[\]\[]", ["[", "]"], ["\\"]),
        ("(?i)straße", ["STRAßE", "strasse".replace("ss", "ß")], ["STRASSE"]),
        ("(?i)é", ["é"], ["É"]),
        ("(?i)k", ["K", "k"], ["\u212a"]),
        ("(?i)[a-c]", ["B"], ["D"]),
        ("(?i)a(?-i)b", ["Ab"], ["AB"]),
        ("(?i:a)b", ["Ab"], ["AB"]),
        ("((?i)a)b", ["Ab"], ["AB"]),
        (r"\p{L}+", ["aé漢"], ["1"]),
        (r"\pL\PL", ["a1"], ["aa"]),
        (r"\p{Lu}\p{IsLatin}\p{sc=Greek}", ["Aaα"], ["aaα", "Aαα"]),
        (r"[\p{Nd}x]+", ["1x٣"], ["a"]),
        (r"[^\p{L}]", ["1"], ["a"]),
        (r"\p{Alpha}\p{Punct}\p{XDigit}", ["a!F"], ["é!F"]),
        (r"\bab\b", ["ab"], []),
        ("", [], []),
    ],
)
def test_it_means_the_same(expression: str, matching: list[str], others: list[str]) -> None:
    if not expression:
        assert translated(expression) == ""
        return
    pattern = Pattern(expression)
    assert [text for text in matching if not pattern.matches(text)] == []
    assert [text for text in others if pattern.matches(text)] == []


@pytest.mark.spec("PT-6")
@pytest.mark.parametrize(
    "expression",
    [
        *("(?=a)a", "(?!a)b", "(?<=a)b", "(?<!a)b", "(?>a)", "(a)\\1", "(?<n>a)\\k<n>"),
        *("a*+", "a++", "a?+", "a{2}+", "a**", "a+*", "*a", "a|*", "(*a)", "a{2}{3}", "{2}", "a{", "a{,2}", "a{x}"),
        *("a{3,2}", "a{1001}", "a{99999}", "((((a{50}){50}){50}){50}){50}"),
        *("[", "[a", "[]", "[^]", "[b-a]", "[a-\\d]", "[a&&]", "[&&a]", "[a&&b&]", "[a&&[b]c]", "[\\p{L}&&a]"),
        *("[\\Qa\\E]", "[\\b]", "[^\\p{L}a]"),
        *("(", "(a", "a)", "(?", "(?a", "(?<1>a)", "(?<n>a)(?<n>b)", "(?P<n>a)", "(?<n"),
        *("(?m)^a", "(?x)a b", "(?u)a", "(?U)a", "(?z)a", "(?i-m)a"),
        *(
            "\\",
            "\\Z",
            "\\G",
            "\\R",
            "\\X",
            "\\N{DASH}",
            "\\y",
            "\\b{g}",
            "\\x4",
            "\\x{110000}",
            "\\ud800",
            "\\u12",
            "\\0",
        ),
        *("\\p", "\\p{Nothing}", "\\p{javaLowerCase}", "\\p{InGreek}", "\\p{Latin}", "(?i)\\p{Lu}", "(?i)\\p{Lower}"),
        *("a$\\n", "(a$)+", "(?:a|$)b", "\\Qab\\E*", "(" * 60 + ")" * 60, "[" * 60 + "a" + "]" * 60),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(expression: str) -> None:
    with pytest.raises(ExpressionRefused, match=r".+"):
        Pattern(expression)


@pytest.mark.spec("SEC-L23")
def test_the_bounds_of_an_expression() -> None:
    Pattern("a" * LONGEST_EXPRESSION)
    for text in ("", "a" * (LONGEST_EXPRESSION + 1), "\ud800"):
        with pytest.raises(ExpressionRefused):
            Pattern(text)
    with pytest.raises(ExpressionRefused, match="bad: "):
        compiled({"good": "a", "bad": "("})


@pytest.mark.spec("PT-6", "SEC-98")
@pytest.mark.parametrize(
    "expression",
    [
        *("(a+)+$", "(a|aa)+$", "(a|a)*$", "([a-zA-Z]+)*$", "(a*)*b", "(.*a){20}b", "(a?){25}a{25}b", "(x+x+)+y"),
        *("^(([a-z])+.)+[A-Z]([a-z])+$", "(?i)(a+)+b"),
    ],
)
def test_no_expression_takes_long(expression: str) -> None:
    pattern = Pattern(expression)
    text = "a" * 100_000 + "!"
    began = time.perf_counter()
    assert not pattern.matches(text)
    assert time.perf_counter() - began < 30.0  # elsewhere it would be years


@pytest.mark.spec("PT-6")
@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="ab(|)[]{}*+?^$.\\-&:<>!=,0123dDwWsSpPLQEux{}iA\n é", max_size=30), st.text(max_size=8))
def test_whatever_is_written_is_run_or_refused(expression: str, text: str) -> None:
    try:
        pattern = Pattern(expression)
    except ExpressionRefused:
        return
    assert pattern.matches(text) in (True, False)


@given(st.text(min_size=1, max_size=40))
def test_a_quoted_text_matches_itself_and_nothing_else(text: str) -> None:
    escaped = "".join(char if char.isalnum() else f"\\{char}" for char in text)
    pattern = Pattern(escaped)
    assert pattern.matches(text)
    assert not pattern.matches(text + "x")


def test_sets_of_characters() -> None:
    assert united([(1, 2)], [(3, 4), (9, 9)]) == ((1, 4), (9, 9))
    assert complement(((0, 4),)) == ((5, 0x10FFFF),)
    assert complement(complement(((3, 7), (9, 11)))) == ((3, 7), (9, 11))
    assert intersected(((0, 9),), ((5, 20),)) == ((5, 9),)
