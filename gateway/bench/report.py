"""A load test as one HTML file that needs nothing else: figures, pictures, machine, and how to read them.

There is no script in it: pictures are the SVG of ``pictures``, whose marks tell their figures when pointed at. A
chart library would add zooming, 50 KB to each file and the need to allow scripts in something that people mail
to one another; the policy of the page allows nothing but its own style sheets, by their hashes.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import html
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.bench.figures import Section, faults, pace, place, remarks, sections, title
from gateway.bench.outcome import Latency, Outcome, Second, ServerCost
from gateway.bench.pictures import STYLE, Axis, Linear, Stretch, bars, figure, lines, percentiles
from gateway.failure import Failure

_WIDTH = 480  # two beside each other on a desk, and still readable on a phone
_MIB = 1024.0 * 1024.0
_NINES = (90.0, 99.0, 99.9, 99.99, 99.999, 99.9999, 99.99999)
_STEPS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
"""Of the way from one nine to the next."""

_SHEET = """
:root { color-scheme: light dark; --page: #f4f6f7; --card: #ffffff; --ink: #16232b; --quiet: #55666f; --line: #cfd8dc;
  --good: #18794e; --bad: #b42318; --warn: #8a5a00;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", sans-serif; }
@media screen and (prefers-color-scheme: dark) {
  :root { --page: #10181d; --card: #18232a; --ink: #e6edf0; --quiet: #a3b4bd; --line: #2d3b44;
    --good: #5fd39a; --bad: #ff8f85; --warn: #e3b341; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(0.75rem, 3vw, 2rem) 3rem; max-width: 66rem; background: var(--page);
  color: var(--ink); }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0; }
h2 { font-size: 1.1rem; margin: 2rem 0 0.5rem; }
p { margin: 0.25rem 0; max-width: 48rem; }
code { font: 0.9em ui-monospace, "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace;
  overflow-wrap: anywhere; }
.quiet { color: var(--quiet); }
.verdict { margin: 1rem 0; padding: 0.5rem 1rem; border-left: 4px solid; background: var(--card); border-radius: 6px; }
.good { border-color: var(--good); }
.bad { border-color: var(--bad); }
.warn { border-color: var(--warn); }
.key { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.75rem; margin: 1rem 0; }
.key div { background: var(--card); border-radius: 8px; padding: 0.6rem 0.9rem; }
.key dt { color: var(--quiet); font-size: 0.85rem; }
.key dd { margin: 0; font-size: 1.35rem; font-weight: 600; }
.pictures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 0.75rem; }
.pictures svg.chart { display: block; width: 100%; max-width: 36rem; margin-bottom: 0.75rem; }
table { border-collapse: collapse; width: 100%; background: var(--card); border-radius: 8px; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem; border-bottom: 1px solid var(--line);
  overflow-wrap: anywhere; }
