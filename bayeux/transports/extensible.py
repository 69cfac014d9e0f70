"""Says to mypyc that a compiled class may be extended by one that is not; to anybody else it says nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["mypyc_attr"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**attributes):
        """Leave the class as it is."""
        return lambda extensible: extensible
