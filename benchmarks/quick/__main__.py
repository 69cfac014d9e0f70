"""Count, compare with the baseline, tell; ``python -m benchmarks.quick``. Exits with 1 if a count is not as it was."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.quick.baseline import PATH, VERSION, Baseline, Compared
from benchmarks.quick.counts import Verdict
from benchmarks.quick.measuring import measure
from benchmarks.quick.workloads import WORKLOADS, Workload

UPDATE = "python -m benchmarks.quick --update"
WORSE = f"""\
Worse means that the server does more for the same: find out what, and have it cost what it did.
If it must cost that, say why in the commit, and record it: {UPDATE}"""
BETTER = f"Better is to be recorded, or it can be lost again without anybody seeing it: {UPDATE}"
MISSING = f"What is not in the baseline is to be recorded: {UPDATE}"
FREE = f"""\
The baseline has no counts of Python {VERSION}: what depends on the version was measured and not compared.
To record it: {UPDATE}"""


def table(rows: Sequence[Compared]) -> str:
    """The counts by workload, each beside its baseline."""
    lines, workload = [f"{'a unit costs':28}{'baseline':>12}{'measured':>12}{'':>10}"], ""
    for row in rows:
        if row.workload != workload:
            workload = row.workload
            lines += ["", workload]
        before = "–" if row.before is None else f"{row.before:,}"
        is_much = row.before is not None and abs(row.before) > row.kind.slack
        change = f"{row.now / row.before - 1:+.1%}" if row.before and is_much and row.now != row.before else ""
        verdict = "" if row.verdict is Verdict.SAME else row.verdict.value
        lines.append(f"  {row.kind.name:26}{before:>12}{row.now:>12,}{change:>10}  {verdict}".rstrip())
    return "\n".join(lines)


def judgement(rows: Sequence[Compared]) -> tuple[str, int]:
    """What it all means, in sentences, and the code to exit with."""
    found = {row.verdict for row in rows}
    same = sum(row.verdict is Verdict.SAME for row in rows)
    sentences = [f"{same} of {len(rows)} counts are as in the baseline."]
    for verdict, sentence in (
        (Verdict.WORSE, WORSE),
        (Verdict.BETTER, BETTER),
        (Verdict.MISSING, MISSING),
        (Verdict.FREE, FREE),
    ):
        if verdict in found:
            sentences.append(sentence)
    return "\n".join(sentences), int(bool(found & {Verdict.WORSE, Verdict.BETTER, Verdict.MISSING}))


def main(arguments: Sequence[str] | None = None, workloads: Sequence[Workload] = WORKLOADS, path: Path = PATH) -> int:
    """Run the command for these workloads and that baseline; the code to exit with."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quick", description=__doc__)
    parser.add_argument("--update", action="store_true", help="make what was measured the baseline")
    parser.add_argument("--differences", action="store_true", help="show only the counts that are not as they were")
    chosen = parser.parse_args(arguments)
    measured = {workload.name: measure(workload) for workload in workloads}
    baseline = Baseline.read(path)
    rows = list(baseline.compare(measured))
    shown = [row for row in rows if row.verdict not in (Verdict.SAME, Verdict.FREE)] if chosen.differences else rows
    if shown:
        print(table(shown), end="\n\n")
    if chosen.update:
        baseline.updated(measured).write(path)
        print(f"Recorded in {path.name}.")
        return 0
    sentences, code = judgement(rows)
    print(sentences)
    return code


if __name__ == "__main__":
    sys.exit(main())
