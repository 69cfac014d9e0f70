"""Archives for tests: one that is taken, and many that must not be.

Those are written byte by byte, because honest tools do not make them.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MANIFEST: dict[str, Any] = {
    "format": 1,
    "name": "sales",
    "version": "1.0.0",
    "type": "ors",
    "service": "callback",
    "title": "Sales",
    "parameters": [
        {"name": "_target", "kind": "mandatory", "default": ""},
        {"name": "_service_type", "default": "callback"},
        {"name": "_userorig_connect_limit", "type": "integer", "min": 1, "default": "3"},
        {"name": "_customer_number", "kind": "request", "type": "phone"},
    ],
}
PROFILE: dict[str, Any] = {
    "name": "Evenings",
    "values": {"_media_type": "chat", "_ttl": "60"},
    "fixed": ["_media_type"],
}
FILES: dict[str, bytes] = {
    "template.json": json.dumps(MANIFEST).encode(),
    "profiles/evenings.json": json.dumps(PROFILE).encode(),
    "i18n/en.json": b'{"_target": "Who answers"}',
    "Resources/wait.wav": b"RIFF" + bytes(range(250)) * 20,
}


def packed(files: Mapping[str, bytes] = FILES, **more: Any) -> bytes:
    """As an honest tool packs it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, **more) as archive:
        for name, content in files.items():
            # Without the present time: the same files are the same archive.
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@dataclass
class Part:
    """One entry, each field as it shall be told."""

    name: str | bytes = "template.json"
    content: bytes = b"{}"
    method: int = 0
    flags: int = 0x800
    system: int = 3
    attributes: int = 0o100644 << 16
    local_name: str | bytes | None = None
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    stream: bytes | None = None
    offset: int | None = None
    extra: bytes = b""
    gap: bytes = b""
    """Bytes before it."""

    @property
    def data(self) -> bytes:
        if self.stream is not None:
            return self.stream
        if self.method != 8:
            return self.content
        squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
        return squeeze.compress(self.content) + squeeze.flush()


def _bytes(name: str | bytes) -> bytes:
    return name if isinstance(name, bytes) else name.encode()


@dataclass
class Written:
    """An archive byte by byte."""

    parts: list[Part] = field(default_factory=lambda: [Part()])
    tail: bytes = b""
    count: int | None = None
    comment: bytes = b""

    def __bytes__(self) -> bytes:
        body, directory = b"", b""
        for part in self.parts:
            body += part.gap
            offset = len(body) if part.offset is None else part.offset
            data = part.data
            crc = zlib.crc32(part.content) if part.crc is None else part.crc
            size = len(part.content) if part.size is None else part.size
            packed_size = len(data) if part.packed_size is None else part.packed_size
            local = _bytes(part.name if part.local_name is None else part.local_name)
            numbers = (part.flags, part.method, 0, 33, crc, packed_size, size)
            if part.offset is None:
                body += struct.pack("<4s5H3I2H", b"PK\x03\x04", 20, *numbers, len(local), len(part.extra))
                body += local + part.extra + data
            name = _bytes(part.name)
            directory += struct.pack(
                "<4s6H3I5H2I",
                *(b"PK\x01\x02", (part.system << 8) | 20, 20, *numbers),
                *(len(name), len(part.extra), 0, 0, 0, part.attributes, offset),
            )
            directory += name + part.extra
        count = len(self.parts) if self.count is None else self.count
        start = len(body) + len(self.tail)
        end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, count, count, len(directory), start, len(self.comment))
        return body + self.tail + directory + end + self.comment


def one(**more: Any) -> bytes:
    """An archive of one entry that is told so."""
    return bytes(Written([Part(**more)]))


def named(*names: str | bytes) -> bytes:
    """An archive of entries with these names."""
    return bytes(Written([Part(name=name) for name in names]))


def _quine() -> bytes:
    """One stream that two entries of the directory refer to."""
    first = Part(name="template.json", content=bytes(100_000), method=8)
    return bytes(Written([first, Part(name="Resources/a", content=first.content, method=8, offset=0)]))


