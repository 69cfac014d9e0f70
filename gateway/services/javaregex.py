"""Java's regular expressions in the words of RE2, or what of them RE2 cannot say.

RE2 needs no more time than the text is long, and so it has no look-around, no references back, and nothing that
depends on the order of attempts. Those are refused; everything else is written out so that it means the same: what a
dot leaves out, which blanks ``\\s`` has, how classes are united and intersected, that case is ignored in ASCII alone.
Expressions are compared with whole texts.

Pure: one text in, another out.

Source: PT-3, PT-6, SEC-98; java.util.regex.Pattern of Java 21.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final, NoReturn

Ranges = tuple[tuple[int, int], ...]
"""Code points, both ends included, in rising order and apart."""

LAST: Final = 0x10FFFF
DEEPEST: Final = 50
"""Groups in groups."""


class ExpressionRefused(ValueError):
    """Java would not take it, or RE2 cannot say it; the text tells why and where."""


def united(*parts: Iterable[tuple[int, int]]) -> Ranges:
    """What any of them has."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(pair for part in parts for pair in part):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], high))
        else:
            merged.append((low, high))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """Everything else."""
    found, start = [], 0
    for low, high in ranges:
        if low > start:
            found.append((start, low - 1))
        start = high + 1
    if start <= LAST:
        found.append((start, LAST))
    return tuple(found)


def intersected(left: Ranges, right: Ranges) -> Ranges:
    """What both have."""
    return complement(united(complement(left), complement(right)))


def _of(*parts: str | tuple[str, str]) -> Ranges:
    return united((ord(part[0]), ord(part[-1])) for part in parts)


_DIGIT = _of(("0", "9"))
_LOWER, _UPPER = _of(("a", "z")), _of(("A", "Z"))
_ALPHA = united(_LOWER, _UPPER)
_ALNUM = united(_ALPHA, _DIGIT)
_WORD = united(_ALNUM, _of("_"))
_SPACE = _of("\t", "\n", "\x0b", "\f", "\r", " ")
_BLANK = _of(" ", "\t")
_GRAPH = ((0x21, 0x7E),)
_HORIZONTAL = _of(" ", "\t", "\xa0", "\u1680", "\u180e", ("\u2000", "\u200a"), "\u202f", "\u205f", "\u3000")
_VERTICAL = _of("\n", "\x0b", "\f", "\r", "\x85", "\u2028", "\u2029")
_ENDS_A_LINE = _of("\n", "\r", "\x85", "\u2028", "\u2029")

_CLASSES: Final[Mapping[str, Ranges]] = {
    "d": _DIGIT,
    "w": _WORD,
    "s": _SPACE,
    "h": _HORIZONTAL,
    "v": _VERTICAL,
}
"""After a backslash; in capitals, everything else."""
_POSIX: Final[Mapping[str, Ranges]] = {
    "Lower": _LOWER,
    "Upper": _UPPER,
    "ASCII": ((0, 0x7F),),
    "Alpha": _ALPHA,
    "Digit": _DIGIT,
    "Alnum": _ALNUM,
    "Punct": intersected(_GRAPH, complement(_ALNUM)),
    "Graph": _GRAPH,
    "Print": ((0x20, 0x7E),),
    "Blank": _BLANK,
    "Cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "XDigit": united(_DIGIT, _of(("a", "f"), ("A", "F"))),
    "Space": _SPACE,
}
_SIMPLE: Final[Mapping[str, int]] = {"t": 9, "n": 10, "r": 13, "f": 12, "a": 7, "e": 27}
_CASED: Final = frozenset({"Lower", "Upper", "Lu", "Ll", "Lt"})

_CATEGORIES: Final = frozenset(
    "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co".split()
)
_SCRIPTS: Final = frozenset(
    "Arabic Armenian Bengali Bopomofo Cyrillic Devanagari Ethiopic Georgian Greek Gujarati Gurmukhi Han Hangul "
    "Hebrew Hiragana Kannada Katakana Khmer Lao Latin Malayalam Mongolian Myanmar Sinhala Tamil Telugu Thaana Thai "
    "Tibetan".split()
)

_COUNTED = re.compile(r"\{([0-9]{1,5})(?:(,)([0-9]{1,5})?)?\}")
_GROUP_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_FLAGS = re.compile(r"\(\?([A-Za-z]*)(?:-([A-Za-z]*))?([:)])")
_MOST_TIMES: Final = 1000


