"""Writes ``docs/reference/peers.md`` from the tables; run as ``python -m tests.conformance.peers.page``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.conformance.peers.peer import PEERS, Difference, Kind, Peer

REFERENCE = Path(__file__).parent.parent.parent.parent / "docs" / "reference"
PAGE = REFERENCE / "peers.md"
RULES = ("bayeux.md", "extensions.md")
"""The pages whose rules the conformance cases are about."""
RULE = re.compile(r"^- \*\*([A-Z]+-L?\d+)\*\* (.+)$", re.MULTILINE)
OURS = "*(ours)*"
MARK = re.compile(r" \*\([a-z ]+\)\*")

KINDS: Mapping[Kind, str] = {
    Kind.OURS: "our own decision, which [the rules](bayeux.md) mark *(ours)*",
    Kind.COMETD: "we follow CometD's Java server, and the peer does not",
    Kind.LACKS: "the peer has nothing of the kind",
    Kind.BREAKS: "the peer loses, leaks or mixes up something",
}

HEAD = """\
# What other servers do instead

<!-- Written by python -m tests.conformance.peers.page from the tables in tests/conformance/peers. -->

The conformance cases also run against servers of other projects: {peers}.
What one of them does otherwise stands here beside the rule that explains it. `make conformance-peers` fails when a
case fails that is not listed, and when a listed one passes. An empty cell means that no case shows a difference.

Why there is one:

{kinds}

*Everywhere* means in all that the peer says. The cases see it put right, as otherwise they would see nothing else.

"""


def rules() -> dict[str, str]:
    """The rules of the reference in its order, with their marks."""
    return dict(rule for name in RULES for rule in RULE.findall((REFERENCE / name).read_text("utf-8")))


def page(peers: Sequence[Peer], rules: Mapping[str, str]) -> str:
    """The whole page."""
    names = ", ".join(f"npm `{peer.name}` {peer.version}" for peer in peers)
    kinds = "\n".join(f"- *{kind}*: {text}" for kind, text in KINDS.items())
    return HEAD.format(peers=names, kinds=kinds) + "\n".join([*_table(peers, rules), "", *_left_out(peers), ""])


def _table(peers: Sequence[Peer], rules: Mapping[str, str]) -> Iterator[str]:
    yield f"| rule | ours | {' | '.join(peer.name for peer in peers)} |"
    yield "| --- | --- |" + " --- |" * len(peers)
    for rule, text in rules.items():
        cells = ["<br>".join(_cell(each) for each in peer.differences if each.rule == rule) for peer in peers]
        if any(cells):
            yield " | ".join([f"| {rule}", MARK.sub("", text).replace("|", r"\|"), *cells]) + " |"


def _cell(difference: Difference) -> str:
    place = "everywhere, " if difference.everywhere else ""
    return f"{difference.does} (*{place}{difference.kind}*)".replace("|", r"\|")


def _left_out(peers: Sequence[Peer]) -> Iterator[str]:
    yield "## What is not compared"
    yield ""
    yield "A case needs a transport and a set-up of `tests/conformance/profiles.py`, and runs where a peer has both:"
    yield ""
    for peer in peers:
        yield f"- `{peer.name}`: transports {_listed(peer.transports)}; profiles {_listed(peer.profiles)}."
        yield from (f"  Without `{module}`: {reason}." for module, reason in peer.left_out.items())


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> None:
    """Write the page."""
    PAGE.write_text(page([Peer.load(name) for name in PEERS], rules()), "utf-8")


if __name__ == "__main__":
    main()
