"""What ``bayeux.testing`` lists is there, documented, and needs no pytest."""

from __future__ import annotations

import subprocess
import sys

import bayeux.testing


def test_everything_listed_is_there_and_documented() -> None:
    assert bayeux.testing.__all__ == sorted(bayeux.testing.__all__)
    for name in bayeux.testing.__all__:
        assert getattr(bayeux.testing, name).__doc__, name


def test_without_the_plugin_nothing_needs_pytest() -> None:
    code = "import sys; sys.modules['pytest'] = None; import bayeux.testing"
    subprocess.run([sys.executable, "-c", code], check=True)
