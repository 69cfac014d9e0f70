"""The table of channels: what a match costs."""

from __future__ import annotations

from typing import Any

import pytest

from bayeux.protocol.channel import parse_channel
from bayeux.server.channels import ServerChannel
from bayeux.server.server import BayeuxServer


class CountedLookUps(dict[str, ServerChannel]):
    """A dictionary that counts how often it is asked."""

    count = 0

    def __contains__(self, name: object) -> bool:
        self.count += 1
        return super().__contains__(name)

    def __iter__(self) -> Any:
        raise AssertionError("a match walks no table")


@pytest.mark.interpreted("compiled code looks names up past a dict's own methods")
@pytest.mark.spec("CH-24", "CH-21")
@pytest.mark.parametrize("existing", [0, 10, 1000])
def test_a_match_costs_as_many_look_ups_as_the_name_has_patterns(existing: int) -> None:
    channels = BayeuxServer().channels
    for number in range(existing):
        channels.create_if_absent(parse_channel(f"/x/{number}/*"))
    table = CountedLookUps(channels._by_name)
    channels._by_name = table
    name = parse_channel("/x/7/z")
    matching = channels.matching(name)
    assert [channel.name.text for channel in matching] == (["/x/7/*"] if existing > 7 else [])
    assert table.count == len(name.patterns) == 5
