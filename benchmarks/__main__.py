"""``python -m benchmarks``: measure this server and others, write down what was found.

Whole it takes about half an hour; ``--only`` and ``--peers`` repeat a part, and the page keeps the rest.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from benchmarks import cluster, routing
from benchmarks.catalogue import CATALOGUE, Benchmark
from benchmarks.cpus import Cpus
from benchmarks.floor import send
from benchmarks.measurement import Measurement, Results
from benchmarks.page import page
from benchmarks.peers import OURS, PEERS, Lacking, Peer
from benchmarks.pictures import draw
from benchmarks.progress import Progress
from benchmarks.rig import Rig
from benchmarks.turns import turns
from gateway.bench.machine import this_machine
from gateway.bench.pictures import figure

_ROOT = Path(__file__).parent
_RESULTS = _ROOT / "results"
_TRIAL = _ROOT.parent / "build" / "benchmarks"
_LATEST = "latest.json"
_CLUSTER = "cluster.json"
_ROUTING = "routing.json"
_ROUNDS = 3
_TITLES = {peer.name: peer.title for peer in PEERS}


def main(arguments: Sequence[str]) -> int:
    """The exit code: 0, 2 for a wrong word, 130 after Ctrl-C."""
    options = _options(arguments)
    chosen = [each for each in CATALOGUE if not options.only or any(map(each.is_chosen, options.only))]
    sections = [name for name in _SECTIONS if OURS in options.peers and _is_wanted(name, options.only)]
    if not chosen and not sections:
        names = (*(each.name for each in CATALOGUE), *_SECTIONS)
        sys.stderr.write(f"No benchmark begins so. There are: {', '.join(names)}.\n")
        return 2
    if options.quick:
        chosen = [each.quick() for each in chosen]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        if options.page_only:
            _write(options.results)
            return 0
        options.results.mkdir(parents=True, exist_ok=True)
        if chosen:
            _sit(chosen, options)
        for name in sections:
            _SECTIONS[name](options)
    except KeyboardInterrupt:
        sys.stderr.write("\nStopped; what was finished is written down.\n")
        return 130
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this server and others.")
    parser.add_argument("--only", metavar="NAME,…", type=_words, default=[], help="benchmarks that begin so")
    parser.add_argument("--peers", metavar="NAME,…", type=_peers, default=list(PEERS), help=", ".join(_TITLES))
    parser.add_argument(
        "--rounds", metavar="N", type=int, choices=range(1, 100), help="3; of cluster and routing 2, of --quick 1"
    )
    parser.add_argument("--quick", action="store_true", help="see that it works; the figures mean nothing")
    parser.add_argument("--results", metavar="FOLDER", type=Path, help="where to, and what to keep the rest of")
    parser.add_argument("--page-only", action="store_true", help="write page and pictures again, and measure nothing")
    options = parser.parse_args(arguments)
    options.results = options.results or (_TRIAL if options.quick else _RESULTS)
    return options


def _is_wanted(name: str, only: Sequence[str]) -> bool:
    return not only or any(map(name.startswith, only))


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _peers(text: str) -> list[Peer]:
    words = _words(text)
    unknown = [word for word in words if word not in _TITLES]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}; there are {', '.join(_TITLES)}")
    return [peer for peer in PEERS if peer.name in words]


def _interrupt(signal_number: int, frame: FrameType | None) -> NoReturn:
    """TERM ends like Ctrl-C: whatever was started ends with us."""
    raise KeyboardInterrupt


def _sit(chosen: Sequence[Benchmark], options: argparse.Namespace) -> None:
    """One sitting: prepare, measure, and write down after each benchmark."""
    file = options.results / _LATEST
    earlier, rounds = Results.read(file), _rounds(options, _ROUNDS)
    peers, left_out = _prepared(options.peers)
    floor = _floor(left_out) if any(each.has_floor for each in chosen) else None
    cpus = Cpus.choose()
    results = Results(
        machine=_machine(cpus),
        versions={name: version for peer in peers for name, version in peer.versions().items()},
        rounds=rounds,
        left_out=tuple(left_out),
    )
    by_name = {peer.name: peer for peer in peers}
    with Rig(by_name, cpus, floor, sitting=_sitting(), raw=options.results / "raw") as rig:
        plan = [(each, rig.contestants(each)) for each in chosen]
        expected = (len(names) * (each.expected_warm_up + rounds * each.expected_seconds) for each, names in plan)
        progress = Progress(sys.stderr, sum(len(names) for _, names in plan) * rounds, sum(expected))
        for sentence in left_out:
            progress.say(sentence)
        for benchmark, names in plan:
            runs = _measured(benchmark, names, rig, rounds, progress)
            results = dataclasses.replace(results, measurements=(*results.measurements, *runs))
            kept = earlier.replaced_by(results) if earlier else results
            file.write_text(kept.encode(), "utf-8")
            _write(options.results)


def _sit_as_cluster(options: argparse.Namespace) -> None:
    """Measure many nodes, and write that section; it is of one sitting, or the earlier one stays."""
    try:
        cluster.prepare()
    except Lacking as lacking:
        sys.stderr.write(f"{lacking}\n")
        return
    results = cluster.results(
        Cpus.choose(),
        rounds=_rounds(options, cluster.ROUNDS),
        versions=OURS.versions(),
        sitting=_sitting(),
        raw=options.results / "raw",
        out=sys.stderr,
        is_quick=options.quick,
    )
    (options.results / _CLUSTER).write_text(results.encode(), "utf-8")
    _write(options.results)


def _sit_for_routing(options: argparse.Namespace) -> None:
    """Measure how tasks find agents, and write that section; it is of one sitting, too."""
    results = routing.results(
        Cpus.choose(),
        rounds=_rounds(options, routing.ROUNDS),
        versions=OURS.versions(),
        sitting=_sitting(),
        out=sys.stderr,
        is_quick=options.quick,
    )
    (options.results / _ROUTING).write_text(results.encode(), "utf-8")
    _write(options.results)


_SECTIONS: Mapping[str, Callable[[argparse.Namespace], None]] = {
    cluster.NAME: _sit_as_cluster,
    routing.NAME: _sit_for_routing,
}
"""What has a section of its own on the page, and measures it."""


def _measured(
    benchmark: Benchmark, names: Sequence[str], rig: Rig, rounds: int, progress: Progress
) -> list[Measurement]:
    """All rounds of one benchmark."""
    for name in names:
        rig.warm_up(benchmark, name)
        progress.passed(benchmark.expected_warm_up)
    runs = []
    for number, name in turns(names, rounds):
        title = _TITLES.get(name, send.TITLE)
        progress.begin(f"{benchmark.title}: {title}, round {number}")
        run = rig.measure(benchmark, name, number)
        runs.append(run)
        told = f"{figure(run.value)} {benchmark.figure.name}" if run.value is not None else f"failed: {run.failure}"
        progress.say(f"    {told}")
        progress.passed(benchmark.expected_seconds)
    return runs


def _prepared(peers: Sequence[Peer]) -> tuple[list[Peer], list[str]]:
    """Those that can run, and a sentence for each of the others."""
    ready, left_out = [], []
    for peer in peers:
        try:
            peer.prepare()
        except Lacking as lacking:
            left_out.append(str(lacking))
        else:
            ready.append(peer)
    return ready, left_out


def _floor(left_out: list[str]) -> Path | None:
    try:
        return send.prepare()
    except Lacking as lacking:
        left_out.append(str(lacking))
        return None


def _machine(cpus: Cpus) -> dict[str, str]:
    """The machine, and who had which core."""
    told = this_machine()
    if cpus.server is None:
        return {**told, "Pinned": "no: there is one core for servers and load"}
    return {**told, "Pinned": f"servers to core {cpus.server}, load to core {cpus.load}"}


def _rounds(options: argparse.Namespace, usual: int) -> int:
    """As many as were asked for."""
    return options.rounds or (1 if options.quick else usual)


def _sitting() -> str:
    """When it begins."""
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC"


def _write(folder: Path) -> None:
    """The page and the pictures, from the measurements that lie beside them."""
    parts = []
    if (compared := Results.read(folder / _LATEST)) is not None:
        parts.append(page(compared, _TITLES))
        draw(compared, _TITLES, folder)
    if (of_cluster := Results.read(folder / _CLUSTER)) is not None:
        parts.append(cluster.section(of_cluster))
        cluster.draw(of_cluster, folder)
        (folder / "capacity.md").write_text(cluster.capacity(compared, of_cluster), "utf-8")
    if (of_routing := Results.read(folder / _ROUTING)) is not None:
        parts.append(routing.section(of_routing))
    if parts:
        (folder / "latest.md").write_text("\n".join(parts), "utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
