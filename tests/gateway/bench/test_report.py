"""The report of a load test: what stands in it, what must not, and where it is written."""

import base64
import hashlib
import re
import resource
import signal
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway.bench import report
from gateway.bench.machine import this_machine
from gateway.bench.workload import Workload
from gateway.failure import Failure
from tests.gateway.bench.outcomes import outcome_of

HOSTILE = "</style></title><script>alert(1)</script><img src=http://192.0.2.1/x onerror='x'>\"&"
VOID = {"meta", "link"}


class Elements(HTMLParser):
    """All elements of a document with their attributes; raises AssertionError where one is left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.words.append(data)


def page_of(**changes: object) -> str:
    return report.page(outcome_of(**changes), machine={"Processor": "abacus"}, command="bayeux-gateway bench fanout")


def pictures(page: str) -> list[str]:
    drawn = (ElementTree.fromstring(each) for each in re.findall(r"<svg.*?</svg>", page, re.DOTALL))  # noqa: S314
    return [each.findtext("{http://www.w3.org/2000/svg}title") or "" for each in drawn]


@pytest.mark.spec("OPS-11")
def test_a_report_has_figures_pictures_machine_and_command() -> None:
    page = page_of()
    words = " ".join(Elements(page).words)
    for each in (
        "4,000",
        "7.50 µs",
        "10.2 KiB",
        "open loop, 40 a second",
        "abacus",
        "bayeux-gateway bench fanout",
        "k3x9",
    ):
        assert each in words
    assert "Exact: all 20,000 events arrived once, in order." in words
    assert pictures(page) == [
        "How long deliveries took",
        "Latency, second by second",
        "Delivered, second by second",
        "CPU time of the server a delivered message",
        "Resident memory of the server",
    ]


def test_a_report_of_little_has_no_empty_picture() -> None:
    page = page_of(latency=None, series=(), server=None, workload=Workload(kind="connect"))
    assert pictures(page) == []
    assert "All 101 sessions were set up." in Elements(page).words


def test_a_fault_stands_at_the_top() -> None:
    page = page_of(lost=3)
    assert "3 were lost" in page
    assert "Exact:" not in page
    assert page.index("3 were lost") < page.index("<svg")


@pytest.mark.spec("OPS-11")
def test_a_report_loads_nothing_and_runs_nothing() -> None:
    page = page_of(errors={HOSTILE: 1}, target=f"http://127.0.0.1:8080/{HOSTILE}", run=HOSTILE, started=HOSTILE)
    elements = Elements(page).found
    assert {tag for tag, _ in elements} & {"script", "img", "iframe", "object", "form", "a"} == set()
    for tag, attributes in elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("src", "style", "srcset")], tag
    assert [attributes["href"] for _, attributes in elements if "href" in attributes] == ["data:,"]
    assert not re.search(r"@import|url\(", page)


def test_the_policy_names_every_style_sheet_and_nothing_else() -> None:
    page = page_of()
    (policy,) = (found["content"] for tag, found in Elements(page).found if found.get("http-equiv"))
    sheets = set(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    hashes = {base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode() for sheet in sheets}
    assert policy is not None
    assert "default-src 'none'" in policy
    assert set(re.findall(r"'sha256-(.*?)'", policy)) == hashes
    assert "unsafe" not in policy


def test_the_machine_is_told_without_its_name() -> None:
    machine = this_machine()
    assert {"Processor", "Cores", "Memory", "Python", "bayeux-gateway"} <= set(machine)
    assert all(machine.values())


@pytest.mark.spec("OPS-17")
def test_a_report_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an earlier one")
    report.check_place(path)
    assert path.read_text() == "an earlier one"
    report.write(path, "the page")
    assert path.read_text() == "the page"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.spec("OPS-17")
@pytest.mark.parametrize("place", [".", "absent/report.html", "file/report.html", "x" * 300])
def test_a_place_that_cannot_be_written_is_told_before_the_run(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Failure, match=r"cannot be written: .*; name (one|another place) with --report FILE"):
        report.check_place(tmp_path / place)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 4 KiB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.spec("OPS-17")
@pytest.mark.usefixtures("full_disk")
def test_a_full_disk_leaves_the_earlier_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("an earlier one")
    with pytest.raises(Failure, match="cannot be written: File too large"):
        report.write(path, "x" * 10_000)
    assert path.read_text() == "an earlier one"
    assert list(tmp_path.iterdir()) == [path]
