"""A regression guard without a clock: what the hot paths cost, in counts that are the same in every run.

``python -m benchmarks.quick`` plays rounds of messages with the real server and compares what it counts with
``baseline.toml``; ``make check`` does so. Times are the affair of ``make bench``.
"""
