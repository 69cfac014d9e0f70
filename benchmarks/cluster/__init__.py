"""What it costs that many nodes on a Redis are one gateway: a section of the results of its own."""

from benchmarks.cluster.capacity import capacity
from benchmarks.cluster.catalogue import NAME, ROUNDS
from benchmarks.cluster.section import draw, section
from benchmarks.cluster.sitting import results
from benchmarks.cluster.store import prepare

__all__ = ["NAME", "ROUNDS", "capacity", "draw", "prepare", "results", "section"]