def _nested_bomb() -> bytes:
    """Each entry's data are the headers and data of all after it, as Fifield has shown."""
    kernel = Part(name="Resources/z", content=bytes(1_000_000), method=8)
    inner = bytes(Written([kernel]))
    data = inner[: inner.index(b"PK\x01\x02")]
    outer = Part(name="template.json", content=data, method=0)
    start = 30 + len("template.json")
    return bytes(Written([outer, Part(name="Resources/z", content=kernel.content, method=8, offset=start)]))


def _bomb(size: int) -> bytes:
    return one(name="template.json", content=bytes(size), method=8)


HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "no archive": lambda: b"template.json",
    "a program": lambda: b"MZ" + bytes(1000),
    "cut off": lambda: packed()[:-30],
    "cut in the middle": lambda: packed()[:200] + packed()[260:],
    "something before it": lambda: b"#!/bin/sh\n" + packed(),
    "something behind it": lambda: packed() + b"more",
    "no entries": lambda: bytes(Written([])),
    "fewer entries than it says": lambda: bytes(Written(count=5)),
    "absolute path": lambda: named("/template.json"),
    "parent": lambda: named("../template.json"),
    "parent within": lambda: named("Resources/../../template.json"),
    "parent that stays inside": lambda: named("Resources/../template.json"),
    "this directory": lambda: named("./template.json"),
    "empty segment": lambda: named("Resources//a"),
    "no name": lambda: named(""),
    "only a slash": lambda: named("/"),
    "backslash": lambda: named("Resources\\a"),
    "parent with backslash": lambda: named("..\\template.json"),
    "drive": lambda: named("C:template.json"),
    "drive and slash": lambda: named("C:/template.json"),
    "share": lambda: named("//host/share/template.json"),
    "alternate stream": lambda: named("template.json:more"),
    "device": lambda: named("Resources/NUL"),
    "device with an ending": lambda: named("Resources/con.txt"),
    "trailing dot": lambda: named("Resources/a."),
    "trailing blank": lambda: named("Resources/a "),
    "NUL in the name": lambda: named("template.json\x00.txt"),
    "line end in the name": lambda: named("Resources/a\nb"),
    "escape in the name": lambda: named("Resources/\x1b[31m"),
    "reversed text in the name": lambda: named("Resources/\u202ecod"),
    "no UTF-8": lambda: named(b"Resources/\xff\xfe"),
    "decomposed": lambda: named("Resources/e\u0301"),
    "wildcard": lambda: named("Resources/*"),
    "long name": lambda: named("Resources/" + "a" * 129),
    "long path": lambda: named("Resources/" + "a" * 100 + "/" + "b" * 100 + "/" + "/".join(["c" * 100] * 4)),
    "deep": lambda: named("/".join(["Resources", *"abcdefghijklmnopq"])),
    "twice": lambda: named("template.json", "template.json"),
    "twice but for case": lambda: named("template.json", "TEMPLATE.json"),
    "file and directory": lambda: named("template.json", "Resources/a", "Resources/a/b"),
    "file and directory entry": lambda: named("template.json", "Resources/a", "Resources/a/"),
    "unknown place": lambda: packed({**FILES, "bin/sh": b""}),
    "unknown file at the top": lambda: packed({**FILES, "other.json": b"{}"}),
    "script beside profiles": lambda: packed({**FILES, "profiles/a.py": b""}),
    "profile below a profile": lambda: packed({**FILES, "profiles/a/b.json": b"{}"}),
    "no manifest": lambda: packed({"Resources/a": b""}),
    "manifest elsewhere": lambda: packed({"sales/template.json": FILES["template.json"]}),
    "symbolic link": lambda: one(content=b"/etc/passwd", attributes=0o120777 << 16),
    "fifo": lambda: one(attributes=0o010644 << 16),
    "character device": lambda: one(attributes=0o020644 << 16),
    "socket": lambda: one(attributes=0o140644 << 16),
    "directory that is a file": lambda: one(attributes=0o040755 << 16),
    "volume label": lambda: one(system=0, attributes=0x08),
    "directory of DOS that is a file": lambda: one(system=0, attributes=0x10),
    "directory with content": lambda: bytes(
        Written([Part(), Part(name="Resources/", content=b"abcdef", attributes=0o040755 << 16)])
    ),
    "link that is a directory": lambda: bytes(
        Written([Part(), Part(name="Resources/", content=b"", attributes=0o120777 << 16)])
    ),
    "encrypted": lambda: one(flags=0x801),
    "strongly encrypted": lambda: one(flags=0x841),
    "with a masked directory": lambda: one(flags=0x2800),
    "patched": lambda: one(flags=0x820),
    "bzip2": lambda: one(method=12),
    "lzma": lambda: one(method=14),
    "unknown method": lambda: one(method=99),
    "imploded": lambda: one(method=6),
    "bomb": lambda: _bomb(60 * 1024 * 1024),
    "small bomb": lambda: _bomb(5 * 1024 * 1024),
    "many bombs": lambda: bytes(
        Written([Part(name=f"Resources/{number}", content=bytes(99_000), method=8) for number in range(490)])
    ),
    "bomb that says it is small": lambda: one(content=bytes(5_000_000), method=8, size=10),
    "one stream for two": _quine,
    "an entry in another": _nested_bomb,
    "too many entries": lambda: packed({**FILES, **{f"Resources/{number}": b"" for number in range(500)}}),
    "another name in the directory": lambda: one(name="template.json", local_name="template.exe"),
    "wrong checksum": lambda: one(crc=1),
    "wrong size": lambda: one(size=1),
    "longer than it is": lambda: one(packed_size=1000),
    "outside of the archive": lambda: bytes(Written([Part(), Part(name="Resources/a", offset=1 << 30)])),
    "broken stream": lambda: one(method=8, stream=b"\xff" * 40),
    "gap": lambda: bytes(Written([Part(), Part(name="Resources/a", gap=b"hidden" * 20)])),
    "gap before the directory": lambda: bytes(Written(tail=b"hidden" * 20)),
    "no JSON": lambda: packed({"template.json": b"{"}),
    "a list": lambda: packed({"template.json": b"[]"}),
    "deep JSON": lambda: packed({"template.json": b"[" * 100 + b"]" * 100}),
    "much JSON": lambda: packed({"template.json": json.dumps([*range(200_000)]).encode()}),
    "invalid UTF-8 in JSON": lambda: packed({"template.json": b'{"name": "\xff"}'}),
    "another format": lambda: manifest(format=2),
    "unknown member": lambda: manifest(run="rm -rf /"),
    "name with a path": lambda: manifest(name="../sales"),
    "no type": lambda: packed({"template.json": json.dumps({"format": 1, "name": "a", "service": "b"}).encode()}),
    "unknown kind": lambda: manifest(parameters=[{"name": "_a", "kind": "secret"}]),
    "unknown type of a parameter": lambda: manifest(parameters=[{"name": "_a", "type": "python"}]),
    "option that is no identifier": lambda: manifest(parameters=[{"name": "__import__('os')"}]),
    "parameter twice": lambda: manifest(parameters=[{"name": "_a"}, {"name": "_a"}]),
    "default of the wrong type": lambda: manifest(parameters=[{"name": "_ttl", "default": "soon"}]),
    "default that is no choice": lambda: manifest(parameters=[{"name": "_a", "default": "c", "choices": ["b"]}]),
    "built-in that is not there": lambda: manifest(type="builtin", service="os.system"),
    "profile that fixes nothing": lambda: profile(fixed=["_b"]),
    "profile with a wrong text": lambda: profile(values={"_ttl": "soon"}),
    "two profiles of one name": lambda: packed({**FILES, "profiles/b.json": json.dumps(PROFILE).encode()}),
    "texts that are none": lambda: packed({**FILES, "i18n/en.json": b'{"a": {"b": 1}}'}),
    "language that is none": lambda: packed({**FILES, "i18n/..json": b"{}"}),
}
"""Every way to be wrong that we know of, by its name."""


def manifest(**more: Any) -> bytes:
    """A template that differs in its manifest."""
    return packed({**FILES, "template.json": json.dumps({**MANIFEST, **more}).encode()})


def profile(**more: Any) -> bytes:
    """A template that differs in its profile."""
    return packed({**FILES, "profiles/evenings.json": json.dumps({**PROFILE, **more}).encode()})