class _Set:
    """Characters: those that are written out, and categories and scripts whose members RE2 knows."""

    __slots__ = ("named", "ranges")

    def __init__(self, ranges: Ranges = (), named: tuple[str, ...] = ()) -> None:
        self.ranges = ranges
        self.named = named

    def add(self, other: _Set) -> None:
        self.ranges = united(self.ranges, other.ranges)
        self.named += other.named

    def text(self) -> str:
        """The class in RE2's words; one that is empty matches nothing."""
        if not self.ranges and not self.named:
            return r"[^\x{0}-\x{10FFFF}]"
        if not self.named and len(self.ranges) == 1 and self.ranges[0][0] == self.ranges[0][1]:
            return _literal(self.ranges[0][0])
        parts = (_point(low) if low == high else f"{_point(low)}-{_point(high)}" for low, high in self.ranges)
        return f"[{''.join(parts)}{''.join(self.named)}]"


def translated(java: str) -> str:
    """The same in RE2's words. Raises ExpressionRefused."""
    reader = _Reader(java)
    text = reader.alternatives(0)
    if not reader.is_done:
        reader.refuse("a closing parenthesis without its opening one")
    return text


class _Reader:
    """Goes through one expression."""

    def __init__(self, java: str) -> None:
        self._java = java
        self._at = 0
        self._names: set[str] = set()
        self._flags: frozenset[str] = frozenset()
        self._ends = False
        """The group that was read last may match up to a ``$``."""

    @property
    def is_done(self) -> bool:
        return self._at >= len(self._java)

    def refuse(self, why: str) -> NoReturn:
        raise ExpressionRefused(f"{why} (at character {min(self._at, len(self._java) - 1) + 1})")

    def alternatives(self, depth: int) -> str:
        """All up to the end of the group; its flags end with it."""
        if depth > DEEPEST:
            self.refuse(f"more than {DEEPEST} groups in one another")
        before = self._flags
        parts: list[str] = []
        is_quantifiable = is_ended = may_end = False
        while not self.is_done and self._peek() != ")":
            char = self._peek()
            if char == "|":
                self._at += 1
                parts.append("|")
                is_quantifiable = is_ended = False
            elif char in "*+?" or char == "{":
                if not is_quantifiable:
                    self.refuse(f"nothing that {char} could repeat")
                if self._ends and char != "?":
                    self.refuse("$ in what is repeated cannot be done here")
                parts.append(self._quantifier())
                is_quantifiable = False
            else:
                start, self._ends = self._at, False
                atom, is_quantifiable = self._atom(depth)
                if is_ended and is_quantifiable:  # Java's $ is also before a line end, if that is the last thing
                    self._at = start
                    self.refuse("something behind $ cannot be done here")
                is_ended = is_ended or self._ends
                may_end = may_end or is_ended
                parts.append(atom)
        self._flags, self._ends = before, may_end
        return "".join(parts)

    def _atom(self, depth: int) -> tuple[str, bool]:
        """And whether it can be repeated."""
        char = self._peek()
        if char == "(":
            return self._group(depth)
        if char == "[":
            self._at += 1
            return self._class(depth).text(), True
        if char == "\\":
            return self._escape()
        self._at += 1
        if char == ".":
            return self._dot(), True
        if char == "^":
            return r"\A", False
        if char == "$":
            self._ends = True
            return r"\z", False
        return self._with_case(_single(ord(char))).text(), True

    def _dot(self) -> str:
        if "s" in self._flags:
            return r"[\x{0}-\x{10FFFF}]"
        return _Set(complement(_of("\n") if "d" in self._flags else _ENDS_A_LINE)).text()

    # Groups

    def _group(self, depth: int) -> tuple[str, bool]:
        if not self._java.startswith("(?", self._at):
            self._at += 1
            return self._inside(depth), True
        if flags := _FLAGS.match(self._java, self._at):
            return self._flagged(flags, depth)
        kind = self._java[self._at + 2 : self._at + 4]
        if kind[:1] in {"=", "!"} or kind in {"<=", "<!"}:
            self.refuse("looking ahead or behind cannot be done here")
        if kind[:1] == ">":
            self.refuse("atomic groups cannot be done here")
        if kind[:1] != "<":
            self.refuse("an unknown kind of group")
        name = _GROUP_NAME.match(self._java, self._at + 3)
        if name is None or not self._java.startswith(">", name.end()):
            self.refuse("a group's name has letters and digits only, and ends in >")
        if name[0] in self._names:
            self.refuse(f"two groups are called {name[0]}")
        self._names.add(name[0])
        self._at = name.end() + 1
        return self._inside(depth), True

    def _inside(self, depth: int) -> str:
        text = self.alternatives(depth + 1)
        if self.is_done:
            self.refuse("a group without its end")
        self._at += 1
        return f"(?:{text})"

    def _flagged(self, flags: re.Match[str], depth: int) -> tuple[str, bool]:
        """``(?i)`` counts to the end of the group around it, ``(?i:…)`` within itself."""
        on, off = set(flags[1]), set(flags[2] or "")
        for flag in sorted(on | off):
            if flag not in "ids":
                self.refuse(f"the flag {flag} cannot be done here")
        before, self._flags = self._flags, frozenset((self._flags | on) - off)
        self._at = flags.end()
        if flags[3] == ")":
            return "", False
        text = self._inside(depth)
        self._flags = before
        return text, True

    # Repetition

    def _quantifier(self) -> str:
        char = self._peek()
        if char == "{":
            counted = _COUNTED.match(self._java, self._at)
            if counted is None:
                self.refuse("{ begins a repetition such as {2,5}; write \\{ for the character")
            low, high = int(counted[1]), int(counted[3] or counted[1])
            if high < low:
                self.refuse("a repetition whose end is before its beginning")
            if max(low, high) > _MOST_TIMES:
                self.refuse(f"a repetition of more than {_MOST_TIMES} times cannot be done here")
            text = counted[0]
            self._at = counted.end()
        else:
            text = char
            self._at += 1
        if not self.is_done and self._peek() == "+":
            self.refuse("possessive repetition cannot be done here")
        if not self.is_done and self._peek() == "?":  # whole texts match or not, however greedily
            self._at += 1
        return text

    # Escapes

    def _escape(self) -> tuple[str, bool]:
        following = self._java[self._at + 1 : self._at + 2]
        if following == "Q":
            return self._quoted(), True
        if following in {"A", "z", "b", "B"} and following:
            self._at += 2
            if following == "b" and self._java.startswith("{", self._at):
                self.refuse("\\b{g} cannot be done here")
            return f"\\{following}", False
        return self._with_case(self._escaped_set()).text(), True

    def _quoted(self) -> str:
        """``\\Q…\\E``; only its last character would be repeated, which nobody means."""
        start = self._at + 2
        end = self._java.find("\\E", start)
        quoted = self._java[start:] if end < 0 else self._java[start:end]
        self._at = len(self._java) if end < 0 else end + 2
        text = "".join(self._with_case(_single(ord(char))).text() for char in quoted)
        if not self.is_done and self._peek() in "*+?{" and len(quoted) != 1:
            self.refuse("a repetition of a quotation; put it into a group")
        return text

    def _escaped_set(self) -> _Set:
        """What stands after a backslash, in a class or outside of one."""
        self._at += 1
        if self.is_done:
            self.refuse("a backslash at the end")
        char = self._peek()
        self._at += 1
        if char.lower() in _CLASSES and char in "dwshvDWSHV":
            ranges = _CLASSES[char.lower()]
            return _Set(ranges if char.islower() else complement(ranges))
        if char in "pP":
            return self._property(is_negated=char == "P")
        if char in _SIMPLE:
            return _single(_SIMPLE[char])
        if char in "xu0c":
            return _single(self._numbered(char))
        if char.isdigit() or char == "k":
            self.refuse("what a group has matched cannot be referred to here")
        if char.isascii() and char.isalpha():
            self.refuse(f"\\{char} cannot be done here")
        return _single(ord(char))

    def _numbered(self, kind: str) -> int:
        forms = {
            "x": r"([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\}",
            "u": r"([0-9A-Fa-f]{4})",
            "0": r"([0-3][0-7]{2}|[0-7]{1,2})",
            "c": r"([@-_])",
        }
        found = re.compile(forms[kind]).match(self._java, self._at)
        if found is None:
            self.refuse(f"\\{kind} without the number of a character")
        self._at = found.end()
        digits = found[found.lastindex or 1]
        if kind == "c":
            return ord(digits) ^ 64
        number = int(digits, 8 if kind == "0" else 16)
        if number > LAST or 0xD800 <= number <= 0xDFFF:
            self.refuse("no such character")
        return number

    def _property(self, *, is_negated: bool) -> _Set:
        found = re.compile(r"([A-Za-z])|\{([A-Za-z_=]{1,40})\}").match(self._java, self._at)
        if found is None:
            self.refuse("\\p without a name")
        self._at = found.end()
        written = found[1] or found[2]
        name = re.sub(r"^(general_category|gc|script|sc)=|^Is", "", written, flags=re.IGNORECASE)
        if "i" in self._flags and name in _CASED:
            self.refuse(f"\\p{{{written}}} where case is ignored cannot be done here")
        if written in _POSIX:
            return _Set(complement(_POSIX[written]) if is_negated else _POSIX[written])
        if name not in _CATEGORIES and (name not in _SCRIPTS or name == written):
            self.refuse(f"\\p{{{written}}} cannot be done here")
        return _Set((), (f"\\{'P' if is_negated else 'p'}{{{name}}}",))

    # Classes

    def _class(self, depth: int) -> _Set:
        """After its bracket, up to and with the closing one."""
        if depth > DEEPEST:
            self.refuse(f"more than {DEEPEST} classes in one another")
        is_negated = not self.is_done and self._peek() == "^"
        self._at += is_negated
        whole: _Set | None = None
        part = _Set()
        is_empty = True
        has_ampersand = has_inner = False
        while True:
            if self.is_done:
                self.refuse("a class without its ]")
            char = self._peek()
            if char == "]" and not is_empty:
                self._at += 1
                break
            if self._java.startswith("&&", self._at):
                if is_empty:
                    self.refuse("&& with nothing before it")
                self._at += 2
                if self._java[self._at : self._at + 1] in {"]", "&", ""}:
                    self.refuse("&& with nothing after it")
                whole = part if whole is None else self._both(whole, part)
                part, has_inner = _Set(), False
                continue
            if char == "[":
                self._at += 1
                part.add(self._class(depth + 1))
                has_inner = True
            else:
                if has_inner and whole is not None:  # Java binds it to what comes after it
                    self.refuse("after && a class in brackets stands alone")
                has_ampersand = has_ampersand or char == "&"
                part.add(self._with_case(self._member()))
            is_empty = False
        if has_ampersand and whole is not None:
            self.refuse("& besides && in a class; write \\& for the character")
        found = part if whole is None else self._both(whole, part)
        return self._negated(found) if is_negated else found

    def _member(self) -> _Set:
        """A character, a range, or what a backslash stands for."""
        first = self._class_character()
        if isinstance(first, _Set):
            return first
        following = self._java[self._at + 1 : self._at + 2]
        if not self._java.startswith("-", self._at) or following in {"]", "["} or not following:
            return _single(first)
        self._at += 1
        last = self._class_character()
        if isinstance(last, _Set) or last < first:
            self.refuse("a range whose end is before its beginning, or no character")
        return _Set(((first, last),))

    def _class_character(self) -> int | _Set:
        char = self._peek()
        if char != "\\":
            self._at += 1
            return ord(char)
        if self._java[self._at + 1 : self._at + 2] in {"Q", "E", "b", "B", "A", "z", "R"}:
            self.refuse("that escape cannot be done in a class")
        found = self._escaped_set()
        if not found.named and len(found.ranges) == 1 and found.ranges[0][0] == found.ranges[0][1]:
            return found.ranges[0][0]
        return found

    def _both(self, left: _Set, right: _Set) -> _Set:
        if left.named or right.named:
            self.refuse("categories and scripts cannot be intersected here")
        return _Set(intersected(left.ranges, right.ranges))

    def _negated(self, found: _Set) -> _Set:
        if not found.named:
            return _Set(complement(found.ranges))
        if found.ranges or len(found.named) > 1:
            self.refuse("a category or script among others cannot be negated here")
        name = found.named[0]
        return _Set((), ((r"\P" if name.startswith(r"\p") else r"\p") + name[2:],))

    # Case

    def _with_case(self, found: _Set) -> _Set:
        """In the other case, too, where that is ignored: of ASCII alone, as Java does without its flag u."""
        if "i" not in self._flags:
            return found
        upper = intersected(found.ranges, _UPPER)
        lower = intersected(found.ranges, _LOWER)
        ranges = united(
            found.ranges, ((low + 32, high + 32) for low, high in upper), ((low - 32, high - 32) for low, high in lower)
        )
        return _Set(ranges, found.named)

    def _peek(self) -> str:
        return self._java[self._at]


def _single(point: int) -> _Set:
    return _Set(((point, point),))


def _point(point: int) -> str:
    return f"\\x{{{point:x}}}"


def _literal(point: int) -> str:
    char = chr(point)
    return char if char.isascii() and char.isalnum() else _point(point)
