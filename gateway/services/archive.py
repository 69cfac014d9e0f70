"""Zip archives from strangers: what is in one, or why it is not looked at.

The directory at the end of an archive is believed in nothing: each entry has to lie where it says, one behind the
other from the first byte on, under the same name, and what it unpacks to is counted while it does. Nothing is written
anywhere. Only plain files with plain names are taken.

Source: MG-23, SEC-60, SEC-L10.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOCAL_HEADER: Final = struct.Struct("<4s5H3I2H")
END_RECORD: Final = struct.Struct("<4s4H2IH")
_END_MAGIC: Final = b"PK\x05\x06"
_LOCAL_MAGIC: Final = b"PK\x03\x04"
_ENCRYPTED: Final = 0x1 | 0x40 | 0x2000
_PATCHED: Final = 0x20
_UNIX: Final = 3
_DOS_DIRECTORY: Final = 0x10
_DOS_VOLUME: Final = 0x08
_CHUNK: Final = 64 * 1024
_DESCRIPTORS: Final = (0, 12, 16, 20, 24)
"""Bytes that may follow an entry's data to tell its sizes."""

_SEGMENT = re.compile(r"[^\x00-\x1f\x7f<>:\"|?*\\/]{1,128}\Z")
_DEVICE = re.compile(r"(con|prn|aux|nul|clock\$|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?\Z", re.IGNORECASE)
_LONGEST_PATH: Final = 512
_DEEPEST: Final = 16


@dataclass(frozen=True, slots=True)
class Bounds:
    """Of one archive."""

    packed: int = 10 * 1024 * 1024
    """Bytes; more is not looked at."""
    unpacked: int = 50 * 1024 * 1024
    """Bytes, of all files together."""
    entries: int = 500
    ratio: int = 100
    """Unpacked bytes to packed ones, of each file; of the first KiB nobody asks."""


BOUNDS: Final = Bounds()


class ArchiveTooLarge(Exception):
    """It has more packed bytes than may be."""


class ArchiveWrong(Exception):
    """It is no archive, or none that is taken; ``entry`` is what it is about, empty for the whole."""

    def __init__(self, why: str, entry: str = "") -> None:
        super().__init__(why)
        self.entry = entry


def read_archive(packed: bytes, bounds: Bounds = BOUNDS) -> Mapping[str, bytes]:
    """The files in an archive by their paths, as they stand in it; directories are passed over.

    It takes as long as unpacking does: call it in a thread.

    Raises ArchiveTooLarge, ArchiveWrong.
    """
    if len(packed) > bounds.packed:
        raise ArchiveTooLarge
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            members = archive.infolist()
            if len(members) > bounds.entries:
                raise ArchiveWrong(f"it has more than {bounds.entries} entries")
            _check_end(packed, archive)
            _check_names(members)
            _check_places(packed, members, archive.start_dir)
            return _unpacked(archive, members, bounds)
    except ArchiveWrong:
        raise
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise ArchiveWrong("it is not a zip archive, or a broken one") from error
    except (ValueError, IndexError, struct.error, UnicodeError) as error:
        raise ArchiveWrong("it is not a zip archive, or a broken one") from error


def _check_end(packed: bytes, archive: zipfile.ZipFile) -> None:
    """The last record is the last thing there is, and tells of as many entries as there are; no zip64, no volumes."""
    end = packed[-(END_RECORD.size + len(archive.comment)) :][: END_RECORD.size]
    magic, disk, first_disk, here, entries, _, directory, comment = END_RECORD.unpack(end)
    is_whole = magic == _END_MAGIC and comment == len(archive.comment) and directory == archive.start_dir
    if not is_whole or (disk, first_disk) != (0, 0) or {here, entries} != {len(archive.infolist())}:
        raise ArchiveWrong("its end is not that of one whole archive")


def _check_names(members: list[zipfile.ZipInfo]) -> None:
    """Each is a plain path, and no two of them would be one file anywhere."""
    files: set[str] = set()
    folders: set[str] = set()
    for member in members:
        name = _name(member)
        parts = name.rstrip("/").casefold().split("/")
        folded = "/".join(parts)
        if member.filename.endswith("/"):
            folders.add(folded)
        elif folded in files:
            raise ArchiveWrong("it is there twice", _label(member))
        else:
            files.add(folded)
        folders.update("/".join(parts[:end]) for end in range(1, len(parts)))
    both = sorted(files & folders)
    if both:
        raise ArchiveWrong("it is a file and a directory", both[0][:64])


