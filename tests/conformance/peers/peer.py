"""What is known of another project's server: the set-ups it offers, and its differences from the rules.

Read from ``<package>.toml``, the table that a reviewer reads.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tests.conformance.peers.amends import PeerAmends, Word
from tests.conformance.profiles import PROFILES

FOLDER = Path(__file__).parent
PEERS = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))
"""The peers, by the names of their npm packages."""


class Kind(StrEnum):
    """Why a peer differs."""

    OURS = "ours"
    """The rule, or the part of it that is meant, is our own decision; the reference marks it so."""
    COMETD = "cometd"
    """Here we follow CometD's Java server, and the peer does not."""
    LACKS = "lacks"
    """The peer has nothing of the kind."""
    BREAKS = "breaks"
    """The peer loses, leaks or mixes up something."""


@dataclass(frozen=True, slots=True)
class Case:
    """A test by name, with all its parameters, or with those in ``[…]``, where ``*`` is any text.

    ``test_channels::TestNames::test_invalid_name_is_refused[*-/a//b]``
    """

    text: str

    def covers(self, name: str, parameters: str) -> bool:
        """Whether it means the test of that name with these parameters."""
        own_name, is_some, own = self.text.removesuffix("]").partition("[")
        if own_name != name:
            return False
        return not is_some or re.fullmatch(re.escape(own).replace(r"\*", ".*"), parameters, re.DOTALL) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that a peer does otherwise than the rule, and the cases that fail for it.

    A difference ``everywhere`` would make nearly all of them fail: it is amended instead (``amends``).
    """

    rule: str
    kind: Kind
    does: str
    """What the peer does instead, in one sentence without a full stop."""
    cases: tuple[Case, ...] = ()
    everywhere: bool = False

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Difference:
        """From an entry of the table."""
        cases = tuple(Case(text) for text in entry.get("cases", ()))
        return cls(**{**entry, "kind": Kind(entry["kind"]), "cases": cases})


@dataclass(frozen=True, slots=True)
class Peer:
    """One foreign server."""

    name: str
    version: str
    profiles: tuple[str, ...]
    """Those it can be set up for; cases of the others are skipped."""
    transports: tuple[str, ...]
    """Those it has; cases of the others are skipped."""
    left_out: Mapping[str, str]
    """Modules of cases that say nothing about it, each with the reason."""
    differences: tuple[Difference, ...]
    words: tuple[Word, ...]

    @classmethod
    def load(cls, name: str) -> Peer:
        """Read its table."""
        table = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
        peer = cls(
            name=name,
            version=table.pop("version"),
            profiles=tuple(table.pop("profiles")),
            transports=tuple(table.pop("transports")),
            left_out=table.pop("left_out", {}),
            differences=tuple(Difference.of(entry) for entry in table.pop("difference")),
            words=tuple(Word(**entry) for entry in table.pop("word", ())),
        )
        assert not table, f"{name}.toml has entries that mean nothing: {', '.join(table)}"
        assert PROFILES.keys() >= set(peer.profiles), f"{name}.toml names an unknown profile"
        return peer

    @property
    def amended(self) -> frozenset[str]:
        """The rules that are put right in all it says."""
        return frozenset(each.rule for each in self.differences if each.everywhere)

    def amends(self, made: set[str]) -> PeerAmends:
        """The amends of one client; ``made`` gets the rules that something was amended for."""
        return PeerAmends(self.amended, self.words, made)

    def explaining(self, name: str, parameters: str) -> Difference | None:
        """The difference that lists a case.

        Raises ValueError if there are two: whichever came second would never be shown.
        """
        found = [each for each in self.differences if any(case.covers(name, parameters) for case in each.cases)]
        if len(found) > 1:
            raise ValueError(f"{self.name} lists {name}[{parameters}] for {' and '.join(each.rule for each in found)}")
        return found[0] if found else None
