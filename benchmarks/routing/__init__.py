"""What it costs to find an agent, and how long a customer's task takes to his desktop: a section of its own."""

from benchmarks.routing.catalogue import NAME, ROUNDS
from benchmarks.routing.section import section
from benchmarks.routing.sitting import results

__all__ = ["NAME", "ROUNDS", "results", "section"]