def _name(member: zipfile.ZipInfo) -> str:
    name = member.filename
    # What zipfile cut off at a NUL, or turned about, was another name.
    if name != member.orig_filename:
        raise ArchiveWrong("its name has characters that a name does not have", _label(member))
    if len(name) > _LONGEST_PATH or unicodedata.normalize("NFC", name) != name:
        raise ArchiveWrong("its name is too long, or not in the composed form of Unicode", _label(member))
    segments = name.removesuffix("/").split("/")
    if len(segments) > _DEEPEST:
        raise ArchiveWrong("it lies too deep", _label(member))
    for segment in segments:
        is_plain = _SEGMENT.match(segment) is not None and segment.isprintable() and _DEVICE.match(segment) is None
        if not is_plain or segment in {".", ".."} or segment[-1:] in {".", " "} or segment[:1] == " ":
            raise ArchiveWrong("its name is not that of a file below the archive", _label(member))
    return name


def _check_places(packed: bytes, members: list[zipfile.ZipInfo], directory: int) -> None:
    """The entries fill the archive from its first byte to its directory, and none lies in another."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        _check_kind(member)
        start = member.header_offset
        if not any(start == end + more for more in _DESCRIPTORS) or (end == 0 != start):
            raise ArchiveWrong("there is something between the entries, or one lies in another", _label(member))
        header = packed[start : start + LOCAL_HEADER.size]
        if len(header) < LOCAL_HEADER.size:
            raise ArchiveWrong("it lies outside of the archive", _label(member))
        magic, _, flags, method, _, _, _, _, _, name_length, extra_length = LOCAL_HEADER.unpack(header)
        name = packed[start + LOCAL_HEADER.size : start + LOCAL_HEADER.size + name_length]
        encoding = "utf-8" if flags & 0x800 else "cp437"
        if magic != _LOCAL_MAGIC or method != member.compress_type or flags != member.flag_bits:
            raise ArchiveWrong("it is not what the directory of the archive says", _label(member))
        if name.decode(encoding) != member.orig_filename:
            raise ArchiveWrong("it has another name than in the directory of the archive", _label(member))
        end = start + LOCAL_HEADER.size + name_length + extra_length + member.compress_size
    if not any(directory == end + more for more in _DESCRIPTORS):
        raise ArchiveWrong("there is something between the entries and the directory of the archive")


def _check_kind(member: zipfile.ZipInfo) -> None:
    """A file, or an empty directory; packed in one of the two usual ways."""
    if member.flag_bits & (_ENCRYPTED | _PATCHED):
        raise ArchiveWrong("it is encrypted or patched", _label(member))
    if member.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        raise ArchiveWrong("it is packed in an unusual way", _label(member))
    is_directory = member.filename.endswith("/")
    kind = stat.S_IFMT(member.external_attr >> 16) if member.create_system == _UNIX else 0
    usual = {0, stat.S_IFDIR} if is_directory else {0, stat.S_IFREG}
    attributes = member.external_attr & (_DOS_DIRECTORY | _DOS_VOLUME)
    if kind not in usual or (attributes & _DOS_VOLUME) or (attributes & _DOS_DIRECTORY and not is_directory):
        raise ArchiveWrong("it is a link, or something else that is no file", _label(member))
    if is_directory and (member.file_size or member.compress_size > 2):
        raise ArchiveWrong("it is a directory with content", _label(member))


def _unpacked(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], bounds: Bounds) -> Mapping[str, bytes]:
    """Counted as it comes, whatever the headers say."""
    found: dict[str, bytes] = {}
    total = 0
    for member in members:
        if member.filename.endswith("/"):
            continue
        most = max(1024, member.compress_size * bounds.ratio)
        content = bytearray()
        with archive.open(member) as file:
            while chunk := file.read(_CHUNK):
                content += chunk
                total += len(chunk)
                if total > bounds.unpacked:
                    raise ArchiveWrong(f"it unpacks to more than {bounds.unpacked} bytes", _label(member))
                if len(content) > most:
                    raise ArchiveWrong("it unpacks to far more than it was packed to", _label(member))
        if len(content) != member.file_size:
            raise ArchiveWrong("it has another size than it says", _label(member))
        found[member.filename] = bytes(content)
    return found


def _label(member: zipfile.ZipInfo) -> str:
    """For messages."""
    return "".join(char if char.isprintable() else "?" for char in member.filename[:64])
