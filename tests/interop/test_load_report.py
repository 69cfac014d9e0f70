"""The report of a load test as people open it: a file, in a browser, without a network."""

from pathlib import Path

import pytest

from gateway.bench import report
from tests.gateway.bench.outcomes import outcome_of
from tests.interop.browser import Browser

HOSTILE = "</style><script>document.title = 'taken'</script><img src=http://192.0.2.1/x>"

STYLES = """() => ({
    page: getComputedStyle(document.body).backgroundColor,
    word: getComputedStyle(document.querySelector("svg text")).fill,
    ground: getComputedStyle(document.querySelector("svg .ground")).fill,
    hidden: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    narrowest: Math.min(...[...document.querySelectorAll("svg")].map((each) => each.getBoundingClientRect().width)),
})"""


@pytest.fixture
def address(tmp_path: Path) -> str:
    """Where the report of a run with a hostile server lies."""
    path = tmp_path / "report.html"
    hostile_outcome = outcome_of(errors={HOSTILE: 1})
    path.write_text(report.page(hostile_outcome, machine={HOSTILE: HOSTILE}, command=f"bench {HOSTILE}"), "utf-8")
    return path.as_uri()


@pytest.mark.spec("OPS-11")
async def test_a_report_opens_offline_without_a_complaint(chrome: Browser, address: str) -> None:
    """Its own style sheets pass its policy, and what a server said does nothing."""
    tab = await chrome.open(address)
    await tab.see("h1", "Fan-out to 100 sessions")
    assert await tab.evaluate("() => document.title") == "Fan-out to 100 sessions over websocket"
    assert await tab.evaluate("() => document.querySelectorAll('script, main img').length") == 0
    for event in ("violation", "console", "dialog", "elsewhere"):
        assert tab.heard(event) == []


@pytest.mark.spec("OPS-11")
async def test_a_report_fits_a_phone_and_the_dark(chrome: Browser, address: str) -> None:
    light = await chrome.open(address, colorScheme="light")
    dark = await chrome.open(address, colorScheme="dark", viewport={"width": 360, "height": 740})
    by_day, by_night = await light.evaluate(STYLES), await dark.evaluate(STYLES)
    assert by_night["hidden"] <= 0
    assert by_night["narrowest"] > 300
    for part in ("page", "word", "ground"):
        assert by_day[part] != by_night[part]
    assert by_day["word"] != by_day["ground"]
