"""Charts as SVG text, for reports and documentation: values in, one self-contained picture out.

``bars`` compares figures in groups, ``lines`` shows how figures go along an axis, ``percentiles`` shows
latencies as HDR Histogram does. Every picture has a title, a description for who cannot see it, a ground
of its own and colours for light, dark and print, so it is readable inline and as ``<img>``. No script, no
style attribute, no address is in it; text from outside is escaped.
"""

from gateway.bench.pictures.bars import Bar, bars
from gateway.bench.pictures.lines import lines, percentiles
from gateway.bench.pictures.scales import Axis, Linear, Logarithmic, Percentiles, Stretch, figure
from gateway.bench.pictures.svg import STYLE

__all__ = [
    "STYLE",
    "Axis",
    "Bar",
    "Linear",
    "Logarithmic",
    "Percentiles",
    "Stretch",
    "bars",
    "figure",
    "lines",
    "percentiles",
]