th { font-weight: 400; }
thead th, .section th { font-weight: 600; padding-top: 0.8rem; }
td.value { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
@media (max-width: 34rem) { td.note { display: block; padding-top: 0; } td.note:empty { display: none; }
  tr { display: grid; grid-template-columns: 1fr auto; border-bottom: 1px solid var(--line); } th, td { border: 0; }
  td.note { grid-column: 1 / -1; } }
@media print { :root { --page: #ffffff; font-size: 11pt; } body { padding: 0; max-width: none; }
  .pictures { grid-template-columns: 1fr 1fr; } .verdict, .key div { border: 1px solid var(--line); }
  svg, tr, .verdict { break-inside: avoid; } h2 { break-after: avoid; } }
"""

_READING = """
<p>A run is <strong>exact</strong> if every event that was to arrive did so once, in the order in which it was
published. Everything else is only worth reading if it is.</p>
<p>The last steps of the percentiles are the interesting ones: someone who receives a hundred events meets the slowest
hundredth of them nearly every time.</p>
<p>In an <strong>open loop</strong> publishes begin at fixed times, and a latency counts from the time at which its
publish was due. In a <strong>closed loop</strong> the next publish waits for an earlier one: it finds out how much a
server can do, but while the server stands still nothing is sent, so its latencies are too good.</p>
<p><strong>CPU time a delivered message</strong> is what the server's processes used while measuring, divided by the
events that arrived. It changes little with the load of the machine, and says how many messages a core can carry.</p>
"""


def check_place(path: Path) -> None:
    """Find out before a long run that the report can be written; raises Failure."""
    try:
        if path.exists() and not path.is_file():
            raise Failure(f"{path} cannot be written: it is no file; name one with --report FILE")
        if path.exists() and not os.access(path, os.W_OK):
            raise Failure(f"{path} cannot be written: Permission denied; name another with --report FILE")
        temporary = _beside(path)
        temporary.touch(exist_ok=False)
        temporary.unlink()
    except OSError as error:
        raise _unwritable(path, error) from None


def write(path: Path, page: str) -> None:
    """Put the page there, whole or not at all; raises Failure."""
    temporary = _beside(path)
    try:
        temporary.write_text(page, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise _unwritable(path, error) from None


def page(outcome: Outcome, *, machine: Mapping[str, str], command: str) -> str:
    """The whole document.

    Args:
        machine: where it was measured, by name.
        command: what repeats the run.
    """
    heading = html.escape(title(outcome.workload))
    about = " · ".join(filter(None, (pace(outcome.workload), place(outcome), outcome.started)))
    pictures = "".join(_pictures(outcome))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(_SHEET, STYLE)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{heading}</title>
<link rel="icon" href="data:,">
<style>{_SHEET}</style>
</head>
<body>
<header>
<h1>{heading}</h1>
<p class="quiet">{html.escape(about)}</p>
</header>
<main>
{_verdict(outcome)}
{_key_figures(outcome)}
{f'<h2>Pictures</h2><div class="pictures">{pictures}</div>' if pictures else ""}
<h2>All figures</h2>
{_table(sections(outcome))}
<h2>How it was measured</h2>
<p><code>{html.escape(command)}</code></p>
{_rows_only({**machine, "Run": outcome.run})}
<h2>How to read it</h2>
{_READING}
</main>
</body>
</html>
"""


def _policy(*sheets: str) -> str:
    hashes = (base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode() for sheet in sheets)
    styles = " ".join(f"'sha256-{each}'" for each in hashes)
    return f"default-src 'none'; style-src {styles}; img-src data:; base-uri 'none'; form-action 'none'"


def _verdict(outcome: Outcome) -> str:
    wrong, known = faults(outcome), remarks(outcome)
    if wrong:
        boxes = [("bad", wrong)]
    elif outcome.workload.kind == "connect":
        boxes = [("good", [f"All {outcome.sessions:,} sessions were set up."])]
    else:
        boxes = [("good", [f"Exact: all {outcome.expected:,} events arrived once, in order."])]
    if known:
        boxes.append(("warn", known))
    return "".join(
        f'<div class="verdict {kind}">{"".join(f"<p>{html.escape(text)}</p>" for text in told)}</div>'
        for kind, told in boxes
    )


def _key_figures(outcome: Outcome) -> str:
    shown: dict[str, str] = {}
    if outcome.workload.kind == "connect":
        shown["set up a second"] = figure(outcome.set_ups_per_second)
    else:
        shown["delivered a second"] = figure(outcome.delivered_per_second)
    if outcome.latency is not None:
        shown["median latency"] = f"{figure(outcome.latency.p50)} ms"
        shown["99 % are faster than"] = f"{figure(outcome.latency.p99)} ms"
    if outcome.server is not None:
        if outcome.workload.kind in ("connect", "churn") and outcome.server.cpu_us_per_set_up is not None:
            shown["CPU time a session"] = f"{figure(outcome.server.cpu_us_per_set_up)} µs"
        elif outcome.server.cpu_us_per_delivered is not None:
            shown["CPU time a message"] = f"{figure(outcome.server.cpu_us_per_delivered)} µs"
        if outcome.workload.kind == "connect":
            shown["memory a session"] = f"{figure(outcome.server.kib_per_session)} KiB"
    items = (f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in shown.items())
    return f'<dl class="key">{"".join(items)}</dl>'


def _pictures(outcome: Outcome) -> list[str]:
    drawn = []
    if outcome.latency is not None:
        drawn.append(_latency_curve(outcome.latency))
    if len(outcome.series) > 1:
        drawn.extend(_over_time(outcome.series))
    if outcome.server is not None:
        drawn.append(f"<div>{''.join(_cost(outcome, outcome.server))}</div>")
    return drawn


def _latency_curve(latency: Latency) -> str:
    from hdrh.histogram import HdrHistogram  # noqa: PLC0415 - an extra, without which there is no outcome

    histogram = HdrHistogram.decode(latency.histogram)
    deepest = max(latency.count, 10)
    steps = (100 - 100 * 10 ** -(whole + part) for whole in range(len(_NINES)) for part in _STEPS)
    asked = sorted({0.0, 50.0, *_NINES, *steps})
    # A share smaller than one event is no measurement.
    shares = [share for share in asked if (100 - share) * deepest >= 99.999]
    curve = [(share, histogram.get_value_at_percentile(share) / 1000) for share in shares]
    return percentiles(
        "How long deliveries took",
        {"latency": [*curve, (100.0, latency.max)]},
        y=Axis("milliseconds"),
        width=_WIDTH,
        height=220,
    )


def _over_time(series: Sequence[Second]) -> list[str]:
    time = Axis("seconds", Stretch)
    median = [(float(each.second), each.p50 if each.delivered else None) for each in series]
    slowest = [(float(each.second), each.p99 if each.delivered else None) for each in series]
    delivered = [(float(each.second), float(each.delivered)) for each in series]
    return [
        lines(
            "Latency, second by second",
            {"99 %": slowest, "median": median},
            x=time,
            y=Axis("milliseconds", Linear),
            width=_WIDTH,
            height=220,
        ),
        lines(
            "Delivered, second by second",
            {"delivered": delivered},
            x=time,
            y=Axis("events a second", Linear),
            width=_WIDTH,
            height=220,
        ),
    ]


def _cost(outcome: Outcome, server: ServerCost) -> list[str]:
    drawn = []
    if outcome.delivered and server.cpu_us_per_delivered is not None:
        micro = 1e6 / outcome.delivered
        row = {"user": server.user_seconds * micro, "system": server.system_seconds * micro}
        drawn.append(
            bars(
                "CPU time of the server a delivered message",
                {"": {**row, "together": server.cpu_us_per_delivered}},
                unit="microseconds",
                width=_WIDTH,
            )
        )
    sizes = {"before": server.rss_before, "with sessions": server.rss_with_sessions, "after": server.rss_after}
    row = {name: size / _MIB for name, size in sizes.items()}
    drawn.append(bars("Resident memory of the server", {"": row}, unit="MiB", width=_WIDTH))
    return drawn


def _table(found: Sequence[Section]) -> str:
    rows = []
    for section in found:
        rows.append(f'<tr class="section"><th colspan="3" scope="rowgroup">{html.escape(section.title)}</th></tr>')
        rows.extend(
            f'<tr><th scope="row">{html.escape(each.name)}</th><td class="value">{html.escape(each.value)}</td>'
            f'<td class="note quiet">{html.escape(each.note)}</td></tr>'
            for each in section.figures
        )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _rows_only(named: Mapping[str, str]) -> str:
    rows = (
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>'
        for name, value in named.items()
    )
    return f"<table><tbody>{''.join(rows)}</tbody></table>"


def _beside(path: Path) -> Path:
    """On the same file system, where a rename is atomic."""
    return path.with_name(f".{path.name}.{os.getpid()}.new")


def _unwritable(path: Path, error: OSError) -> Failure:
    return Failure(f"{path} cannot be written: {error.strerror or error}; name another place with --report FILE")
