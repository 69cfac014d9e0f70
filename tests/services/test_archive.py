"""Archives from strangers: what is taken of them, and that nothing else is."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.services.archive import ArchiveTooLarge, ArchiveWrong, Bounds, read_archive
from gateway.services.kinds import EntryWrong
from gateway.services.uploading import read_template
from tests.services.archives import FILES, HOSTILE, PROFILE, Part, Written, one, packed


@pytest.mark.spec("MG-6", "MG-23")
def test_an_honest_archive_is_read() -> None:
    assert read_archive(packed()) == FILES
    template = read_template(packed())
    assert template.name == "sales"
    assert [each.model_dump() for each in template.profiles] == [{**PROFILE, "description": ""}]
    assert template.texts == {"en": {"_target": "Who answers"}}
    assert template.files == {"Resources/wait.wav": 5004}
    assert template.mandatory == {"_target"}


@pytest.mark.spec("MG-23")
def test_archives_of_other_tools_are_read() -> None:
    """Some write sizes behind the data, some directories, some come from DOS, some say who made them."""
    buffer = io.BytesIO()

    class Unseekable(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            return buffer.write(data)

    with zipfile.ZipFile(Unseekable(), "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[arg-type]
        archive.mkdir("Resources")
        for name, content in FILES.items():
            archive.writestr(name, content)
    assert read_archive(buffer.getvalue()) == FILES
    dos = Written([Part(system=0, attributes=0x20), Part(name="Resources/", content=b"", system=0, attributes=0x10)])
    assert read_archive(bytes(dos)) == {"template.json": b"{}"}
    assert read_archive(bytes(Written(comment=b"made by hand"))) == {"template.json": b"{}"}
    assert read_archive(one(name="Resources/größe 1.txt")) == {"Resources/größe 1.txt": b"{}"}
    assert read_archive(one(method=8, content=b"x" * 900)) == {"template.json": b"x" * 900}


@pytest.mark.spec("MG-23", "SEC-60", "SEC-61")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused(name: str) -> None:
    with pytest.raises(EntryWrong) as refused:
        read_template(HOSTILE[name]())
    for wrong in refused.value.wrongs:
        assert wrong.message
        assert (wrong.path + wrong.message).isprintable()
        assert len(wrong.path) <= 200


@pytest.mark.spec("SEC-L10")
def test_the_bounds_of_an_archive() -> None:
    bounds = Bounds(packed=2000, unpacked=3000, entries=3, ratio=10)
    files = {"a": bytes(1000), "b": bytes(1000), "c": bytes(1000)}
    assert read_archive(packed(files), bounds) == files
    with pytest.raises(ArchiveWrong, match="3000 bytes"):
        read_archive(packed({**files, "c": bytes(1001)}), bounds)
    with pytest.raises(ArchiveWrong, match="3 entries"):
        read_archive(packed({**files, "d": b""}), bounds)
    with pytest.raises(ArchiveWrong, match="far more"):
        read_archive(packed({"a": bytes(1025)}), bounds)
    most = one(content=b"x" * (2000 - len(one(content=b""))))
    assert len(most) == 2000
    assert read_archive(most, bounds)
    with pytest.raises(ArchiveTooLarge):
        read_archive(most + b" ", bounds)


@pytest.mark.spec("SEC-60")
@settings(max_examples=400, deadline=None)
@given(st.data())
def test_an_archive_that_was_tampered_with_is_read_or_refused(data: st.DataObject) -> None:
    """Whatever is changed: no other error, and nothing but plain files in their places."""
    archive = bytearray(bytes(Written([Part(), Part(name="Resources/a", content=b"a" * 300, method=8)])))
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(archive) - 1))
        match data.draw(st.sampled_from(["set", "cut", "copy"])):
            case "set":
                archive[place] = data.draw(st.integers(0, 255))
            case "cut":
                del archive[place : place + data.draw(st.integers(1, 8))]
            case _:
                archive[place:place] = archive[place : place + data.draw(st.integers(1, 64))]
        if not archive:
            break
    try:
        files = read_archive(bytes(archive))
    except ArchiveWrong:
        return
    assert all(not name.startswith("/") and ".." not in name.split("/") for name in files)
    assert sum(map(len, files.values())) < 1_000_000


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(EntryWrong):
        read_template(noise)
