"""The reference pages agree with the code."""

import re
from pathlib import Path

from bayeux.protocol.options import Options

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "bayeux.md"


def test_defaults_of_the_reference_are_those_of_the_options() -> None:
    told = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", PAGE.read_text("utf-8"), re.MULTILINE))
    assert told
    assert told == {name: str(getattr(Options(), name)) for name in told}
